from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from distill_core.engine.processes import load_process, save_process
from distill_core.errors import WeightsError
from distill_core.spec.objective import TermSpec
from distill_core.spec.weight import Weight
from distill_core.weight import LearnedProcess, Moment, Weighting, weigh

WEIGHT: TypeAdapter[Any] = TypeAdapter(Weight)
PROCESS = LearnedProcess(("a", "b"), torch.tensor([[0.0, 1.0], [0.5, 0.0], [1.0, 2.0]]))


def at(step: int, weight: Any) -> float:
    return weigh(WEIGHT.validate_python(weight), Moment(step, steps_per_epoch=10, num_steps=101))


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (0.3, [0.3, 0.3, 0.3, 0.3]),
        ({"schedule": "ramp", "over": 2}, [0, 0.25, 0.75, 1]),
        ({"schedule": "ramp", "over": 2, "is_stepped": True}, [0, 0, 0.5, 1]),
        ({"schedule": "ramp", "start": 2, "end": 1, "over": 0.2, "clock": "ratio"}, [2, 1.75, 1.25, 1]),
        ({"schedule": "piecewise", "points": [[5, 1], [15, 3]], "clock": "steps"}, [1, 1, 3, 3]),
        ({"schedule": "piecewise", "points": [[0, 0], [1, 8]]}, [0, 4, 8, 8]),
        ({"schedule": "milestones", "start": 8, "milestones": [1, 2], "gamma": 0.5}, [8, 8, 4, 2]),
    ],
)
def test_weights_follow_their_schedule(weight: Any, expected: list[float]) -> None:
    assert [at(step, weight) for step in (0, 5, 15, 20)] == pytest.approx(expected)


def weighting(processes: dict[str, LearnedProcess] | None = None, **terms: Any) -> Weighting:
    return Weighting({name: TermSpec.model_validate(term) for name, term in terms.items()}, processes or {})


def test_a_parts_factor_multiplies_that_of_its_term() -> None:
    sums = weighting(kd={"method": "kd", "weight": 2.0, "parts": {"x": 0.5}}, ce={"method": "ce"})
    assert sums.is_constant
    assert sums.at(Moment(0, 1, 1)) == {"kd": 2.0, "kd/x": 1.0, "ce": 1.0}


@pytest.mark.parametrize("part", [{"schedule": "ramp", "over": 1}, 1.0])
def test_only_numbers_are_constant(part: Any) -> None:
    sums = weighting(kd={"method": "kd", "parts": {"x": part}})
    assert sums.is_constant == isinstance(part, float)


def process_term() -> dict[str, Any]:
    return {"method": "kd", "weight": 3.0, "parts": {"schedule": "process", "source": {"file": "a.safetensors"}}}


def test_a_process_gives_each_part_its_weight() -> None:
    sums = weighting({"p": PROCESS}, p=process_term())
    assert not sums.is_constant
    assert sums.at(Moment(5, 1, 11)) == {"p": 3.0, "p/a": 1.5, "p/b": 0.0}


@given(steps=st.integers(2, 500))
def test_a_stretched_process_hits_both_ends_and_is_straight_between_two_rows(steps: int) -> None:
    values = [PROCESS.read(Moment(step, 1, steps).ratio) for step in range(steps)]
    assert values[0] == {"a": 0.0, "b": 1.0}
    assert values[-1] == pytest.approx({"a": 1.0, "b": 2.0})
    assert [value["a"] for value in values] == pytest.approx([step / (steps - 1) for step in range(steps)])


def test_a_process_comes_back_from_its_file(tmp_path: Path) -> None:
    save_process(tmp_path / "p", PROCESS)
    found = load_process(tmp_path / "p")
    assert found.names == PROCESS.names
    assert found.weights.equal(PROCESS.weights)


def test_a_file_that_is_no_process_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="holds no learned process"):
        load_process(tmp_path / "p")
    save_process(tmp_path / "q", LearnedProcess(("a",), PROCESS.weights))
    with pytest.raises(WeightsError, match=r"holds weights \(3, 2\) for the parts \['a'\]"):
        load_process(tmp_path / "q")


def test_factors_of_parts_that_a_term_does_not_have_are_refused() -> None:
    sums = weighting(kd={"method": "kd", "parts": {"x": 0.5}})
    sums.check_parts({"kd/x": 0, "kd/y": 0})
    with pytest.raises(WeightsError, match="do not fit its parts: x; its parts are none"):
        sums.check_parts({"kd": 0})


def test_a_process_of_other_parts_is_refused() -> None:
    sums = weighting({"p": PROCESS}, p=process_term())
    sums.check_parts({"p/a": 0, "p/b": 0})
    with pytest.raises(WeightsError, match="do not fit its parts: c; its parts are a, b, c"):
        sums.check_parts({"p/a": 0, "p/b": 0, "p/c": 0})
