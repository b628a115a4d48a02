"""Losses against values of published implementations; the data file says how its tensors are drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distill_core.methods import METHODS
from tests.distill_core.methods.references import ROWS, Case, Computed, between, check_row

STAGES = {f"stage{number}": f"student_feat{number}" for number in range(3)}
PAIRS = [["stage0", "stage1"], ["stage1", "stage2"]]
FSP_PAIRS = {"student_pairs": PAIRS, "teacher_pairs": PAIRS}
SUM_OF_SQUARES: list[tuple[str, float, dict[str, Any]]] = [
    ("loss", 1.0, between(stage, reduction="sum")) for stage in STAGES
]

CASES: dict[str, Case] = {
    "ce.torch": Case([("ce", 1.0, {})]),
    "label_smoothing.torch": Case([("ce", 1.0, {"label_smoothing": 0.1})]),
    "kd.repdistiller_kl": Case([("kd", 1.0, {"temperature": 4.0})]),
    "kd.mdistiller_kl": Case([("kd", 1.0, {"temperature": 4.0})]),
    "kd.mmrazor_kl": Case([("kd", 1.0, {"temperature": 4.0})]),
    "kd.attention_transfer_total": Case([("kd", 0.9, {"temperature": 4.0}), ("ce", 0.1, {})]),
    "kd.torchdistill_total": Case([("kd", 0.9, {"temperature": 4.0}), ("ce", 0.1, {})]),
    "kd.seed001_total": Case([("kd", 0.5, {"temperature": 5.0}), ("ce", 0.5, {})]),
    "kd.takd_total_kl_mean_bug": Case([("kd", 0.9, {"temperature": 4.0, "reduction": "mean"}), ("ce", 0.1, {})]),
    "tutorial_kd.own_current_kl": Case([("kd", 0.25, {"temperature": 2.0}), ("ce", 0.75, {})]),
    "tutorial_kd.own_older_soft_ce": Case(
        [("kd", 0.25, {"temperature": 2.0, "form": "cross_entropy"}), ("ce", 0.75, {})]
    ),
    "cosine_logits.seed001_triplet_total": Case(
        [
            ("loss", 0.5, between("logits", loss={"function": "cosine_embedding"})),
            ("kd", 0.5, {"temperature": 5.0}),
        ]
    ),
    "l2_cse.own": Case(
        [("ce", 1.0, {}), ("loss", 15.0, between("pooled"))],
        {"logits": "student_logits", "pooled": "student_emb"},
    ),
    "ghnd.own": Case(SUM_OF_SQUARES, STAGES),
    "sfd.own_paper_text": Case([("loss", 1.0, between(stage)) for stage in STAGES], STAGES),
    "fitnet.mse_hint": Case([("fitnet", 1.0, {"regressor": "none"})], {"stage2": "student_feat0"}),
    "fitnet.convreg_hint": Case(
        [("fitnet", 1.0, {})],
        {"stage2": "student_small"},
        {
            "regressor.0.weight": "regressor.conv.weight",
            "regressor.0.bias": "regressor.conv.bias",
            "regressor.1.weight": "regressor.bn.weight",
            "regressor.1.bias": "regressor.bn.bias",
        },
    ),
    "fsp.repdistiller": Case([("fsp", 1.0, {**FSP_PAIRS, "pool": "average"})], STAGES),
    "fsp.torchdistill": Case([("fsp", 1.0, {**FSP_PAIRS, "reduction": "column_norm"})], STAGES),
}
"""Row -> the sum that it is."""

OTHERS: dict[str, Case] = {
    "label_smoothing.tfkd_repo": Case([("ce", 1.0, {"label_smoothing": 0.1})]),
    "kd.takd_total_kl_mean_bug": Case([("kd", 0.9, {"temperature": 4.0}), ("ce", 0.1, {})]),
}
"""Rows of other conventions, which the defaults must not give."""


WITHOUT_METHOD = {"distpro_alpha.own": "distpro"}
"""Row -> the method that it is of, which is not among ours: its seams are the bi-level update and weight processes."""


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradients_are_those_of_the_published_implementation(name: str) -> None:
    check_row(name, CASES[name])


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_convention_gives_another_value(name: str) -> None:
    assert Computed(ROWS[name], OTHERS[name]).value != pytest.approx(ROWS[name]["value"], rel=1e-4)


def test_every_reference_row_is_compared_in_a_test() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py"))
    rows = set(ROWS) - set(WITHOUT_METHOD)
    assert [name for name in rows if f'"{name}"' not in tests] == []
    assert [name for name in OTHERS if tests.count(f'"{name}"') < 2] == []  # there it is only told apart


@pytest.mark.parametrize(("row", "method"), WITHOUT_METHOD.items())
def test_a_row_is_left_out_only_while_its_method_is_not_there(row: str, method: str) -> None:
    assert row in ROWS
    assert method not in METHODS
