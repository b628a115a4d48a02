"""The student in forms that run without Stillhouse, each measured against the student itself.

Traced once by torch.export, with a free batch dimension; ONNX is made of the same trace. The files hold neither
paths of this machine nor samples: traces remember both.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import GraphModule

from distill_core.errors import ExportError
from distill_core.files import SavedFile, save_file
from distill_core.outputs.copying import copy_to_cpu
from distill_core.outputs.samples import count_samples, move_samples, take_samples
from distill_core.spec.outputs import ExportFormat, OutputSpec
from distill_core.tap import call_model
from distill_core.tensors import Inputs

__all__ = ["FILE_NAMES", "Export", "Trace", "attempting", "export", "measure_difference", "trace_model"]

FILE_NAMES: Mapping[ExportFormat, str] = {"torch_export": "student.pt2", "onnx": "student.onnx"}
TRACED_SAMPLES = 2
"""A trace of one sample would fix the batch size: torch takes a size of 1 for a constant."""
MAX_REASON = 300
TALKATIVE = ("onnx_ir", "onnxscript")
"""Loggers that tell every step of an optimisation."""

NamedInputs = Mapping[str, Tensor]
Run = Callable[[Tensor | NamedInputs], Any]


@dataclass(frozen=True, slots=True)
class Trace:
    """A model's forward pass as a program, and what it is compared with.

    Attributes:
        model: a copy of the model, on the CPU.
        inputs: the samples it is compared on, on the CPU.
        program: the trace.
        input_names: names of the inputs in their order.
        output_names: names of the outputs in their order, as far as they have any.
    """

    model: nn.Module
    inputs: Tensor | NamedInputs
    program: ExportedProgram
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Export:
    """An exported student.

    Attributes:
        kind: its format.
        file: where it lies.
        difference: largest difference from the student's outputs, as a share of the largest of them.
    """

    kind: ExportFormat
    file: SavedFile
    difference: float

    @property
    def figures(self) -> dict[str, float]:
        """How far it is off, and its size."""
        name = f"export/{self.kind}"
        return {f"{name}_max_difference": self.difference, f"{name}_size_bytes": self.file.size}


def trace_model(model: nn.Module, inputs: Inputs) -> Trace:
    """Trace a model's forward pass in eval mode; the model stays as it is.

    Args:
        model: what is traced.
        inputs: real samples: a tensor, or tensors by the names of `forward`'s arguments; the first dimension is free.

    Raises:
        ExportError: the forward pass is no fixed program of tensors.
    """
    if not isinstance(inputs, Tensor | Mapping):
        raise ExportError(
            f"{type(model).__name__} takes a list of images of any sizes, which has no batch dimension to export; "
            "only models of one tensor or of named tensors can be exported"
        )
    twin = copy_to_cpu(model)
    samples = move_samples(inputs, torch.device("cpu"))
    few = take_samples(samples, TRACED_SAMPLES)
    arguments, named = ((), dict(few)) if isinstance(few, Mapping) else ((few,), {})
    batch = torch.export.Dim("batch", min=1)
    shapes: Any = {name: {0: batch} for name in named} or ({0: batch},)
    with attempting(f"{type(model).__name__} cannot be traced by torch.export"), torch.no_grad():
        program = torch.export.export(twin, arguments, named, dynamic_shapes=shapes)
        names = _name_outputs(call_model(twin, few))
    _forget_origin(program)
    return Trace(twin, samples, program, tuple(named) or ("input",), names)


def export(kind: ExportFormat, trace: Trace, folder: Path, spec: OutputSpec) -> Export:
    """Write a trace as a file, load the file, and compare it with the model on one sample and on all.

    Raises:
        ExportError: it cannot be written or run, or its outputs differ by more than the spec allows.
    """
    path = folder / FILE_NAMES[kind]
    try:
        with attempting(f"{type(trace.model).__name__} cannot be exported as {path.name}"), torch.no_grad():
            if kind == "torch_export":
                file, run = _save_program(trace, path)
            else:
                file, run = _save_onnx(trace, path, spec.opset)
            sizes = (1, count_samples(trace.inputs))
            difference = max(_compare(trace, run, size) for size in sizes)
        _check_difference(path, difference, spec.parity_tolerance)
    except ExportError:
        path.unlink(missing_ok=True)
        raise
    return Export(kind, file, difference)


def _save_program(trace: Trace, path: Path) -> tuple[SavedFile, Run]:
    """Write the trace itself; return the file and what it computes."""
    saved = save_file(path, lambda file: torch.export.save(trace.program, file))
    module = torch.export.load(path).module()
    return saved, lambda inputs: call_model(module, inputs)


def _save_onnx(trace: Trace, path: Path, opset: int | None) -> tuple[SavedFile, Run]:
    """Translate the trace into ONNX; return the file and what it computes."""
    program = torch.onnx.export(
        trace.program,
        dynamo=True,
        verbose=False,
        opset_version=opset,
        input_names=trace.input_names,
        output_names=trace.output_names or None,
        dynamic_shapes=_name_batch(trace.inputs),
    )
    if program is None:
        raise ExportError("torch.onnx gave no program")
    content = program.model_proto.SerializeToString(deterministic=True)
    return save_file(path, lambda file: file.write(content)), _open_onnx(path, trace.input_names)


def _open_onnx(path: Path, names: Sequence[str]) -> Run:
    import onnxruntime  # noqa: PLC0415  it takes a second, and most runs export nothing

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(inputs: NamedInputs | Tensor) -> list[Tensor]:
        tensors = inputs.values() if isinstance(inputs, Mapping) else [inputs]
        feed = {name: tensor.numpy() for name, tensor in zip(names, tensors, strict=True)}
        return [torch.from_numpy(array) for array in session.run(None, feed)]

    return run


def _name_batch(inputs: Tensor | NamedInputs) -> Any:
    return {name: {0: "batch"} for name in inputs} if isinstance(inputs, Mapping) else ({0: "batch"},)


def _name_outputs(output: Any) -> tuple[str, ...]:
    """Return the names of outputs, none where some are no tensors: ONNX then draws its own."""
    if isinstance(output, Tensor):
        return ("output",)
    is_plain = isinstance(output, Mapping) and all(isinstance(value, Tensor) for value in output.values())
    return tuple(output) if is_plain else ()


def _compare(trace: Trace, run: Run, size: int) -> float:
    """Return the largest difference from the model's outputs, relative to the largest value of the same output."""
    inputs = take_samples(trace.inputs, size)
    pairs = zip(_tensors(call_model(trace.model, inputs)), _tensors(run(inputs)), strict=True)
    return max(measure_difference(one, other) for one, other in pairs)


def measure_difference(expected: Tensor, found: Tensor) -> float:
    """Return max |found - expected| / max |expected|, infinite where the two cannot be compared."""
    if expected.shape != found.shape:
        return math.inf
    expected, found = expected.double(), found.double()
    gap, scale = (float(tensor.abs().max()) if tensor.numel() else 0.0 for tensor in (found - expected, expected))
    return 0.0 if gap == 0 else gap / scale if scale else math.inf


def _check_difference(path: Path, difference: float, tolerance: float) -> None:
    if not difference <= tolerance:  # NaN is refused too
        raise ExportError(
            f"{path.name} computes something else than the student: its outputs differ by {difference:.3g} of the "
            f"largest output; at most {tolerance:g} is allowed (outputs.parity_tolerance)"
        )


def _tensors(value: Any) -> Iterator[Tensor]:
    """Yield the tensors of an output, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _tensors(entry)
    elif isinstance(value, tuple | list):
        for entry in value:
            yield from _tensors(entry)


def _forget_origin(program: ExportedProgram) -> None:
    """Take out the source files' paths, and put zeros in the samples' place."""
    for module in program.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, GraphModule) else ():
            node.meta.pop("stack_trace", None)
    arguments, named = program.example_inputs
    zeros = {name: torch.zeros_like(tensor) for name, tensor in named.items()}
    program.example_inputs = (tuple(torch.zeros_like(tensor) for tensor in arguments), zeros)


@contextmanager
def attempting(what: str) -> Iterator[None]:
    """Turn whatever tracers and exporters raise, which depends on the model, into one sentence; mute them."""
    loggers = {logger: logger.level for logger in map(logging.getLogger, TALKATIVE)}
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings(action="ignore"):
            yield
    except ExportError:
        raise
    except Exception as error:
        reason = str(error).strip().partition("\n")[0].partition(" For more information")[0]
        raise ExportError(f"{what}: {reason[:MAX_REASON] or type(error).__name__}") from error
    finally:
        for logger, level in loggers.items():
            logger.setLevel(level)
