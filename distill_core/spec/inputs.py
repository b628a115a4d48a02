"""Which artifacts, uploads and students of other jobs a spec takes in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from distill_core.spec.document import join_pointer

__all__ = ["NamedArtifact", "NamedJob", "find_artifacts", "find_datasets", "find_jobs"]


@dataclass(frozen=True, slots=True)
class NamedArtifact:
    """An artifact, or an upload, that a spec names.

    Attributes:
        pointer: where its id stands.
        id: its id.
        kind: what it must hold: `student` weights or a `process` of term weights; `weights` or a `dataset`, if it is
            an upload.
    """

    pointer: str
    id: str
    kind: str


@dataclass(frozen=True, slots=True)
class NamedJob:
    """A job whose student a spec takes as a model.

    Attributes:
        pointer: where its id stands.
        model: name of the model that gets the weights.
        id: its id.
    """

    pointer: str
    model: str
    id: str


def find_artifacts(spec: Mapping[str, Any]) -> Iterator[NamedArtifact]:
    """Yield what the plain data of a spec names, resolved or as a person wrote it; it must be free of problems."""
    for name, model in spec["models"].items():
        yield from _read(join_pointer("/models", name, "weights"), model.get("weights"), "student")
    for index, stage in enumerate(spec.get("stages") or ()):
        for name, term in (stage.get("objective") or {}).items():
            source = (term.get("parts") or {}).get("source")
            pointer = join_pointer("/stages", index, "objective", name, "parts", "source")
            yield from _read(pointer, source, "process")


def find_datasets(spec: Mapping[str, Any]) -> Iterator[NamedArtifact]:
    """Yield the uploads that the plain data of a spec reads samples from, resolved or as written; free of problems."""
    for name, stream in (spec.get("data") or {}).items():
        if stream.get("upload") is not None:
            yield NamedArtifact(join_pointer("/data", name, "upload"), stream["upload"], "dataset")


def find_jobs(spec: Mapping[str, Any]) -> Iterator[NamedJob]:
    """Yield every job whose student the plain data of a spec names, resolved or as written; free of problems."""
    for name, model in spec["models"].items():
        weights = model.get("weights")
        if isinstance(weights, dict) and "job" in weights:
            yield NamedJob(join_pointer("/models", name, "weights", "job"), name, weights["job"])


def _read(pointer: str, source: Any, kind: str) -> Iterator[NamedArtifact]:
    if isinstance(source, dict) and "artifact" in source:
        yield NamedArtifact(f"{pointer}/artifact", source["artifact"], kind)
    if isinstance(source, dict) and "upload" in source:
        yield NamedArtifact(f"{pointer}/upload", source["upload"], "weights")
