"""Everything that a stage trains, one step of it, and everything that a checkpoint must hold of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.distributed import accumulate, synchronise_batchnorm, wrap
from distill_core.engine.assembly import Assembly, prepare
from distill_core.engine.average import Average
from distill_core.engine.device import Machine
from distill_core.engine.inner import InnerStep, list_outer
from distill_core.engine.meter import Meter
from distill_core.engine.optimizer import build_optimizer, learning_rate, set_learning_rate, split_groups
from distill_core.engine.plan import Stage
from distill_core.engine.precision import Precision
from distill_core.errors import DivergedError
from distill_core.mix import Mixture, mix, mix_outputs
from distill_core.objective import Factors, Losses, TeacherActivations
from distill_core.place import list_feature_modules
from distill_core.source import Source
from distill_core.tap import Activations
from distill_core.tensors import Batch, Inputs
from distill_core.term import Term

__all__ = ["Learner", "check_finite"]


class Learner:
    """The objective of a stage with its optimizer, running mean of weights and counters."""

    def __init__(self, stage: Stage, assembly: Assembly, machine: Machine, precision: Precision) -> None:
        self.stage = stage
        self.assembly = assembly
        self.student = assembly.objective.student
        self.precision = precision
        self.meter = Meter()
        self._machine = machine
        self._num_steps = stage.first_step
        assembly.train()
        self._batchnorm = synchronise_batchnorm(assembly.objective, machine.world)
        outer = {id(parameter) for parameter in list_outer(assembly)}
        groups = split_groups(
            stage.spec.optimizer,
            [(name, each) for name, each in assembly.objective.named_parameters() if id(each) not in outer],
            list_feature_modules(self.student),
            f"/stages/{stage.index}/optimizer",
        )
        self.optimizer = build_optimizer(stage.spec.optimizer, groups)
        # A memory bank has no mean worth having: of the terms only what later stages get is averaged.
        averaged = nn.ModuleList([assembly.deployed, *assembly.exported().values()])
        self.average = Average(averaged, stage.spec.ema) if stage.spec.ema else None
        self._objective = wrap(self._compile(assembly.objective), machine.world, stage.device)
        self._updating = [each.term for each in assembly.terms if type(each.term).update is not Term.update]
        self._commits = any(type(weighted.term).commit is not Term.commit for weighted in assembly.terms)
        torch.manual_seed(stage.seed + machine.world.rank)

    def take_step(self, parts: Sequence[Batch], epoch: int) -> float:
        """Learn from the parts of one step, and return the learning rate."""
        stage, moment = self.stage, self.stage.moment(parts[0].step)
        factor = learning_rate(
            stage.spec.schedule, stage.spec.warmup, 1.0, moment.step, moment.num_steps, moment.steps_per_epoch
        )
        set_learning_rate(self.optimizer, factor)
        self.assembly.objective.zero_grad(set_to_none=True)
        factors = self._factors(self.assembly.weighting.at(moment))
        num_samples = sum(map(len, parts))
        seen: list[tuple[Mapping[Source, Activations], Any, Batch]] = []
        for number, part in enumerate(parts, start=1):
            batch, teachers = self._watch(part, epoch)
            if self._updating:
                self._update_outer(batch, teachers, factors)
            with accumulate(self._objective, is_last=number == len(parts)):
                losses: Losses = self._objective(batch, teachers, factors)
                self.precision.backward(losses.total if len(parts) == 1 else losses.total * (len(part) / num_samples))
            self.meter.add(part.step + 1, {**losses.parts, "loss": losses.total}, len(part))
            if self._commits:
                seen.append((losses.student, teachers, batch))
        self.precision.step(self.optimizer, stage.spec.clip)
        if self._commits:
            self.assembly.objective.commit(*_join(seen))
        if self.average is not None:
            self.average.update()
        self._num_steps = parts[0].step + 1
        return stage.spec.optimizer.lr * factor

    def judged(self) -> AbstractContextManager[None]:
        """Return a context in which the weights are those that are validated and handed on."""
        return nullcontext() if self.average is None else self.average.swapped()

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed stage needs.

        Raises:
            DivergedError: losses or weights are not finite, and a checkpoint of them would be of no use.
        """
        meter = self.meter.state_dict()  # first: that names the loss and the step where it began
        learnt = {**self.student.state_dict(), **dict(self.assembly.objective.terms.named_parameters())}
        check_finite(learnt, f"after step {self._num_steps}")
        return {
            "meter": meter,
            "objective": self.assembly.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "precision": self.precision.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "rng": self._machine.gather_rng(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint; random numbers last, since building modules draws some."""
        self.meter.load_state_dict(state["meter"])
        self.assembly.objective.load_state_dict(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.precision.load_state_dict(state["precision"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self._machine.restore_rng(state["rng"])

    def close(self) -> None:
        """Leave the models as they are to be handed on: without hooks, as plain modules."""
        self._batchnorm.close()
        self.assembly.close()

    def _compile(self, objective: nn.Module) -> nn.Module:
        """Compile all models, where the spec asks for it; the hooks are on already, as they have to be."""
        if not self._machine.runtime.compile:
            return objective
        torch._dynamo.reset()  # noqa: SLF001  what earlier stages compiled would count against the limit of recompiles
        for teacher in self.assembly.teachers.teachers:
            teacher.compile()
        compiled: nn.Module = torch.compile(objective)  # type: ignore[assignment]
        return compiled

    def _update_outer(self, batch: Batch, teachers: TeacherActivations, factors: Factors) -> None:
        """Let bi-level methods move their outer parameters, on the same samples as the step."""
        step = InnerStep(self.assembly, batch, teachers, factors, self.optimizer)
        for term in self._updating:
            term.update(step)
        self.assembly.objective.zero_grad(set_to_none=True)

    def _factors(self, factors: Mapping[str, float]) -> Mapping[str, Tensor | float]:
        """Return the factors as tensors where they change under a compiler, which would compile each value anew."""
        if not self._machine.runtime.compile or self.assembly.weighting.is_constant:
            return factors
        values = torch.tensor(list(factors.values())).to(self.stage.device, non_blocking=True)
        return dict(zip(factors, values.unbind(), strict=True))

    def _watch(self, part: Batch, epoch: int) -> tuple[Batch, TeacherActivations]:
        """Return the batch as the student sees it, and what the teachers say to it."""
        spec, teachers = self.stage.spec.mix, self.assembly.teachers
        if spec is None:
            batch = self._make_ready(part)
            return batch, teachers.watch(batch, epoch)
        mixed, mixture = mix(part, spec, self.stage.train.num_classes or 0, self.stage.seed, part.step)
        batch = self._make_ready(mixed)
        if not spec.cached_labels:
            return batch, teachers.watch(batch, epoch)
        return batch, _mix_said(teachers.watch(self._make_ready(part), epoch), mixture)

    def _make_ready(self, batch: Batch) -> Batch:
        """Return the batch with the views that terms prepare, in the memory format of the run."""
        batch = prepare(self.assembly.terms, batch)
        if self._machine.runtime.memory_format == "channels_last":
            batch = replace(batch, inputs={name: _channels_last(inputs) for name, inputs in batch.inputs.items()})
        return batch


def check_finite(tensors: Mapping[str, Tensor], when: str) -> None:
    """Refuse weights that are not finite; asks the device once.

    Raises:
        DivergedError: names the first of them.
    """
    are_finite = torch.stack([tensor.isfinite().all() for tensor in tensors.values()]).tolist()
    for name, is_finite in zip(tensors, are_finite, strict=True):
        if not is_finite:
            raise DivergedError(
                f"the weights {name!r} are not finite {when}, though no loss has shown it yet; try a smaller learning "
                "rate or weight, or limit the gradient (clip)"
            )


def _mix_said(teachers: TeacherActivations, mixture: Mixture) -> TeacherActivations:
    """Mix what teachers said to the unmixed samples of the training stream, like labels."""
    return {
        name: {
            source: {place: mix_outputs(tensor, mixture) for place, tensor in places.items()}
            if source.stream is None
            else places
            for source, places in said.items()
        }
        for name, said in teachers.items()
    }


def _channels_last(inputs: Inputs) -> Inputs:
    is_image = isinstance(inputs, Tensor) and inputs.dim() == 4
    return inputs.contiguous(memory_format=torch.channels_last) if is_image else inputs  # type: ignore[union-attr]


def _join(
    seen: Sequence[tuple[Mapping[Source, Activations], Mapping[str, Mapping[Source, Activations]], Batch]],
) -> tuple[Mapping[Source, Activations], Mapping[str, Mapping[Source, Activations]], Batch]:
    """Return what the parts of a step saw as if it had been one batch."""
    if len(seen) == 1:
        return seen[0]
    students, taught, batches = zip(*seen, strict=True)
    joined = {teacher: _concatenate([said[teacher] for said in taught]) for teacher in taught[0]}
    return _concatenate(students), joined, _join_batches(batches)


def _concatenate(parts: Sequence[Mapping[Source, Activations]]) -> dict[Source, Activations]:
    return {
        source: {place: torch.cat([part[source][place].detach() for part in parts]) for place in places}
        for source, places in parts[0].items()
    }


def _join_batches(batches: Sequence[Batch]) -> Batch:
    """Return one batch of indices and labels; a commit looks at no inputs."""
    labels = [batch.labels for batch in batches]
    return Batch(
        index=torch.cat([batch.index for batch in batches]),
        labels=torch.cat(labels)
        if isinstance(labels[0], Tensor)
        else [entry for part in labels for entry in part or ()],
        inputs={},
        extras={name: _join_batches([batch.extras[name] for batch in batches]) for name in batches[0].extras},
        step=batches[0].step,
    )
