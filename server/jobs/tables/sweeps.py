"""Sweeps: one experiment under many settings, and how their trials were judged on the way."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from server.jobs.tables.base import Table


class Sweep(Table):
    """A person's order to run an experiment under many settings; its trials are jobs."""

    __tablename__ = "sweeps"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    project: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str]
    document: Mapped[dict[str, Any]]  # the spec that all trials begin with
    axes: Mapped[dict[str, Any]]  # JSON pointer into the spec -> what may stand there
    search: Mapped[str] = mapped_column(String(16))  # grid, random
    seed: Mapped[int] = mapped_column(BigInteger)
    metric: Mapped[str | None] = mapped_column(String(128))  # what trials are judged by
    is_better_low: Mapped[bool] = mapped_column(Boolean)
    factor: Mapped[int | None]  # one in so many trials goes on at each rung; null where all run to their end
    num_rungs: Mapped[int] = mapped_column(default=0)
    num_trials: Mapped[int]
    created_by: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime]

    __table_args__ = (Index("ix_sweeps_project_id", "project", "id"),)


class Trial(Table):
    """A job of a sweep, and the settings that it has."""

    __tablename__ = "trials"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    sweep_id: Mapped[str] = mapped_column(ForeignKey("sweeps.id"))
    number: Mapped[int]  # from 1
    values: Mapped[dict[str, Any]]  # JSON pointer -> what stands there

    __table_args__ = (Index("ix_trials_sweep_id_number", "sweep_id", "number"),)


class Judgement(Table):
    """What became of a trial at a rung; each is judged once at each."""

    __tablename__ = "judgements"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    rung: Mapped[int] = mapped_column(primary_key=True)  # from 1
    step: Mapped[int] = mapped_column(BigInteger)  # at which the value was measured
    value: Mapped[float | None] = mapped_column(Float(53))  # null for what is no number
    place: Mapped[int]  # among those judged at this rung so far, from 1
    num_judged: Mapped[int]  # how many those were
    is_kept: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime]
