"""One stage: models in, models out."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import nn

from distill_core.engine.assembly import Assembly, assemble
from distill_core.engine.carry import Carry
from distill_core.engine.checkpoint import Position
from distill_core.engine.context import Context
from distill_core.engine.device import Machine
from distill_core.engine.filling import refill
from distill_core.engine.judge import Judge
from distill_core.engine.learner import Learner, check_finite
from distill_core.engine.loop import train
from distill_core.engine.plan import Stage
from distill_core.engine.precision import Precision
from distill_core.engine.stores import Cache, open_stores
from distill_core.engine.surgery import take_over
from distill_core.methods import METHODS
from distill_core.spec.runtime import MetricName
from distill_core.term import Term
from distill_core.weight import LearnedProcess

__all__ = ["Workshop", "repeat_exports", "run_stage"]

NUM_NAMES_SHOWN = 4

logger = logging.getLogger(__name__)

Processes = Mapping[str, LearnedProcess]


class Workshop:
    """What all stages of a run use.

    Args:
        context: the world around the run.
        machine: what it runs on.
        cache: where teacher outputs may be kept.
        processes: stage -> term -> learned process of its weights.
        metrics: what is measured on the student at the end; validation follows where it can.
    """

    def __init__(
        self,
        context: Context,
        machine: Machine,
        cache: Cache,
        processes: Mapping[str, Processes],
        metrics: Collection[MetricName] = (),
    ) -> None:
        self.context = context
        self.machine = machine
        self.cache = cache
        self.processes = processes
        self.metrics = metrics

    def judge(self, stage: Stage, carry: Carry, deployed: nn.Module) -> Judge:
        """Return what validates a stage; guesses are held against its first teacher's where agreement is asked for."""
        is_compared = "agreement" in self.metrics and stage.spec.teachers
        return Judge(stage, deployed, carry.models[stage.spec.teachers[0]] if is_compared else None)

    def assemble(self, stage: Stage, carry: Carry, precision: Precision) -> Assembly:
        """Build what a stage trains with; its first random numbers are a function of the stage's seed."""
        torch.manual_seed(stage.seed)
        if self.machine.runtime.memory_format == "channels_last":
            for name in (stage.spec.student, *stage.spec.teachers):
                carry.models[name].to(memory_format=torch.channels_last)
        return assemble(stage, carry, self.processes.get(stage.spec.name, {}), precision.autocast)


def run_stage(
    stage: Stage, carry: Carry, workshop: Workshop, start: Position, saved: Mapping[str, Any] | None = None
) -> Carry:
    """Train the stage's student and return the carry with it.

    Args:
        stage: what to do.
        carry: the models as the stages before left them.
        workshop: what all stages use.
        start: where to begin; the stage's own beginning unless it is resumed.
        saved: state of the stage at `start`, if it is resumed in its middle.
    """
    context = workshop.context
    if stage.spec.group is not None and stage.spec.group in carry.ended:
        logger.info("stage %s: left out, since its group %s has ended", stage.spec.name, stage.spec.group)
        return carry
    precision = Precision(workshop.machine.runtime.precision, stage.device)
    if saved is None:
        take_over(stage, carry)
    assembly = workshop.assemble(stage, carry, precision)
    learner: Learner | None = None
    try:
        if saved is None:
            _announce(stage, assembly, context)
        open_stores(stage, assembly.teachers, workshop.machine, workshop.cache, context, saved and saved["stores"])
        refill(stage, assembly.teachers, start.epoch)
        learner = Learner(stage, assembly, workshop.machine, precision)
        judge = workshop.judge(stage, carry, assembly.deployed)
        if stage.spec.until is not None:
            judge.aim_at(carry.models[stage.spec.until.model], learner)
        if saved is not None:
            judge.load_state_dict(saved["judge"])
            learner.load_state_dict(saved["learner"])

        def snapshot() -> dict[str, Any]:
            states = {"learner": learner.state_dict(), "judge": judge.state_dict()}
            return {**carry.states(), "stage": {**states, "stores": assembly.teachers.store_states(stage.spec.train)}}

        context.at_boundary(start, stage.spec.name, snapshot, is_forced=saved is None)
        if not judge.is_over:
            train(stage, learner, judge, context, start, snapshot)
        _choose_weights(stage, learner, judge)
    finally:
        learner.close() if learner is not None else assembly.close()
    student = assembly.deployed.eval()
    check_finite(student.state_dict(), f"at the end of stage {stage.spec.name!r}")
    figures = judge.best["figures"] if judge.best else judge.figures
    carry = carry.after(stage.spec, student, assembly.exported(), figures)
    if judge.has_missed and stage.spec.group is not None:
        logger.info("stage %s: its trigger was not reached, so the group %s ends", stage.spec.name, stage.spec.group)
        return carry.without(stage.spec.group)
    return carry


def repeat_exports(stage: Stage, carry: Carry, workshop: Workshop, states: Mapping[str, Any]) -> Carry:
    """Return the carry of a stage that was over when a checkpoint was saved, with what its terms exported."""
    if stage.spec.name not in states["figures"]:
        return carry  # its group had ended
    exported: dict[str, nn.Module] = {}
    student = carry.models[stage.spec.student]
    methods = [METHODS.find(term.method) for term in stage.spec.objective.values()]
    if any(method.exports or method.deployed is not Term.deployed for method in methods):
        assembly = workshop.assemble(stage, carry, Precision(workshop.machine.runtime.precision, stage.device))
        exported, student = assembly.exported(), assembly.deployed
        assembly.close()
        for name, module in exported.items():
            module.load_state_dict(states["modules"][name])
    return carry.after(stage.spec, student, exported, states["figures"][stage.spec.name])


def _announce(stage: Stage, assembly: Assembly, context: Context) -> None:
    context.report(
        "stage_started",
        stage=stage.spec.name,
        index=stage.index,
        epochs=stage.spec.epochs,
        steps_per_epoch=stage.steps_per_epoch,
    )
    student, name = assembly.objective.student, stage.spec.student
    if assembly.taps.is_empty:
        logger.info("stage %s: no term looks at %s, so it does not run", stage.spec.name, name)
    elif assembly.taps.end is not None:
        logger.info("stage %s: the forward pass of %s ends behind %s", stage.spec.name, name, assembly.taps.end)
    for teacher in assembly.teachers.teachers:
        if teacher.taps.end is not None:
            logger.info(
                "stage %s: the forward pass of %s ends behind %s", stage.spec.name, teacher.name, teacher.taps.end
            )
    if assembly.unreached and not assembly.taps.is_empty:
        total, shown = sum(1 for _ in student.parameters()), ", ".join(assembly.unreached[:NUM_NAMES_SHOWN])
        more = ", ..." if len(assembly.unreached) > NUM_NAMES_SHOWN else ""
        told = f"{len(assembly.unreached)} of {total} weights of {name} get no gradient and stay as they are"
        logger.info("stage %s: %s: %s%s", stage.spec.name, told, shown, more)
    left = len(stage.left_out(0)) if stage.world.size > 1 else 0
    if left:
        message = f"{left} samples an epoch of stage {stage.spec.name!r} do not divide among {stage.world.size} devices"
        context.report("warning", code="samples_left_out", message=message)


def _choose_weights(stage: Stage, learner: Learner, judge: Judge) -> None:
    """Put the weights in place that the stage hands on: the best, the averaged, or the last."""
    if stage.spec.keep == "best" and judge.best is not None:
        learner.assembly.objective.load_state_dict(judge.best["objective"])
    elif learner.average is not None:
        learner.average.put()
    learner.optimizer.zero_grad()
