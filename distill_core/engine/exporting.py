"""A saved student in forms that run without Stillhouse, made after its run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from distill_core.distributed import World
from distill_core.engine.conclusion import take_samples_of
from distill_core.engine.device import prepare_machine
from distill_core.engine.run import open_streams
from distill_core.outputs.cut import cut_module
from distill_core.outputs.export import Export, export, trace_model
from distill_core.place import Place
from distill_core.spec.experiment import ResolvedSpec
from distill_core.weights import Input, load_student

__all__ = ["export_saved"]


def export_saved(
    path: Path, spec: ResolvedSpec, data_root: Path, folder: Path, inputs: Mapping[str, Input] | None = None
) -> tuple[Export, ...]:
    """Write a student file in the forms that a spec's outputs ask for, each compared with it on real samples.

    Args:
        path: the student, as a run of the spec left it.
        spec: its experiment; `outputs` says what is made, and the evaluation stream gives the samples.
        data_root: folder of the data sets.
        folder: where the files are written.
        inputs: id of an uploaded data set -> the folder in which it lies unpacked.

    Raises:
        ExportError: one of them cannot be made, or computes something else; none after it is made.
        WeightsError: the file is not what Stillhouse wrote.
        DataError: the data set is missing.
    """
    device = prepare_machine(spec.runtime, World()).device
    student = load_student(path).to(device)
    samples = take_samples_of(spec, open_streams(spec, data_root, device, inputs=inputs))
    part = student if spec.outputs.until is None else cut_module(student, Place(spec.outputs.until), samples)
    trace = trace_model(part, samples)
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(export(kind, trace, folder, spec.outputs) for kind in dict.fromkeys(spec.outputs.exports))
