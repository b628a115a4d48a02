"""Places in models: torchdistill's module paths, with what it wraps models into taken away."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from distill_core.spec.catalog import load_catalog
from stillhouse.torchdistill.ledger import Part

_WRAPPERS = re.compile(r"^(?:(?:model|student_model|teacher_model|module|seq)\.)+")
_LAST_RELU = re.compile(r"^(.+)\.-1\.relu$")
_LAST = re.compile(r"^(.+)\.-1$")


@dataclass(frozen=True, slots=True)
class Scope:
    """What the terms of a stage are about.

    Attributes:
        student: the stage's student, as the file says it.
        teacher: the stage's teacher.
        student_model: our key of the student's model.
        teacher_model: our key of the teacher's model.
    """

    student: Part
    teacher: Part
    student_model: str
    teacher_model: str

    def place(self, path: Part, io: Part, *, teacher: bool) -> str:
        """Return a place that the output or input of a module stands for; a feature point where it is one.

        An input is the activation in front of the module: the last ReLU's is the place's `.pre`.
        """
        name, side = unwrap(str(path.take())), io.take() or "output"
        points = self._list_points(teacher=teacher)
        if match := _LAST_RELU.match(name):
            module = points.get(match[1], match[1])
            return module if side == "output" else f"{module}.pre"
        if match := _LAST.match(name):
            name = match[1]
        if side == "input" and points.get(name) == "logits":
            return "pooled"
        if side == "input":
            io.lose(f"the input of {name!r}: methods take what a module returns here")
        return points.get(name, name)

    def plain_place(self, part: Part) -> dict[str, Any]:
        """Return a place of the method `loss`."""
        if part.find("uses_label").take():
            return {"of": "labels"}
        teacher = bool(part.find("is_from_teacher").take())
        path, io = part.find("module_path"), part.find("io")
        name, side = unwrap(str(path.take())), io.take() or "output"
        points = self._list_points(teacher=teacher)
        if match := _LAST.match(name):
            name = match[1]
        place: dict[str, Any] = {"of": "teacher" if teacher else "student"}
        place["path"] = "logits" if name == "." else points.get(name, name)
        return place | ({"side": "in", "path": name} if side == "input" else {})

    def _list_points(self, *, teacher: bool) -> dict[str, str]:
        """Return the feature points of a model by their module paths."""
        entry = load_catalog().models.get(self.teacher_model if teacher else self.student_model)
        return {} if entry is None else {module: point for point, module in entry.feature_points.items()}


def unwrap(path: str) -> str:
    """Return a module path without the names of torchdistill's wrappers."""
    return _WRAPPERS.sub("", path)


def is_logits(path: str) -> bool:
    """Whether a path is that of a model's predictions."""
    return path in {".", "", "logits", "fc", "classifier"}
