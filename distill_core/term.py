"""A term: what a distillation method is to the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from distill_core.model import Model
from distill_core.spec.config import Config
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch, Inputs

__all__ = ["Needs", "Places", "Setting", "Step", "Term"]

P = TypeVar("P", bound=Config)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a method needs of stage and data; the catalog shows it and a spec is checked against it.

    Attributes:
        teacher: the stage must have a teacher.
        labels: the samples must have labels.
        same_classes: student and teacher must tell the same classes apart.
        smallest_batch: samples a batch must hold at least.
        ensemble: it listens to all teachers of the stage; what their places gave comes stacked [M B ...].
    """

    teacher: bool = False
    labels: bool = False
    same_classes: bool = False
    smallest_batch: int = 1
    ensemble: bool = False


@dataclass(frozen=True, slots=True)
class Places:
    """The places that a term taps."""

    student: tuple[Place, ...] = ()
    teacher: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """What a term is built for, found by a probe of both models; no one types a channel count.

    Attributes:
        student: tapped place of the student -> shape of what it gives, batch first.
        teacher: the same of the teacher.
        num_samples: samples of the stream, N; an index is smaller than `index_limit`.
        index_limit: samples of the whole split, above every index of a batch.
        num_classes: classes of the data, None where it has none.
        labels: class of every sample of the stream [N] int64, None where it has none.
        index: place in its split of every sample of the stream [N] int64.
        seed: seed of what the term draws.
        imports: modules that earlier stages exported, by name.
        copy_teacher: returns a frozen copy of the teacher's module at a feature point or module path.
        find_norm: returns the path of the teacher's BatchNorm whose output the last activation at a place is given.
        teacher_key: registry key and options of the teacher, None where the term has none.
        student_key: registry key and options of the student.
    """

    student: Mapping[Place, torch.Size]
    teacher: Mapping[Place, torch.Size]
    num_samples: int
    index_limit: int
    num_classes: int | None
    labels: Tensor | None
    index: Tensor
    seed: int
    imports: Mapping[str, nn.Module] = field(default_factory=dict)
    copy_teacher: Callable[[str], nn.Module] | None = None
    find_norm: Callable[[str], str] | None = None
    teacher_key: tuple[str, Mapping[str, Any]] | None = None
    student_key: tuple[str, Mapping[str, Any]] | None = None


class Step(Protocol):
    """What a bi-level method may ask for while it moves its outer parameters, before the student's own step.

    Attributes:
        batch: the samples of the step; those of a held-out stream are in `extras`.
        parameters: what the inner step trains, student and terms.
        optimizer: the inner optimizer, at the learning rate of this step.
    """

    @property
    def batch(self) -> Batch:
        """The samples of the step."""
        ...

    @property
    def parameters(self) -> Sequence[nn.Parameter]:
        """What the inner step trains."""
        ...

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The inner optimizer."""
        ...

    def losses(self) -> Mapping[str, Tensor]:
        """Return the unweighted losses of the batch by term (or term/part), and their weighted sum as `total`.

        A loss on a held-out stream is a term of its own, with that stream and weight 0.
        """
        ...

    def guarded(self) -> AbstractContextManager[Any]:
        """Return a context after which weights, buffers and random numbers are as they were before."""
        ...


class Term(nn.Module, Generic[P]):
    """One method: its auxiliary modules, the places it taps and its unweighted loss.

    Attributes:
        Params: the options it takes.
        needs: what it needs of stage and data.
        use: when to use it, for the catalog.
        imports: names of modules that an earlier stage must export.
        exports: names of modules that it hands to later stages.
        prepared: names of the views that `prepare` gives.
        params: the options it was built with.
    """

    Params: ClassVar[type[Config]]
    needs: ClassVar[Needs]
    use: ClassVar[str] = ""
    imports: ClassVar[tuple[str, ...]] = ()
    exports: ClassVar[tuple[str, ...]] = ()
    prepared: ClassVar[tuple[str, ...]] = ()

    def __init__(self, params: P) -> None:
        super().__init__()
        self.params = params

    @classmethod
    def places(cls, params: P) -> Places:
        """Return the places it taps."""
        raise NotImplementedError

    @classmethod
    def needs_of(cls, params: P) -> Needs:
        """Return what it needs with these options."""
        return cls.needs

    def build(self, setting: Setting) -> None:
        """Make the auxiliary modules and buffers, sized by what the probe found."""

    def prepare(self, batch: Batch) -> Mapping[str, Inputs]:
        """Return the views that it derives on the device by name; both models see them beside those of the stream.

        Args:
            batch: its samples, whose only inputs are those of its own view; a derived view may have more rows.
        """
        return {}

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor | dict[str, Tensor]:
        """Return the loss, a scalar or named scalars; changes nothing.

        Args:
            student: what the student's places gave for the term's view.
            teacher: what the teacher's places gave, detached; empty where the term has no teacher.
            batch: indices, labels and inputs of the samples.
        """
        raise NotImplementedError

    def commit(self, student: Activations, teacher: Activations, batch: Batch) -> None:
        """Move the term's own state (memory bank, running means); called once after each optimizer step."""

    def outer_parameters(self) -> Sequence[nn.Parameter]:
        """Return parameters that `update` moves; the optimizer leaves them alone."""
        return ()

    def update(self, step: Step) -> None:
        """Move the outer parameters of a bi-level method; called before each optimizer step."""

    def deployed(self, student: nn.Module) -> Model | None:
        """Return the model that is validated and handed on in the student's place, made of shared modules; or none."""
        return None

    def exported(self) -> Mapping[str, nn.Module]:
        """Return the modules that later stages may import; their names are those of `exports`."""
        return {}
