"""SSKD: turned images, both of its stages, and which rows are kept."""

from __future__ import annotations

from math import exp, log
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from distill_core.errors import SpecError
from distill_core.methods.sskd import SSKD, Head, SSKDHead, SSKDHeadParams, SSKDParams
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Setting
from tests.distill_core.methods.settings import batch_of, randn, setting_of

COUNT, CLASSES = 4, 5
POOLED, TURNED, LOGITS = Place("pooled"), Place("pooled", view="turned"), Place("logits", view="turned")
LABELS = torch.tensor([0, 3, 1, 4])


def watch(size: int, seed: int) -> dict[Place, Tensor]:
    """Return what a model gives to images and their turned ones."""
    shapes = {POOLED: (COUNT, size), TURNED: (3 * COUNT, size), LOGITS: (3 * COUNT, CLASSES)}
    return {place: randn(*shape, seed=seed + number) for number, (place, shape) in enumerate(shapes.items())}


STUDENT, TEACHER = watch(6, 0), watch(7, 10)


def describe(**imports: nn.Module) -> Setting:
    setting = setting_of({}, {}, imports=imports)
    mine, others = ({place: x.shape for place, x in said.items()} for said in (STUDENT, TEACHER))
    return Setting(
        **{name: getattr(setting, name) for name in setting.__slots__} | {"student": mine, "teacher": others}
    )


def build_head() -> SSKDHead:
    torch.manual_seed(0)
    term = SSKDHead(SSKDHeadParams(teacher_place="pooled"))
    term.build(describe())
    return term.double()


def build(**options: Any) -> SSKD:
    torch.manual_seed(1)
    params = SSKDParams(student_place="pooled", teacher_place="pooled", **options)
    term = SSKD(params)
    term.build(describe(sskd_head=build_head().head))
    return term.double()


def compute(term: SSKD, student: Activations = STUDENT, teacher: Activations = TEACHER) -> dict[str, Tensor]:
    value: dict[str, Tensor] = term(student, teacher, batch_of(COUNT, LABELS))
    return value


def soften(row: list[float], temperature: float) -> list[float]:
    exponentials = [exp(x / temperature) for x in row]
    return [x / sum(exponentials) for x in exponentials]


def compare(head: nn.Module, said: Activations) -> list[list[float]]:
    """Return the cosine of every turned image with every image."""
    turned, originals = head(said[TURNED]), head(said[POOLED])
    return [[(x @ y / x.norm() / y.norm()).item() for y in originals] for x in turned]


def choose(rows: list[list[float]], truth: list[int], ratio: float) -> list[int]:
    """Return the rows that are kept: a stable sort by the rank of the truth, cut behind a share of the wrong ones."""
    ranks = [sorted(row, reverse=True).index(row[own]) for row, own in zip(rows, truth, strict=True)]
    num_wrong = sum(rank > 0 for rank in ranks)
    order = sorted(range(len(rows)), key=ranks.__getitem__)
    return order[: len(rows) - num_wrong + int(num_wrong * ratio)]


def imitate(mine: list[list[float]], wanted: list[list[float]], kept: list[int], temperature: float) -> float:
    total = 0.0
    for row in kept:
        student, teacher = soften(mine[row], temperature), soften(wanted[row], temperature)
        total += sum(t * (log(t) - log(s)) for s, t in zip(student, teacher, strict=True))
    return total / max(1, len(kept)) * temperature**2


def test_every_image_is_followed_by_its_turned_ones_in_one_view() -> None:
    images = randn(2, 1, 3, 3)
    (view,) = build_head().prepare(Batch(torch.arange(2), None, {"main": images})).values()
    assert isinstance(view, Tensor)
    assert view.shape == (6, 1, 3, 3)
    for number, image in enumerate(images):
        for turns in (1, 2, 3):
            turned = view[3 * number + turns - 1]
            assert turned.equal(image.rot90(turns, (1, 2)))
            assert turned[0, 0, 0] == [image[0, 0, 2], image[0, 2, 2], image[0, 2, 0]][turns - 1]


@pytest.mark.parametrize("images", [randn(2, 1, 3, 4), randn(2, 5, 6), {"words": randn(2, 3)}])
def test_what_cannot_be_turned_is_refused(images: Any) -> None:
    for term in (build_head(), build()):
        with pytest.raises(SpecError, match="only square images can be turned"):
            term.prepare(Batch(torch.arange(2), None, {"main": images}))


def test_the_head_is_taught_which_image_a_turned_one_was_made_of() -> None:
    term = build_head()
    value = term({}, TEACHER, batch_of(COUNT))
    chances = [soften(row, 1.0) for row in compare(term.head, TEACHER)]
    expected = -sum(log(row[number // 3]) for number, row in enumerate(chances)) / len(chances)
    assert value.item() == pytest.approx(expected, rel=1e-10)
    assert term.places(term.params).student == ()
    assert set(term.exported()) == set(SSKDHead.exports) == set(SSKD.imports)


def test_the_head_learns_and_the_teacher_gets_no_gradient() -> None:
    teacher = {place: tensor.clone().requires_grad_() for place, tensor in TEACHER.items()}
    term = build_head()
    term({}, teacher, batch_of(COUNT)).backward()
    assert all(parameter.grad is not None for parameter in term.parameters())
    assert all(tensor.grad is None for tensor in teacher.values())
    assert [type(layer) for layer in term.head] == [nn.Linear, nn.ReLU, nn.Linear]
    assert term.head.size == 7


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.75, 1.0])
@pytest.mark.parametrize("temperature", [4.0, 0.5])
def test_both_parts_imitate_the_rows_that_are_kept(ratio: float, temperature: float) -> None:
    term = build(tf_ratio=ratio, ss_ratio=ratio, tf_temperature=temperature, ss_temperature=temperature)
    value = compute(term)
    mine, wanted = STUDENT[LOGITS].tolist(), TEACHER[LOGITS].tolist()
    kept = choose(wanted, [int(label) for label in LABELS for _ in range(3)], ratio)
    assert value["tf"].item() == pytest.approx(imitate(mine, wanted, kept, temperature), rel=1e-10)
    mine, wanted = compare(term.head_student, STUDENT), compare(term.head_teacher, TEACHER)
    kept = choose(wanted, [number // 3 for number in range(3 * COUNT)], ratio)
    assert 0 < len(kept) <= 3 * COUNT
    assert value["ss"].item() == pytest.approx(imitate(mine, wanted, kept, temperature), rel=1e-10)


def test_the_defaults_keep_all_predictions_and_three_quarters_of_the_wrong_similarities() -> None:
    said = compute(build())
    written = compute(build(tf_ratio=1, ss_ratio=0.75, tf_temperature=4, ss_temperature=0.5))
    assert said == written
    assert said["ss"] != compute(build(ss_ratio=1.0))["ss"]
    assert said["tf"] != compute(build(tf_ratio=0.5))["tf"]


def test_labels_are_needed_only_where_they_say_what_is_left_out() -> None:
    term = build()
    batch = Batch(torch.arange(COUNT), None, {})
    assert term(STUDENT, TEACHER, batch)["tf"] == compute(term)["tf"]
    needs = [SSKD.needs_of(SSKDParams(tf_ratio=ratio)) for ratio in (1.0, 0.5)]
    assert [one.labels for one in needs] == [False, True]
    assert needs[0] == SSKD.needs


def test_of_mixed_labels_the_likeliest_class_counts() -> None:
    term = build(tf_ratio=0.5)
    mixed = 0.6 * nn.functional.one_hot(LABELS, CLASSES) + 0.4 * nn.functional.one_hot(LABELS.flip(0), CLASSES)
    value = term(STUDENT, TEACHER, batch_of(COUNT, mixed))
    assert value["tf"] == compute(term)["tf"]


def test_nothing_is_kept_of_a_teacher_that_is_wrong_throughout() -> None:
    wrong = {**TEACHER, LOGITS: TEACHER[LOGITS].clone()}
    wrong[LOGITS][range(3 * COUNT), LABELS.repeat_interleave(3)] = -9
    assert compute(build(tf_ratio=0.0), teacher=wrong)["tf"].item() == 0


def test_it_is_zero_for_a_student_that_says_what_the_teacher_says() -> None:
    said = {**TEACHER, POOLED: TEACHER[POOLED][:, :6], TURNED: TEACHER[TURNED][:, :6]}
    term = build()
    for number in ("0", "2"):
        mine, others = (head.get_submodule(number).state_dict() for head in (term.head_student, term.head_teacher))
        others["weight"][:, 6:], others["weight"][6:], others["bias"][6:] = 0, 0, 0
        mine["weight"].copy_(others["weight"][:6, :6])
        mine["bias"].copy_(others["bias"][:6])
    assert [part.item() for part in compute(term, said).values()] == pytest.approx([0, 0], abs=1e-12)


def test_the_student_and_its_head_learn_the_teacher_and_its_head_do_not() -> None:
    student = {place: tensor.clone().requires_grad_() for place, tensor in STUDENT.items()}
    teacher = {place: tensor.clone().requires_grad_() for place, tensor in TEACHER.items()}
    original = build_head().head
    term = build()
    torch.stack(list(compute(term, student, teacher).values())).sum().backward()
    assert all(tensor.grad is not None and tensor.grad.norm() > 0 for tensor in student.values())
    assert all(tensor.grad is None for tensor in teacher.values())
    learning = {name.partition(".")[0] for name, parameter in term.named_parameters() if parameter.grad is not None}
    assert learning == {"head_student"}
    assert not any(parameter.requires_grad for parameter in term.head_teacher.parameters())
    assert all(parameter.requires_grad for parameter in original.parameters())


def test_maps_and_tokens_are_flattened() -> None:
    flat = {place: x if place == LOGITS else x.reshape(len(x), 3, 2) for place, x in STUDENT.items()}
    term = build()
    assert compute(term, flat) == compute(term)


@pytest.mark.parametrize(
    ("imports", "pointer", "message"),
    [
        ({}, "", "no earlier stage has trained"),
        ({"sskd_head": nn.Identity()}, "", "no earlier stage has trained"),
        ({"sskd_head": Head(9)}, "/params/teacher_place", "of length 9, but 'pooled' gives 7"),
    ],
)
def test_a_head_that_is_missing_or_of_another_size_is_refused(
    imports: dict[str, nn.Module], pointer: str, message: str
) -> None:
    term = SSKD(SSKDParams(student_place="pooled", teacher_place="pooled"))
    with pytest.raises(SpecError, match=message) as caught:
        term.build(describe(**imports))
    assert caught.value.problems[0].pointer == pointer
