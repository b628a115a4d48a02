"""What jobs share that may be compared: with a control all but the teacher, with a peer all but the seed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from distill_core.spec import ResolvedSpec
from distill_core.spec.data import StreamSpec

_SAYS_NOTHING = ("name", "description", "outputs")
"""Parts of a spec that change nothing of what is measured."""


def find_control_key(resolved: ResolvedSpec) -> str:
    """Return the key that a job shares with its controls: student, data and length of the student's training.

    Where the weights come from, how many views there are and what seeds they have is left out: a distillation may need
    more of them than training alone.
    """
    student = resolved.stages[-1].student
    taught = [stage for stage in resolved.stages if stage.student == student]
    model, tested = resolved.models[student], resolved.evaluation.stream
    parts = {
        "model": model.model,
        "params": model.params,
        "train": sorted({_name_data(resolved.data[stage.train]) for stage in taught}),
        "test": None if tested is None else _name_data(resolved.data[tested]),
        "epochs": sum(stage.epochs for stage in taught),
    }
    return _digest(parts)


def find_peer_key(resolved: ResolvedSpec) -> str:
    """Return the key that jobs share whose specs differ by the run's seed at most."""
    document = {name: part for name, part in resolved.as_document().items() if name not in _SAYS_NOTHING}
    runtime = {name: value for name, value in document.get("runtime", {}).items() if name != "seed"}
    return _digest(document | {"runtime": runtime})


def _name_data(stream: StreamSpec) -> str:
    """Return what a stream reads and how its samples are changed, as one text."""
    main = next(iter(stream.views.values())).as_document()
    document = stream.as_document() | {"views": main.get("transforms")}
    return json.dumps(document, sort_keys=True)


def _digest(parts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
