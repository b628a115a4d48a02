"""A term: what a distillation method is to the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from torch import Tensor, nn

from distill_core.spec.config import Config
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch

__all__ = ["Needs", "Places", "Term"]

P = TypeVar("P", bound=Config)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a method needs of stage and data; the catalog shows it and a spec is checked against it.

    Attributes:
        teacher: the stage must have a teacher.
        labels: the samples must have labels.
        same_classes: student and teacher must tell the same classes apart.
    """

    teacher: bool = False
    labels: bool = False
    same_classes: bool = False


@dataclass(frozen=True, slots=True)
class Places:
    """The places that a term taps."""

    student: tuple[Place, ...] = ()
    teacher: tuple[Place, ...] = ()


class Term(nn.Module, Generic[P]):
    """One method: its auxiliary modules, the places it taps and its unweighted loss.

    Attributes:
        Params: the options it takes.
        needs: what it needs of stage and data.
        params: the options it was built with.
    """

    Params: ClassVar[type[Config]]
    needs: ClassVar[Needs]

    def __init__(self, params: P) -> None:
        super().__init__()
        self.params = params

    @classmethod
    def places(cls, params: P) -> Places:
        """Return the places it taps."""
        raise NotImplementedError

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor | dict[str, Tensor]:
        """Return the loss, a scalar or named scalars; changes nothing.

        Args:
            student: what the student's places gave for the term's view.
            teacher: what the teacher's places gave, detached; empty where the term has no teacher.
            batch: indices, labels and images of the samples.
        """
        raise NotImplementedError

    def commit(self, student: Activations, teacher: Activations, batch: Batch) -> None:
        """Move the term's own state (memory bank, running means); called once after each optimizer step."""
