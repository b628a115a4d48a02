"""The result files of a run: student, metrics, spec and manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distill_core.engine.context import Context
from distill_core.engine.events import as_json
from distill_core.files import SavedFile, save_file
from distill_core.spec.experiment import ResolvedSpec

__all__ = ["write_results"]


def write_results(
    context: Context, spec: ResolvedSpec, student: SavedFile, figures: Mapping[str, float], facts: Mapping[str, Any]
) -> None:
    """Write what goes with the student, and report all of it.

    Args:
        context: the world around the run.
        spec: what was run.
        student: the student's weights, already written.
        figures: the evaluated values.
        facts: what the manifest says of versions, hardware, data and weights.
    """
    folder = student.path.parent
    history = {key: [list(point) for point in points] for key, points in context.history.items()}
    outputs = {
        "student": student,
        "metrics": _save_json(folder / "metrics.json", {"figures": figures, "history": history}),
        "spec": _save_json(folder / "spec.json", spec.as_document()),
    }
    manifest = {
        "spec": spec.as_document(),
        "figures": figures,
        **facts,
        "outputs": {saved.path.name: {"sha256": saved.sha256, "size": saved.size} for saved in outputs.values()},
    }
    outputs["manifest"] = _save_json(folder / "manifest.json", manifest)
    for kind, saved in outputs.items():
        context.report_artifact(kind, saved)


def _save_json(path: Path, document: Any) -> SavedFile:
    text = json.dumps(as_json(document), indent=2, allow_nan=False) + "\n"
    return save_file(path, lambda file: file.write(text.encode()))
