"""The engine's events file: one JSON object a line, read without trust."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

Step = Annotated[int, Field(ge=0, lt=2**62)]
Number = float | Literal["NaN", "Infinity", "-Infinity"]
Key = Annotated[str, Field(min_length=1, max_length=128)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    time: AwareDatetime


class RunStarted(_Line):
    """The engine has built everything and begins."""

    type: Literal["run_started"]
    stages: tuple[str, ...] = ()
    total_steps: Step | None = None
    device: str | None = None
    resumed_from_step: Step | None = None
    versions: dict[str, Any] = Field(default_factory=dict)


class StageStarted(_Line):
    """A stage begins."""

    type: Literal["stage_started"]
    stage: str
    index: int
    epochs: int | None = None
    steps_per_epoch: int | None = None


class MetricsLine(_Line):
    """Values measured at one step."""

    type: Literal["metrics"]
    stage: str = ""
    step: Step
    epoch: float | None = None
    values: dict[Key, Number] = Field(max_length=1024)


class ProgressLine(_Line):
    """How far the run is."""

    type: Literal["progress"]
    step: Step
    total_steps: Step
    eta_s: float | None = None


class CheckpointLine(_Line):
    """A checkpoint was saved in the attempt's folder."""

    type: Literal["checkpoint"]
    path: str
    sha256: Digest
    size: int
    step: Step
    stage: Annotated[str, Field(max_length=64)] = ""


class ArtifactLine(_Line):
    """A result was saved in the attempt's folder."""

    type: Literal["artifact"]
    kind: Annotated[str, Field(min_length=1, max_length=32)]
    name: Annotated[str, Field(min_length=1, max_length=255)]
    path: str
    sha256: Digest
    size: int


class EvaluatedLine(_Line):
    """What the evaluation measured."""

    type: Literal["evaluated"]
    values: dict[Key, Number]


class WarningLine(_Line):
    """Something that a person should know."""

    type: Literal["warning"]
    code: str = "warning"
    message: str


class CacheLine(_Line):
    """Whether outputs of a teacher are kept, and why."""

    type: Literal["cache"]
    stage: str
    outputs: str
    mode: str
    reason: str


class SucceededLine(_Line):
    """The run is done."""

    type: Literal["succeeded"]
    figures: dict[Key, Number] = Field(default_factory=dict)


class StoppedLine(_Line):
    """The run was asked to stop and has saved a checkpoint."""

    type: Literal["stopped"]
    step: Step


class FailedLine(_Line):
    """The run ended by an error."""

    type: Literal["failed"]
    reason: str
    code: str = ""
    message: str = ""
    problems: list[dict[str, Any]] = Field(default_factory=list, max_length=1024)


class Garbage(BaseModel):
    """A line that is none of the others."""

    model_config = ConfigDict(frozen=True)

    type: Literal["garbage"] = "garbage"
    text: str


EngineLine = Annotated[
    RunStarted
    | StageStarted
    | MetricsLine
    | ProgressLine
    | CheckpointLine
    | ArtifactLine
    | EvaluatedLine
    | WarningLine
    | CacheLine
    | SucceededLine
    | StoppedLine
    | FailedLine,
    Field(discriminator="type"),
]
Line = EngineLine | Garbage

_LINE: TypeAdapter[EngineLine] = TypeAdapter(EngineLine)
_SHOWN = 200


def parse_line(raw: bytes) -> Line:
    """Return what a line of the events file says; an unreadable one is kept, shortened, as garbage."""
    try:
        return _LINE.validate_json(raw)
    except ValidationError:
        return Garbage(text=raw[:_SHOWN].decode("utf-8", "replace"))
