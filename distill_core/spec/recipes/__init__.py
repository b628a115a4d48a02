"""Recipes: published methods as data, one file each, from a few options to the stages that a person could have written.

A recipe is a pydantic class: its fields are its options, with the published settings as defaults, and `stages()` says
them as stages, plain dictionaries that read like the YAML of a spec. Nothing of it knows torch. Values stand in the
stages as they are, without arithmetic, so that a problem found in a stage leads back to the option that caused it.

What recipes share is the class `Recipe`. Its defaults are the CIFAR-100 protocol of Tian, Krishnan, Isola,
"Contrastive Representation Distillation", ICLR 2020 (arXiv 1910.10699), under which most methods are compared:

    | epochs | batch | optimizer                                          | schedule                      |
    | 240    | 64    | SGD, lr 0.05, momentum 0.9, weight decay 0.0005    | x 0.1 after 150, 180, 210     |

(lr 0.01 for MobileNets and ShuffleNets). When only the epochs are changed, the milestones move with them.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from distill_core.spec.cache import CacheSpec
from distill_core.spec.config import Config, Name
from distill_core.spec.optimizer import SGD, Constant, Multistep, OptimizerSpec, ScheduleSpec
from distill_core.spec.stage import Figure
from distill_core.spec.training import ClipSpec, EarlyStopSpec, EMASpec, MixSpec, WarmupSpec
from distill_core.spec.weight import Weight

__all__ = ["RECIPES", "Epochs", "Recipe", "Stages", "Temperature", "Weight", "published"]

Stages = Sequence[Mapping[str, Any]]
Epochs = Annotated[int, Field(ge=1, le=100_000)]
Temperature = Annotated[float, Field(gt=0, le=1000)]

R = TypeVar("R", bound=type["Recipe"])


def published(epochs: int, *milestones: int, **options: float) -> Any:
    """Return the field of a schedule that is divided by 10 at the milestones, which move when the epochs change.

    Args:
        epochs: the published ones.
        milestones: epochs after which the rate falls.
        options: further options of the schedule: `gamma`, where the rate does not fall to a tenth.
    """
    schedule = Multistep(schedule="multistep", milestones=milestones, **options)
    times = ", ".join(map(str, milestones))
    return Field(
        default_factory=lambda given: stretch(schedule, epochs, given.get("epochs", epochs)),
        description=f"Schedule of the learning rate; if left out x {schedule.gamma:g} after {times} of "
        f"{epochs} epochs, or at the same shares of other epochs.",
    )


def stretch(schedule: ScheduleSpec, epochs: int, wanted: int) -> ScheduleSpec:
    """Return a schedule of `epochs` epochs for `wanted` ones: milestones keep their shares, all else stays."""
    if not isinstance(schedule, Multistep):
        return schedule
    moved = sorted({round(milestone * wanted / epochs) for milestone in schedule.milestones})
    reached = tuple(milestone for milestone in moved if 0 < milestone < wanted)
    return schedule.model_copy(update={"milestones": reached}) if reached else Constant(schedule="constant")


def _stretch_for_teacher(options: Mapping[str, Any]) -> ScheduleSpec | None:
    schedule, epochs, wanted = (options.get(name) for name in ("schedule", "epochs", "teach_epochs"))
    return stretch(schedule, epochs, wanted) if schedule and epochs and wanted else None


class Recipe(Config):
    """What every recipe takes: the roles, the data, and how it is trained."""

    student: Name = Field(default="student", description="Name of the model that learns.")
    teacher: Name = Field(default="teacher", description="Name of the model that teaches.")
    train: Name = Field(default="train", description="Name of the stream that is trained on.")
    validate_on: Name | None = Field(
        default=None, description="Name of the stream that every stage is validated on; none skips validation."
    )
    epochs: Epochs = Field(default=240, description="Epochs of the stage that trains the whole student.")
    batch_size: int = Field(default=64, ge=1, le=1_000_000, description="Samples a step, over all ranks.")
    drop_last: bool | None = Field(default=None, description="Leave out the last batch of an epoch where it is short.")
    accumulate: int | None = Field(
        default=None, ge=1, le=4096, description="Parts that a step's batch is divided into."
    )
    optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.05, momentum=0.9, weight_decay=5e-4), description="Optimizer and its options."
    )
    schedule: ScheduleSpec = published(240, 150, 180, 210)
    warmup: WarmupSpec | None = Field(default=None, description="Rise of the learning rate at the start.")
    clip: ClipSpec | None = Field(default=None, description="Limits of the gradient.")
    ema: EMASpec | None = Field(default=None, description="Running mean of the weights, handed on in their place.")
    mix: MixSpec | None = Field(default=None, description="Mixing of the samples of a batch: mixup, cutmix.")
    keep: Literal["last", "best"] = Field(default="last", description="Which weights are handed on.")
    select_by: Figure | None = Field(default=None, description="Validation figure that `keep: best` goes by.")
    early_stop: EarlyStopSpec | None = Field(
        default=None, description="End of the training when validation no longer improves."
    )
    cache: CacheSpec | None = Field(default=None, description="Storage of what the teachers say.")
    train_teacher: bool | None = Field(
        default=None, description="Train every teacher first, with cross-entropy; left out: those without weights."
    )
    teach_on: Name | None = Field(
        default=None, description="Name of the stream that the teacher is trained on; that of `train` if left out."
    )
    teach_epochs: Epochs | None = Field(
        default=None, description="Epochs that the teacher is trained for; those of `epochs` if left out."
    )
    teach_schedule: ScheduleSpec | None = Field(
        default_factory=_stretch_for_teacher,
        description="Schedule of the teacher's learning rate; that of `schedule`, stretched to `teach_epochs`, if "
        "left out.",
    )

    def stages(self) -> Stages:
        """Return the stages, the teacher's own training apart."""
        raise NotImplementedError

    @property
    def taught_by(self) -> tuple[Name, ...]:
        """The names of all who teach."""
        return (self.teacher,)

    @property
    def roles(self) -> dict[str, Any]:
        """What all stages of a student share: who learns from whom, on what."""
        return {
            "student": self.student,
            "teachers": self.taught_by,
            "train": self.train,
            "validate_on": self.validate_on,
            "batch_size": self.batch_size,
            "drop_last": self.drop_last,
            "accumulate": self.accumulate,
            "cache": self.cache,
        }

    @property
    def training(self) -> dict[str, Any]:
        """How a stage trains that trains a whole model."""
        return {
            "epochs": self.epochs,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
            "warmup": self.warmup,
            "clip": self.clip,
            "ema": self.ema,
            "mix": self.mix,
            "keep": self.keep,
            "select_by": self.select_by,
            "early_stop": self.early_stop,
        }

    def teach(self, teacher: Name) -> Mapping[str, Any]:
        """Return the stage in which a teacher is trained, before all others."""
        return {
            "name": "teach" if teacher == self.teacher else f"teach_{teacher}",
            "student": teacher,
            "train": self.teach_on or self.train,
            "validate_on": self.validate_on,
            "epochs": self.teach_epochs or self.epochs,
            "batch_size": self.batch_size,
            "drop_last": self.drop_last,
            "accumulate": self.accumulate,
            "optimizer": self.optimizer,
            "schedule": self.teach_schedule or self.schedule,
            "keep": self.keep,
            "objective": {"ce": {"method": "ce"}},
        }


class Recipes(Mapping[str, type[Recipe]]):
    """Recipes by name, in alphabetical order; those of this package are found because their files lie in it.

    One that is asked for by name brings in the file of its name alone: making the classes of all takes up to a second.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._recipes: dict[str, type[Recipe]] = {}

    def register(self, name: str) -> Callable[[R], R]:
        """Return a decorator that makes a class known as `name`."""

        def add(recipe: R) -> R:
            if name in self._recipes:
                raise ValueError(f"two recipes are called {name!r}")
            self._recipes[name] = recipe
            return recipe

        return add

    def __getitem__(self, name: str) -> type[Recipe]:
        if name not in self._recipes and name in self._modules():
            import_module(f"{self._package}.{name}")
        return self._recipes[name] if name in self._recipes else self._found()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._found()))

    def __len__(self) -> int:
        return len(self._found())

    def _found(self) -> Mapping[str, type[Recipe]]:
        """Return all recipes; importing a module again costs next to nothing."""
        for module in self._modules():
            import_module(f"{self._package}.{module}")
        return self._recipes

    def _modules(self) -> Sequence[str]:
        """Return the names of the files of this package."""
        return [module.name for module in pkgutil.iter_modules(import_module(self._package).__path__)]


RECIPES = Recipes(__name__)
