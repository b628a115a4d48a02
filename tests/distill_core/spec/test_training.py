from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from distill_core.spec.config import Config
from distill_core.spec.training import (
    ClipSpec,
    EarlyStopSpec,
    EMASpec,
    MixSpec,
    WarmupSpec,
    find_warmup_problems,
)


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ({}, ["/warmup"]),
        ({"epochs": 1.0, "steps": 5}, ["/warmup"]),
        ({"steps": 5, "first_ratio": 0.0, "shape": "exponential"}, ["/warmup/first_ratio"]),
        ({"steps": 5, "first_ratio": 0.0}, []),
        ({"epochs": 0.5, "shape": "exponential"}, []),
    ],
)
def test_a_warmup_has_one_length_and_a_start_that_its_shape_can_leave(
    document: dict[str, Any], pointers: list[str]
) -> None:
    problems = find_warmup_problems("/warmup", WarmupSpec.model_validate(document))
    assert [problem.pointer for problem in problems] == pointers


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (ClipSpec, {"norm": 0.0}),
        (EMASpec, {"decay": 1.0}),
        (EMASpec, {"every_steps": 0}),
        (EarlyStopSpec, {"patience": 0}),
        (EarlyStopSpec, {"metric": "ece"}),
        (MixSpec, {"mixup": 0.0}),
        (MixSpec, {"probability": 0.0}),
        (WarmupSpec, {"steps": 0}),
        (WarmupSpec, {"steps": 1, "first_ratio": 1.1}),
    ],
)
def test_values_out_of_bounds_are_refused(kind: type[Config], document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(document)
