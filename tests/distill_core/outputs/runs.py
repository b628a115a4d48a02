"""Finished runs to describe: real specs, a real student's file and measured costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from distill_core.outputs.comparison import Answers, compare
from distill_core.outputs.cost import measure_cost
from distill_core.outputs.export import Export, export, trace_model
from distill_core.outputs.result import Result
from distill_core.spec.check import resolve
from distill_core.spec.outputs import OutputSpec
from distill_core.weights import save_weights
from tests.distill_core.outputs.models import make_classifier, make_images

DIGEST = "ab" * 32
FACTS: dict[str, Any] = {
    "versions": {"python": "3.11.7", "torch": "2.15.0"},
    "seeds": {"run": 3},
    "weights": {"teacher": DIGEST},
    "hardware": {"device": "cpu", "machine": "x86_64", "cpu_capability": "AVX2", "num_threads": 1},
    "runtime": {"elapsed_s": 12.5},
}


def make_document() -> dict[str, Any]:
    """Return a spec: a teacher of a file teaches by ce and kd; the best weights by held-out samples are kept."""
    held_out = {"ratio": 0.1, "seed": 1}
    return {
        "version": 1,
        "name": "digits | small",
        "description": "What a | in a title does.",
        "models": {
            "teacher": {"model": "resnet8", "weights": {"file": "teacher.safetensors"}},
            "student": {"model": "light_nn"},
        },
        "data": {
            "train": {"dataset": "digits", "hold_out": {**held_out, "part": "rest"}},
            "validation": {"dataset": "digits", "hold_out": {**held_out, "part": "held_out"}},
            "test": {"dataset": "digits", "split": "test"},
        },
        "stages": [
            {
                "name": "distil",
                "student": "student",
                "teachers": ["teacher"],
                "train": "train",
                "validate_on": "validation",
                "epochs": 3,
                "batch_size": 64,
                "objective": {
                    "ce": {"method": "ce", "weight": 0.1},
                    "soft": {"method": "kd", "weight": 0.9, "params": {"temperature": 2.5}},
                },
                "optimizer": {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9},
                "schedule": {"schedule": "cosine"},
                "keep": "best",
            }
        ],
        "runtime": {"seed": 3},
        "evaluation": {"stream": "test", "metrics": ["accuracy", "nll", "agreement"]},
    }


def make_comparison() -> dict[str, Any]:
    """Return a student and its teacher beside the labels of a few images."""
    images = make_images()
    answers = Answers(make_classifier()(images).detach(), torch.arange(len(images)) % 10)
    return compare(answers, "test", {"student": "student", "teacher": ""}, None)


def make_result(document: dict[str, Any], folder: Path | None = None, **changes: Any) -> Result:
    """Return the run of a spec; its student and exports are written into the folder, if one is given."""
    spec, model, images = resolve(document), make_classifier(), make_images()
    exports: tuple[Export, ...] = ()
    if folder is not None:
        save_weights(folder / "student.safetensors", model)
        trace = trace_model(model, images)
        exports = tuple(export(kind, trace, folder, OutputSpec()) for kind in ("torch_export", "onnx"))
    num_samples = {"train": 1293, "validation": 144, "test": 360}
    data = {
        name: {"dataset": stream.dataset, "num_samples": num_samples[name], "sha256": DIGEST}
        for name, stream in spec.data.items()
    }
    figures = {"test/accuracy": 0.9725, "test/nll": 0.1234567, "test/agreement": 0.985, **measure_cost(model, images)}
    fields = {"figures": figures, "facts": FACTS | {"data": data}, "validation": {"accuracy": 0.96}, "exports": exports}
    return Result(spec=spec, inputs=torch.zeros_like(images), **(fields | changes))
