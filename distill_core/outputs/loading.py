"""How a student is loaded, as code that runs beside its files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from distill_core.outputs.export import FILE_NAMES
from distill_core.outputs.samples import write_zeros
from distill_core.spec.outputs import ExportFormat
from distill_core.tensors import Inputs

__all__ = ["write_export_loading", "write_loading"]


def write_loading(inputs: Inputs) -> str:
    """Return four lines that load `student.safetensors` and run it once."""
    return f"""\
import torch
from distill_core.weights import load_student
model = load_student("student.safetensors")
outputs = model({_arguments(inputs, "torch")})
"""


def write_export_loading(kind: ExportFormat, inputs: Inputs) -> str:
    """Return the lines that load an export and run it once, without Stillhouse."""
    name = FILE_NAMES[kind]
    if kind == "torch_export":
        return f"""\
import torch
model = torch.export.load("{name}").module()
outputs = model({_arguments(inputs, "torch")})
"""
    zeros = write_zeros(inputs, "numpy")
    named = zeros if isinstance(zeros, Mapping) else {"input": zeros}
    feed = ", ".join(f'"{each}": {code}' for each, code in named.items())
    return f"""\
import numpy, onnxruntime
session = onnxruntime.InferenceSession("{name}")
outputs = session.run(None, {{{feed}}})
"""


def _arguments(inputs: Inputs, library: Literal["torch", "numpy"]) -> str:
    zeros = write_zeros(inputs, library)
    return ", ".join(f"{name}={code}" for name, code in zeros.items()) if isinstance(zeros, Mapping) else zeros
