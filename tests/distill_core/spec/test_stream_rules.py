"""What is said of a stream before its data set is opened: of images of unknown sizes, and of what is no image."""

from __future__ import annotations

from typing import Any

import pytest

from distill_core.spec import check, resolve
from distill_core.spec.catalog import DatasetEntry, load_catalog
from tests.distill_core.experiments import supervised

NORMALIZE = {"transform": "normalize", "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]}
CROP = {"transform": "random_resized_crop", "size": 32}


def photos(*transforms: dict[str, Any], params: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """Return a spec that trains on a folder of photos."""
    stream = {
        "dataset": "image_folder",
        "params": {"folder": "photos", "num_classes": 7} | (params or {}),
        "views": {"main": {"transforms": list(transforms)}},
    }
    document = supervised()
    document["data"] = {"train": stream | options, "test": stream | {"split": "val"}}
    return document


def problems(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(problem.pointer, problem.code) for problem in check(document)}


def test_what_a_model_must_know_follows_from_options_and_view() -> None:
    spec = resolve(photos(CROP, NORMALIZE))
    assert spec.models["teacher"].params == {"num_classes": 7, "in_channels": 3, "image_size": 32}
    assert spec.data["train"].params["unlabelled"] is False
    grey = resolve(photos(CROP, params={"channels": 1}))
    assert grey.models["teacher"].params["in_channels"] == 1


def test_a_view_that_fixes_no_size_is_refused_with_what_to_do() -> None:
    document = photos({"transform": "resize", "size": 40, "shorter_side": True})
    assert ("/stages/0/train", "size_unknown") in problems(document)
    [message, *_] = [problem.message for problem in check(document) if problem.code == "size_unknown"]
    assert "end the view with resize, center_crop or random_resized_crop" in message


def test_mean_and_deviation_that_no_one_knows_must_be_written_out() -> None:
    place = "/data/train/views/main/transforms/1"
    found = problems(photos(CROP, {"transform": "normalize"}))
    assert {(f"{place}/mean", "field_missing"), (f"{place}/std", "field_missing")} <= found


def test_the_number_of_classes_must_be_given() -> None:
    document = photos(CROP, NORMALIZE)
    del document["data"]["train"]["params"]["num_classes"]
    assert ("/data/train/params", "field_missing") in problems(document)


@pytest.mark.parametrize("name", ["rand_augment", "auto_augment"])
def test_what_takes_pixels_stands_before_their_normalisation(name: str) -> None:
    assert check(photos(CROP, {"transform": name}, NORMALIZE)) == []
    found = problems(photos(CROP, NORMALIZE, {"transform": name}))
    assert ("/data/train/views/main/transforms/2", "transform_unfit") in found


@pytest.mark.parametrize("field", ["scale", "ratio"])
def test_a_range_must_not_descend(field: str) -> None:
    found = problems(photos(CROP | {field: [0.9, 0.5]}, NORMALIZE))
    assert (f"/data/train/views/main/transforms/0/{field}", "value_invalid") in found


def test_splits_and_counts_that_only_files_know_are_not_guessed() -> None:
    assert problems(photos(CROP, NORMALIZE, split="anything", num_samples=10**6)) == set()


def test_what_is_no_image_is_neither_normalised_nor_transformed() -> None:
    catalog = load_catalog()
    entry = DatasetEntry(
        summary="Sentences.",
        params={"type": "object", "properties": {}, "additionalProperties": False},
        num_classes=10,
        image_shape=None,
        splits={"train": 100},
        mean=None,
        std=None,
    )
    with_text = catalog.model_copy(update={"datasets": {**catalog.datasets, "sentences": entry}})
    document = supervised()
    document["data"] = {"train": {"dataset": "sentences"}, "test": {"dataset": "sentences"}}
    document["models"]["teacher"]["params"] = {"in_channels": 1, "image_size": 8}
    assert resolve(document, with_text).data["train"].views["main"].transforms == ()
    document["data"]["train"]["views"] = {"main": {"transforms": [{"transform": "horizontal_flip"}]}}
    [problem] = check(document, with_text)
    assert (problem.pointer, problem.code) == ("/data/train/views/main/transforms/0", "transform_unfit")
