"""Published combinations are specs: two terms side by side, no code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.distill_core.engine.stages import Ground, document

SMALL = {"crd": {"num_negatives": 16, "embedding_size": 8}}


@pytest.mark.parametrize("pair", [("crd", "kd"), ("at", "kd"), ("rkd", "kd"), ("review", "dkd")])
def test_two_methods_go_together_in_one_stage(pair: tuple[str, str], tmp_path: Path) -> None:
    terms: dict[str, Any] = {key: {"method": key, "weight": 0.5, "params": SMALL.get(key, {})} for key in pair}
    stage = {"objective": {"ce": {"method": "ce"}, **terms}, "epochs": 1}
    ground = Ground.of(document(stage, runtime={"device": "cpu", "log_interval_steps": 1}), tmp_path)
    ground.run()
    logged = {name.partition("/")[2].partition("/")[0] for name in ground.workshop.context.history}
    assert {"ce", *pair, "loss"} <= logged
