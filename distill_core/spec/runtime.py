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
    precision: Literal["fp32", "bf16", "fp16", "fp64"] = Field(
        default="fp32",
        description="Number format of the models' forward passes; terms always see at least fp32. With fp64 "
        "the weights are in double precision too, until the end.",
    )
    memory_format: Literal["contiguous", "channels_last"] = Field(
        default="contiguous", description="Order of images in memory; channels_last suits GPUs with tensor cores."
    )
    compile: bool = Field(default=False, description="Compile student and terms with torch.compile.")
    devices: int = Field(default=1, ge=1, le=64, description="Devices a host, each with a process of its own.")
    nodes: int = Field(default=1, ge=1, le=64, description="Hosts.")
    placement: Literal["auto", "device", "workers"] = Field(
        default="auto", description="Where samples are kept: on the device, or read by loader workers; auto by size."
    )
    loader_workers: int = Field(default=2, ge=0, le=64, description="Loader processes a stream, where they are used.")
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
