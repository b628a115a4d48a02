"""Which artifacts of earlier jobs, and which uploads, a spec takes in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from distill_core.spec.document import join_pointer

__all__ = ["NamedArtifact", "find_artifacts"]


@dataclass(frozen=True, slots=True)
class NamedArtifact:
    """An artifact, or an upload, that a spec names.

    Attributes:
        pointer: where its id stands.
        id: its id.
        kind: what it must hold: `student` weights or a `process` of term weights; `weights`, if it is an upload.
    """

    pointer: str
    id: str
    kind: str


def find_artifacts(spec: Mapping[str, Any]) -> Iterator[NamedArtifact]:
    """Yield what the plain data of a spec names, resolved or as a person wrote it; it must be free of problems."""
    for name, model in spec["models"].items():
        yield from _read(join_pointer("/models", name, "weights"), model.get("weights"), "student")
    for index, stage in enumerate(spec.get("stages") or ()):
        for name, term in (stage.get("objective") or {}).items():
            source = (term.get("parts") or {}).get("source")
            pointer = join_pointer("/stages", index, "objective", name, "parts", "source")
            yield from _read(pointer, source, "process")


def _read(pointer: str, source: Any, kind: str) -> Iterator[NamedArtifact]:
    if isinstance(source, dict) and "artifact" in source:
        yield NamedArtifact(f"{pointer}/artifact", source["artifact"], kind)
    if isinstance(source, dict) and "upload" in source:
        yield NamedArtifact(f"{pointer}/upload", source["upload"], "weights")
