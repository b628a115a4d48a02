"""Where and how a run executes, and what is measured at its end."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.spec.config import Config, Name, Seed

MetricName = Literal["accuracy", "nll", "ece", "agreement"]


class RuntimeSpec(Config):
    """How the run executes."""

    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="auto takes a GPU where there is one.")
    seed: Seed = Field(default=0, description="Seed of initial weights, order of samples and dropout.")
    deterministic: bool = Field(
        default=True, description="Only deterministic kernels: the same spec and seed give the same weights."
    )
    threads: int | None = Field(
        default=None, ge=1, le=1024, description="CPU threads; what the worker allows if left out."
    )
    checkpoint_interval_s: float = Field(default=60.0, ge=0, le=86_400, description="Seconds between checkpoints.")
    time_limit_s: float | None = Field(default=None, gt=0, description="Seconds after which the run is failed.")
    log_interval_steps: int = Field(default=10, ge=1, le=1_000_000, description="Steps between two training metrics.")


class EvaluationSpec(Config):
    """What is measured on the student when the last stage is over."""

    stream: Name | None = Field(default=None, description="Stream that is evaluated on; none evaluates nothing.")
    batch_size: int = Field(default=256, ge=1, le=1_000_000, description="Samples a forward pass.")
    metrics: tuple[MetricName, ...] = Field(
        default=("accuracy", "nll"),
        description="accuracy; nll in nats; ece, 15-bin calibration error; agreement with the first teacher's top-1.",
    )
    latency: bool = Field(default=True, description="Measure milliseconds a single-sample forward pass takes.")
