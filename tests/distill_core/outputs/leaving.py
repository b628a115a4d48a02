"""The folder of a finished run, written by the engine's own functions."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from torch import nn

from distill_core.engine.context import Context
from distill_core.engine.events import EventLog
from distill_core.engine.results import export_student, write_results
from distill_core.files import SavedFile
from distill_core.outputs.result import Result
from distill_core.spec.outputs import OutputSpec
from distill_core.spec.runtime import RuntimeSpec
from distill_core.tensors import Inputs
from distill_core.weights import save_weights
from tests.distill_core.outputs.models import make_classifier, make_images
from tests.distill_core.outputs.runs import make_comparison, make_document, make_result

OUTPUTS = {"exports": ["torch_export", "onnx"], "curves": ["svg", "png"]}


def leave(folder: Path, outputs: dict[str, Any]) -> Result:
    """Write the results of a run below a folder, with its events."""
    student = save_weights(folder / "artifacts/student.safetensors", make_classifier())
    with EventLog(folder / "events.jsonl") as events:
        context = Context(folder, events, threading.Event(), RuntimeSpec())
        for step in range(1, 11):
            context.report_metrics("distil", step, step / 10, {"train/loss": 2 / step, "train/lr": 0.1})
        result = make_result(make_document() | {"outputs": outputs})
        exports = export_student(context, result.spec.outputs, make_classifier(), make_images(), student.path.parent)
        document = make_document() | {"outputs": outputs}
        result = make_result(document, exports=exports, comparison=make_comparison())
        write_results(context, result, student, [("distil", 0)])
    return result


def try_export(folder: Path, model: nn.Module, inputs: Inputs, outputs: OutputSpec) -> list[SavedFile]:
    """Export a model as a run does, with its events in the folder, and return what was made."""
    with EventLog(folder / "events.jsonl") as events:
        context = Context(folder, events, threading.Event(), RuntimeSpec())
        return [made.file for made in export_student(context, outputs, model, inputs, folder)]
