"""CRD: its published values, its memories and its draws."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from distill_core.errors import SpecError
from distill_core.methods.crd import CRD, CRDParams, _look_up
from distill_core.tensors import Batch
from tests.distill_core.methods.references import ROWS, draw
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn, setting_of

STUDENT, TEACHER = {"pooled": randn(8, 6, seed=1)}, {"pooled": randn(8, 5, 2, 2, seed=2)}
BANKS = ("bank_student", "bank_teacher")


def build(count: int = 40, **options: Any) -> CRD:
    facts = {name: options.pop(name) for name in ("labels", "index", "seed") if name in options}
    torch.manual_seed(0)
    params = {"embedding_size": 4, "num_negatives": 16} | options
    term = build_term("crd", params, STUDENT, TEACHER, num_samples=count, **facts)
    assert isinstance(term, CRD)
    return term


def loss(term: CRD, batch: Batch) -> torch.Tensor:
    value: torch.Tensor = term(activate(STUDENT), activate(TEACHER), batch)
    return value


def commit(term: CRD, batch: Batch) -> None:
    term.commit(activate(STUDENT), activate(TEACHER), batch)


def state(term: CRD) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in term.state_dict().items()}


def test_value_gradients_and_memories_are_those_of_the_published_implementation() -> None:
    row = ROWS["crd.repdistiller"]
    tensors = draw(row)
    student, teacher = tensors["student_emb"].requires_grad_(), tensors["teacher_emb"].requires_grad_()
    temperature = torch.tensor(0.07).item()  # the published code keeps it in float32
    params = {"embedding_size": 16, "num_negatives": 32, "temperature": temperature, "momentum": 0.5}
    mine, others = {"pooled": student}, {"pooled": teacher}
    term = build_term("crd", params, mine, others, num_samples=64)
    assert isinstance(term, CRD)
    named = {
        "bank_student": "memory_v1",
        "bank_teacher": "memory_v2",
        "embed_student.weight": "embed_s.linear.weight",
        "embed_student.bias": "embed_s.linear.bias",
        "embed_teacher.weight": "embed_t.linear.weight",
        "embed_teacher.bias": "embed_t.linear.bias",
    }
    term.load_state_dict({ours: tensors[name] for ours, name in named.items()}, strict=False)
    samples = tensors["sample_idx"]
    negatives = tensors["contrast_idx"].clone()
    negatives[:, 0] = samples
    value = term.contrast(activate(mine), activate(others), negatives)
    value.backward()
    assert value.item() == pytest.approx(row["value"], rel=1e-9)
    gradients = {named[name]: parameter.grad for name, parameter in term.named_parameters()}
    for name, norm in row["grad_l2"].items():
        gradient = student.grad if name == "student_emb" else gradients[name]
        assert gradient is not None
        assert gradient.norm().item() == pytest.approx(norm, rel=1e-9)
    assert teacher.grad is None
    term.commit(activate(mine), activate(others), Batch(samples, None, {}))
    for bank, sums in zip(BANKS, ("memory_v1_sum_after", "memory_v2_sum_after"), strict=True):
        assert term.get_buffer(bank).sum().item() == pytest.approx(row["components"][sums], rel=1e-9)


def test_the_forward_pass_gives_the_same_twice_and_changes_nothing() -> None:
    term = build()
    before = state(term)
    assert loss(term, batch_of(8)).equal(loss(term, batch_of(8)))
    assert all(tensor.equal(before[name]) for name, tensor in term.state_dict().items())


def test_z_is_fixed_by_the_first_commit() -> None:
    term = build()
    first = loss(term, batch_of(8)).item()
    commit(term, batch_of(8))
    fixed = term.normalisers.clone()
    assert (fixed > 0).all()
    commit(term, batch_of(8, step=1))
    assert term.normalisers.equal(fixed)
    other = build()
    other.normalisers.copy_(fixed)
    assert loss(other, batch_of(8)).item() == pytest.approx(first, rel=1e-12)


def test_a_commit_moves_the_rows_of_the_batch_alone_halfway_to_the_embeddings() -> None:
    term = build()
    before = state(term)
    commit(term, batch_of(8))
    with torch.no_grad():
        embeddings = term._embed(activate(STUDENT), activate(TEACHER))
    for bank, embedding in zip(BANKS, embeddings, strict=True):
        halfway = (before[bank][:8] + embedding) / 2
        torch.testing.assert_close(term.get_buffer(bank)[:8], torch.nn.functional.normalize(halfway))
        assert term.get_buffer(bank)[8:].equal(before[bank][8:])


def test_rows_of_the_memories_are_those_of_the_stream_and_not_of_the_whole_split() -> None:
    term = build(8, index=torch.tensor([3, 5, 8, 13, 21, 34, 55, 89]))
    batch = Batch(torch.tensor([55, 3, 13]), None, {})
    assert term.draw_rows(batch)[:, 0].tolist() == [6, 0, 3]


def test_a_batch_of_another_split_is_no_error() -> None:
    assert build(8).draw_rows(Batch(torch.tensor([500]), None, {}))[0, 0] == 7


def test_negatives_are_of_other_classes_and_reach_each_of_their_samples_alike() -> None:
    labels = torch.arange(40) % 4
    term = build(labels=labels, num_negatives=6000)
    rows = term.draw_rows(batch_of(8))
    assert rows[:, 0].tolist() == list(range(8))
    assert (labels[rows[:, 1:]] != labels[:8, None]).all()
    counts = torch.stack([row.bincount(minlength=40) for row in rows[:, 1:]])
    assert counts[counts > 0].numel() == 8 * 30
    assert counts[counts > 0].min() > 120
    assert counts.max() < 280


def test_negatives_of_other_samples_are_never_the_sample_itself() -> None:
    rows = build(negatives="other_samples", labels=None).draw_rows(batch_of(8))
    assert (rows[:, 1:] != rows[:, :1]).all()


def test_draws_depend_on_seed_and_step() -> None:
    rows = build().draw_rows(batch_of(8))
    assert not rows.equal(build(seed=1).draw_rows(batch_of(8)))
    assert not rows.equal(build().draw_rows(batch_of(8, step=1)))


@given(st.permutations(range(8)))
def test_draws_of_a_sample_do_not_depend_on_its_batch(order: list[int]) -> None:
    term, index = build(), torch.tensor(order)
    assert term.draw_rows(Batch(index, None, {})).equal(term.draw_rows(batch_of(8))[index])


@given(st.integers(1, 64))
def test_scores_do_not_depend_on_how_many_samples_are_scored_at_a_time(limit: int) -> None:
    embedding, bank, rows = randn(5, 3), randn(7, 3, seed=1), torch.arange(20).reshape(5, 4) % 7
    expected = torch.einsum("bd,bmd->bm", embedding, bank[rows])
    torch.testing.assert_close(_look_up(embedding, bank, rows, limit), expected)


def test_its_state_can_be_taken_up_before_and_after_z_is_set() -> None:
    fresh, term = state(build()), build()
    commit(term, batch_of(8))
    other = build()
    commit(other, batch_of(8, step=3))
    other.load_state_dict(term.state_dict())
    assert loss(other, batch_of(8)).equal(loss(term, batch_of(8)))
    term.load_state_dict(fresh)
    assert loss(term, batch_of(8)).equal(loss(build(), batch_of(8)))


def test_the_table_of_negatives_is_not_saved() -> None:
    assert {name.partition(".")[0] for name in build().state_dict()} == {
        *BANKS,
        "normalisers",
        "embed_student",
        "embed_teacher",
    }


@pytest.mark.parametrize("labels", [None, torch.zeros(40, dtype=torch.int64)])
def test_data_without_other_classes_is_refused(labels: torch.Tensor | None) -> None:
    with pytest.raises(SpecError, match="negatives") as caught:
        build(labels=labels)
    assert caught.value.problems[0].pointer == "/params/negatives"


def test_labels_are_needed_for_negatives_of_other_classes_alone() -> None:
    assert CRD.needs_of(CRDParams()).labels
    assert not CRD.needs_of(CRDParams(negatives="other_samples")).labels


def test_it_is_built_for_what_the_probe_found() -> None:
    term = CRD(CRDParams(student_place="pooled", teacher_place="pooled"))
    term.build(setting_of(STUDENT, TEACHER))
    assert (term.embed_student.in_features, term.embed_teacher.in_features) == (6, 20)
    assert term.bank_student.shape == (8, 128)
