"""Student and teacher beside the labels, class by class: what the views of a distillation are drawn from.

Shapes: n samples, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["MOST_CELLS", "MOST_CLASSES", "NUM_BINS", "Answers", "compare", "count_bins"]

NUM_BINS = 15
MOST_CLASSES = 200
"""Classes up to which a confusion is written whole."""
MOST_CELLS = 1000
"""Cells beside the diagonal that are written of a larger one."""
DIGITS = 6


@dataclass(frozen=True, slots=True)
class Answers:
    """What models say to every sample of a stream.

    Attributes:
        student: logits [n K].
        labels: classes [n] int64, None where the samples have none.
        teacher: logits [n K] of the model that taught the student, if one did.
    """

    student: Tensor
    labels: Tensor | None
    teacher: Tensor | None = None

    @property
    def can_be_compared(self) -> bool:
        """Whether there are classes, and one row of logits a sample."""
        return self.labels is not None and self.student.dim() == 2

    @property
    def has_like_teacher(self) -> bool:
        """Whether the teacher tells the same number of classes apart."""
        return self.teacher is not None and self.teacher.shape == self.student.shape


def compare(answers: Answers, stream: str, names: Mapping[str, str], classes: Sequence[str] | None) -> dict[str, Any]:
    """Return counts and shares as plain data; a confusion's rows are what its columns are held against.

    Args:
        answers: of samples with classes.
        stream: name of the stream.
        names: `student` and `teacher` -> what the spec calls them.
        classes: names of the classes, where the data set has them.
    """
    labels = answers.labels
    if labels is None:
        raise ValueError("samples without classes cannot be compared")
    labels, student = labels.cpu(), answers.student.cpu()
    teacher = answers.teacher.cpu() if answers.teacher is not None and answers.has_like_teacher else None
    num_classes = max(student.shape[1], int(labels.max()) + 1)
    counts = labels.bincount(minlength=num_classes)
    per_class: dict[str, Any] = {"num_samples": counts.tolist(), "student": _by_class(student, labels, counts)}
    document: dict[str, Any] = {
        "stream": stream,
        "num_samples": len(labels),
        "num_classes": num_classes,
        "classes": None if classes is None or len(classes) != num_classes else list(classes),
        "student": {"name": names["student"], **_describe(student, labels, num_classes)},
        "teacher": None,
        "agreement": None,
        "per_class": per_class,
    }
    if teacher is not None:
        document["teacher"] = {"name": names["teacher"], **_describe(teacher, labels, num_classes)}
        document["agreement"] = _hold_together(student, teacher, labels, num_classes)
        per_class["teacher"] = _by_class(teacher, labels, counts)
    return document


def count_bins(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return samples, summed confidence and hits of each of the bins of equal width, all [bins] float64."""
    sure, guess = logits.double().softmax(1).max(1)
    confidence, hits = sure.cpu(), (guess == labels).double().cpu()  # there sums have one order
    bins = (confidence * NUM_BINS).ceil().long().clamp(1, NUM_BINS) - 1
    empty = torch.zeros(NUM_BINS, dtype=torch.float64)
    return tuple(empty.index_add(0, bins, each) for each in (torch.ones_like(hits), confidence, hits))  # type: ignore[return-value]


def _describe(logits: Tensor, labels: Tensor, num_classes: int) -> dict[str, Any]:
    """Return what is known of one model against the labels."""
    guess = logits.argmax(1)
    count, confidence, hits = count_bins(logits, labels)
    bins = [
        {"n": int(n), "confidence": _ratio(sure, n), "accuracy": _ratio(right, n)}
        for n, sure, right in zip(count.tolist(), confidence.tolist(), hits.tolist(), strict=True)
    ]
    gap = float((hits - confidence).abs().sum())
    return {
        "accuracy": _ratio(int((guess == labels).sum()), len(labels)),
        "ece": _ratio(gap, len(labels)),
        "calibration": bins,
        "confusion": _confuse(labels, guess, num_classes),
    }


def _hold_together(student: Tensor, teacher: Tensor, labels: Tensor, num_classes: int) -> dict[str, Any]:
    """Return how student and teacher answer the same samples; the rows of the confusion are the teacher's guesses."""
    mine, taught = student.argmax(1), teacher.argmax(1)
    is_mine, is_taught = mine == labels, taught == labels
    return {
        "ratio": _ratio(int((mine == taught).sum()), len(labels)),
        "both_right": int((is_mine & is_taught).sum()),
        "only_teacher": int((~is_mine & is_taught).sum()),
        "only_student": int((is_mine & ~is_taught).sum()),
        "both_wrong": int((~is_mine & ~is_taught).sum()),
        "confusion": _confuse(taught, mine, num_classes),
    }


def _confuse(rows: Tensor, columns: Tensor, num_classes: int) -> dict[str, Any]:
    """Return the counts of pairs: all, or of many classes the largest cells beside the diagonal as [row, column, n]."""
    if num_classes <= MOST_CLASSES:
        counts = (rows * num_classes + columns).bincount(minlength=num_classes**2)
        return {"counts": counts.view(num_classes, num_classes).tolist()}
    is_beside = rows != columns
    pairs, counts = (rows * num_classes + columns)[is_beside].unique(return_counts=True)
    order = counts.argsort(descending=True, stable=True)[:MOST_CELLS]
    cells = zip(pairs[order].tolist(), counts[order].tolist(), strict=True)
    return {"cells": [[*divmod(pair, num_classes), count] for pair, count in cells], "num_cells": len(pairs)}


def _by_class(logits: Tensor, labels: Tensor, counts: Tensor) -> list[float | None]:
    """Return the accuracy on each class; null for one without samples."""
    hits = labels[logits.argmax(1) == labels].bincount(minlength=len(counts))
    return [_ratio(right, n) for right, n in zip(hits.tolist(), counts.tolist(), strict=True)]


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, DIGITS) if whole else None
