"""Places in models: torchdistill's module paths, with what it wraps models into taken away."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from distill_core.spec.catalog import load_catalog
from stillhouse.torchdistill.ledger import Part

_WRAPPERS = re.compile(r"^(?:(?:model|student_model|teacher_model|module|seq)\.)+")
_LAST_RELU = re.compile(r"^(.+)\.-1\.relu$")
_LAST = re.compile(r"^(.+)\.-1$")
_CHAIN = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc")
"""Modules of ResNets in the order in which they run."""

_BOTTLENECKS = {"bottleneck", "bottleneck_layer"}
"""What the heads are called that end in a bottleneck."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What the terms of a stage are about.

    Attributes:
        student: the stage's student, as the file says it.
        teacher: the stage's teacher.
        student_model: our key of the student's model; the base's of one with a bottleneck.
        teacher_model: our key of the teacher's model.
        bottleneck: module of the student that a bottleneck replaces.
        is_adapted: whether a stage of the file learns by knowledge adaptation, which asks for a code of its own.
    """

    student: Part
    teacher: Part
    student_model: str
    teacher_model: str
    bottleneck: str = ""
    is_adapted: bool = False

    def wrapper(self, role: str) -> Part:
        """Return the options of the modules that torchdistill puts around a model."""
        model = self.teacher if role == "teacher" else self.student
        return model.find("auxiliary_model_wrapper", "kwargs")

    def place(self, path: Part, io: Part, *, teacher: bool) -> str:
        """Return a place that the output or input of a module stands for; a feature point where it is one.

        An input is the activation in front of the module: the last ReLU's is the place's `.pre`.
        """
        name, side = self._name(path, teacher=teacher), io.take() or "output"
        points = self._list_points(teacher=teacher)
        if match := _LAST_RELU.match(name):
            module = points.get(match[1], match[1])
            return module if side == "output" else f"{module}.pre"
        if match := _LAST.match(name):
            name = match[1]
        if side == "input" and points.get(name) == "logits":
            return "pooled"
        if side == "input":
            before = _find_before(name, self._list_modules(teacher=teacher))
            if before is None:
                io.lose(f"the input of {name!r}: methods take what a module returns here")
            name = before or name
        return points.get(name, name)

    def plain_place(self, part: Part, *, key: str | None = None) -> dict[str, Any]:
        """Return a place of the method `loss`, or an entry of what is there."""
        path, io = part.find("module_path"), part.find("io")
        if part.find("uses_label").take():
            return {"of": "labels"}
        teacher = bool(part.find("is_from_teacher").take())
        name, side = self._name(path, teacher=teacher), io.take() or "output"
        points = self._list_points(teacher=teacher)
        if match := _LAST.match(name):
            name = match[1]
        place: dict[str, Any] = {"of": "teacher" if teacher else "student"}
        if key is not None:
            return place | {"path": "" if name == "." else name, "key": key}
        place["path"] = "logits" if name == "." else points.get(name, name)
        return place | ({"side": "in", "path": name} if side == "input" else {})

    def _name(self, path: Part, *, teacher: bool) -> str:
        """Return the path of a module in our model; that of the whole model where the file says none."""
        name = unwrap(str(path.take() or "."))
        return self.bottleneck if name in _BOTTLENECKS and self.bottleneck and not teacher else name

    def _list_points(self, *, teacher: bool) -> dict[str, str]:
        """Return the feature points of a model by their module paths."""
        entry = load_catalog().models.get(self.teacher_model if teacher else self.student_model)
        return {} if entry is None else {module: point for point, module in entry.feature_points.items()}

    def _list_modules(self, *, teacher: bool) -> Collection[str]:
        entry = load_catalog().models.get(self.teacher_model if teacher else self.student_model)
        return () if entry is None else entry.module_paths


def unwrap(path: str) -> str:
    """Return a module path without the names of torchdistill's wrappers."""
    return _WRAPPERS.sub("", path)


def is_logits(path: str) -> bool:
    """Whether a path is that of a model's predictions."""
    return path in {".", "", "logits", "fc", "classifier"}


def _find_before(name: str, modules: Collection[str]) -> str | None:
    """Return the module whose output another is given; None where the tables do not say it."""
    parent, _, last = name.rpartition(".")
    if parent and last == "0":
        return _find_before(parent, modules)
    if parent and last.isdecimal():
        before = f"{parent}.{int(last) - 1}"
        return before if before in modules else None
    chain = [module for module in _CHAIN if module in modules]
    return chain[chain.index(name) - 1] if name in chain[1:] else None
