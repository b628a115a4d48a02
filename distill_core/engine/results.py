"""The result files of a run: student, exports, metrics, spec, curves, model card, and last the manifest of them all."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from distill_core.engine.context import Context
from distill_core.engine.events import as_json
from distill_core.errors import ExportError
from distill_core.files import SavedFile, save_file
from distill_core.outputs.card import write_card
from distill_core.outputs.curves import save_curves
from distill_core.outputs.cut import cut_module
from distill_core.outputs.export import Export, export, trace_model
from distill_core.outputs.result import Result
from distill_core.place import Place
from distill_core.spec.outputs import OutputSpec
from distill_core.tensors import Inputs

__all__ = ["export_student", "write_results"]

logger = logging.getLogger(__name__)

Artifact = tuple[str, SavedFile]
"""Kind and file."""


def export_student(
    context: Context, wanted: OutputSpec, student: nn.Module, inputs: Inputs, folder: Path
) -> tuple[Export, ...]:
    """Write the student in the forms that a spec asks for, each compared with it on real samples.

    One that fails is reported as a warning and left out: the student itself is not lost for it.

    Args:
        context: the world around the run.
        wanted: the formats, and how far their outputs may be off.
        student: what is exported; it stays as it is.
        inputs: real samples, at least one.
        folder: where the files are written.
    """
    made: list[Export] = []
    if not wanted.exports:
        return ()
    try:
        exported = student if wanted.until is None else cut_module(student, Place(wanted.until), inputs)
        trace = trace_model(exported, inputs)
    except ExportError as error:
        _warn(context, error)
        return ()
    for kind in dict.fromkeys(wanted.exports):
        try:
            made.append(export(kind, trace, folder, wanted))
        except ExportError as error:
            _warn(context, error)
    return tuple(made)


def write_results(context: Context, result: Result, student: SavedFile, stages: Sequence[tuple[str, int]]) -> None:
    """Write what goes with the student, and report all of it.

    Args:
        context: the world around the run.
        result: what was run and what came of it.
        student: the student's weights, already written.
        stages: name of each stage and the steps taken before it.
    """
    folder = student.path.parent
    history = {key: [list(point) for point in points] for key, points in context.history.items()}
    spec = _save_json(folder / "spec.json", result.spec.as_document())
    artifacts: list[Artifact] = [
        ("student", student),
        *((export.kind, export.file) for export in result.exports),
        ("metrics", _save_json(folder / "metrics.json", {"figures": result.figures, "history": history})),
        *_write_comparison(result, folder),
        ("spec", spec),
        *_draw_curves(context, result.spec.outputs, folder, stages),
    ]
    if result.spec.outputs.card:
        card = write_card(result, spec.sha256).encode()
        artifacts.append(("card", save_file(folder / "README.md", lambda file: file.write(card))))
    artifacts.append(("manifest", _save_json(folder / "manifest.json", _write_manifest(result, artifacts))))
    for kind, saved in artifacts:
        context.report_artifact(kind, saved)


def _write_comparison(result: Result, folder: Path) -> list[Artifact]:
    if result.comparison is None:
        return []
    text = json.dumps(result.comparison, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
    return [("evaluation", save_file(folder / "evaluation.json", lambda file: file.write(text.encode())))]


def _draw_curves(
    context: Context, wanted: OutputSpec, folder: Path, stages: Sequence[tuple[str, int]]
) -> list[Artifact]:
    drawn = [
        save_curves(folder / f"curves.{suffix}", context.history, stages) for suffix in dict.fromkeys(wanted.curves)
    ]
    return [("curves", saved) for saved in drawn if saved is not None]


def _write_manifest(result: Result, artifacts: Sequence[Artifact]) -> Mapping[str, Any]:
    return {
        "spec": result.spec.as_document(),
        "figures": result.figures,
        **result.facts,
        "outputs": {
            saved.path.name: {"kind": kind, "sha256": saved.sha256, "size": saved.size} for kind, saved in artifacts
        },
    }


def _warn(context: Context, error: ExportError) -> None:
    context.report("warning", code=error.code, message=str(error))
    logger.warning("%s", error)


def _save_json(path: Path, document: Any) -> SavedFile:
    text = json.dumps(as_json(document), indent=2, allow_nan=False) + "\n"
    return save_file(path, lambda file: file.write(text.encode()))
