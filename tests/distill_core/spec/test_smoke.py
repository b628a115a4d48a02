"""An experiment at its smallest size is the same experiment."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from distill_core.errors import SpecError
from distill_core.spec import ResolvedSpec, check, parse_document, resolve
from distill_core.spec.smoke import MAX_SIDE, shrink

RECIPES = sorted(Path(str(files("distill_core") / "recipes")).glob("*.yaml"))


def outline(spec: ResolvedSpec) -> list[Any]:
    """Return what must not change: who learns what from whom, and with which methods, weights and options."""
    terms = [(stage, name, term) for stage in spec.stages for name, term in stage.objective.items()]
    return [
        *((stage.name, stage.student, stage.teachers, stage.train, stage.validate_on) for stage in spec.stages),
        *((stage.name, name, term.method, term.weight, term.params, term.view) for stage, name, term in terms),
    ]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_shipped_experiment_keeps_its_stages_and_takes_two_steps_in_each(path: Path) -> None:
    document = parse_document(path.read_bytes())
    small = shrink(document)
    assert check(small) == []
    whole, spec = resolve(document), resolve(small)
    assert outline(spec) == outline(whole)
    assert {name: model.model for name, model in spec.models.items()} == {
        name: model.model for name, model in whole.models.items()
    }
    assert all(model.weights is None for model in spec.models.values())
    assert {stream.dataset for stream in spec.data.values()} == {"digits"}
    assert all(stage.epochs == 1 and stage.batch_size <= 16 for stage in spec.stages)
    assert all((stream.num_samples or 99) <= 32 for stream in spec.data.values())
    assert (spec.runtime.device, spec.runtime.devices) == ("cpu", 1)


@pytest.mark.parametrize("name", ["imagenet_at_r34_r18", "cifar100_kd_r56_r20", "digits_uda_stl"])
def test_a_resolved_document_shrinks_as_the_written_one_does(name: str) -> None:
    (path,) = [path for path in RECIPES if path.stem == name]
    document = parse_document(path.read_bytes())
    assert outline(resolve(shrink(resolve(document).as_document()))) == outline(resolve(shrink(document)))


def test_images_keep_their_size_up_to_a_limit_and_their_transforms() -> None:
    document = parse_document(Path(RECIPES[0].parent / "cifar100_kd_r56_r20.yaml").read_bytes())
    view = shrink(document)["data"]["train"]["views"]["main"]["transforms"]
    assert [transform["transform"] for transform in view] == ["resize", "random_crop", "horizontal_flip", "normalize"]
    assert view[0]["size"] == 32
    assert "mean" not in view[-1]
    document = parse_document(Path(RECIPES[0].parent / "imagenet_kd_r34_r18.yaml").read_bytes())
    sizes = [entry["size"] for entry in shrink(document)["data"]["val"]["views"]["main"]["transforms"][:-1]]
    assert sizes == [MAX_SIDE] * 3


def test_a_stage_learns_as_much_slower_as_its_batch_is_smaller() -> None:
    document = parse_document(Path(RECIPES[0].parent / "imagenet_kd_r34_r18.yaml").read_bytes())
    before, after = (resolve(given).stages[-1] for given in (document, shrink(document)))
    assert after.optimizer.lr == pytest.approx(before.optimizer.lr * 16 / before.batch_size)
    assert after.schedule.schedule == "constant"


def test_a_wrong_recipe_is_told_as_such() -> None:
    document = parse_document(RECIPES[0].read_bytes())
    with pytest.raises(SpecError) as caught:
        shrink({**document, "recipe": {"name": "kdd"}})
    assert caught.value.problems[0].pointer == "/recipe/name"
