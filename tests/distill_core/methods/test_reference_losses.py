"""Losses against values of published implementations; the data file says how its tensors are drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.distill_core.methods.references import ROWS, draw
from tests.distill_core.methods.settings import activate, batch_of, build_term, total

LOGITS = {"logits": "student_logits"}


@dataclass(frozen=True)
class Case:
    """A row as the weighted sum of terms.

    Attributes:
        terms: (method, weight, options) of each term.
        tapped: place -> name of the student's tensor there; the teacher's is called alike.
        weights: weight of the term's own modules -> name of its tensor in the row.
    """

    terms: list[tuple[str, float, dict[str, Any]]]
    tapped: dict[str, str] = field(default_factory=lambda: LOGITS)
    weights: dict[str, str] = field(default_factory=dict)


def between(path: str, **params: Any) -> dict[str, Any]:
    return {"input": {"of": "student", "path": path}, "target": {"of": "teacher", "path": path}, **params}


STAGES = {f"stage{number}": f"student_feat{number}" for number in range(3)}
FSP_PAIRS = [["stage0", "stage1"], ["stage1", "stage2"]]
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
    "tutorial_kd.own_current_kl": Case([("kd", 0.25, {"temperature": 2.0}), ("ce", 0.75, {})]),
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
    "fsp.repdistiller": Case([("fsp", 1.0, {"student_pairs": FSP_PAIRS, "pool": "average"})], STAGES),
    "fsp.torchdistill": Case([("fsp", 1.0, {"student_pairs": FSP_PAIRS, "reduction": "column_norm"})], STAGES),
}
"""Row -> the sum that it is."""

OTHERS: dict[str, Case] = {
    "label_smoothing.tfkd_repo": Case([("ce", 1.0, {"label_smoothing": 0.1})]),
    "kd.takd_total_kl_mean_bug": Case([("kd", 0.9, {"temperature": 4.0}), ("ce", 0.1, {})]),
}
"""Rows of other conventions, which ours must not give."""

ELSEWHERE = {"crd.repdistiller"}
"""Rows that need more than places; tests of their methods use them."""


class Computed:
    """The sum of a row's terms, and the gradients that it leaves."""

    def __init__(self, row: dict[str, Any], case: Case) -> None:
        self.tensors = {name: _learning(tensor) for name, tensor in draw(row).items()}
        student = {place: self.tensors[name] for place, name in case.tapped.items()}
        teacher = {place: self.tensors[name.replace("student", "teacher")] for place, name in case.tapped.items()}
        batch = batch_of(8, self.tensors.get("labels"))
        value = torch.zeros((), dtype=torch.float64)
        for method, weight, params in case.terms:
            term = build_term(method, params, student, teacher)
            for path, name in case.weights.items():
                module, _, attribute = path.rpartition(".")
                self.tensors[name] = nn.Parameter(self.tensors[name].detach())
                setattr(term.get_submodule(module), attribute, self.tensors[name])
            value = value + weight * total(term(activate(student), activate(teacher), batch))
        value.backward()
        self.value = value.item()

    def gradient(self, name: str) -> Tensor | None:
        return self.tensors[name].grad


def _learning(tensor: Tensor) -> Tensor:
    return tensor.requires_grad_() if tensor.is_floating_point() else tensor


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradients_are_those_of_the_published_implementation(name: str) -> None:
    row = ROWS[name]
    computed = Computed(row, CASES[name])
    assert computed.value == pytest.approx(row["value"], rel=1e-9)
    for tensor, norm in row["grad_l2"].items():
        gradient = computed.gradient(tensor)
        assert gradient is not None
        assert gradient.norm().item() == pytest.approx(norm, rel=1e-9, abs=1e-15)
    assert all(computed.gradient(tensor) is None for tensor in row["teacher_grad_l2"])


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_convention_gives_another_value(name: str) -> None:
    assert Computed(ROWS[name], OTHERS[name]).value != pytest.approx(ROWS[name]["value"], rel=1e-4)


def test_every_reference_row_is_used() -> None:
    assert set(ROWS) == set(CASES) | set(OTHERS) | ELSEWHERE
