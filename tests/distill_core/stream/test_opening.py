"""Streams of every kind of sample: classes, nothing, named tensors, images of unequal sizes with boxes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from distill_core.dataset import Dataset, Facts, Samples
from distill_core.datasets import DATASETS
from distill_core.engine.run import open_streams
from distill_core.errors import DataError, SpecError
from distill_core.spec import resolve
from distill_core.spec.config import Config
from distill_core.spec.data import StreamSpec
from distill_core.stream import Stream, open_stream, opening
from distill_core.weights import Input
from tests.distill_core.experiments import supervised
from tests.distill_core.stream.folders import NORMALIZE, make_folder, open_folder

COUNT = 30
FLIP = {"transform": "horizontal_flip"}


class NoOptions(Config):
    """No options."""


class Sentences(Dataset):
    """Token numbers with a mask, as models of Hugging Face take them."""

    Params = NoOptions
    facts: ClassVar = Facts(2, None, {"train": COUNT}, None, None)

    def read(self, split: str, root: Path, scratch: Path | None = None) -> Samples:
        tokens = torch.arange(COUNT * 6).reshape(COUNT, 6)
        return Samples({"input_ids": tokens, "attention_mask": (tokens % 5 > 0).long()}, torch.arange(COUNT) % 2)


class Boxes(Dataset):
    """Images of unequal sizes with boxes, as detectors take them."""

    Params = NoOptions
    facts: ClassVar = Facts(None, (3, None, None), {"train": COUNT}, None, None)

    def read(self, split: str, root: Path, scratch: Path | None = None) -> Samples:
        images = [torch.full((3, 5 + row % 4, 7), row, dtype=torch.uint8) for row in range(COUNT)]
        return Samples(images, [{"boxes": torch.full((row % 3, 4), float(row))} for row in range(COUNT)])

    def known_facts(self) -> Facts:
        return self.facts


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    tuple(DATASETS)  # complete before it is copied
    monkeypatch.setattr(DATASETS, "_components", dict(DATASETS._components))
    DATASETS.register("sentences")(Sentences)
    DATASETS.register("boxes")(Boxes)


def open_registered(key: str, *transforms: dict[str, Any], **options: Any) -> Stream:
    document = {"dataset": key, "views": {"main": {"transforms": transforms}}}
    return open_stream(StreamSpec.model_validate(document), Path("/nonexistent"), torch.device("cpu"), "/s", **options)


PLACEMENTS = pytest.mark.parametrize(
    "options", [{"placement": "device"}, {"placement": "workers"}, {"placement": "workers", "loader_workers": 1}]
)
ROWS = torch.tensor([4, 29, 0, 7, 11, 2, 18]).split(3)


@PLACEMENTS
def test_named_tensors_come_as_a_dictionary_of_batches(options: dict[str, Any]) -> None:
    stream = open_registered("sentences", **options)
    source = Sentences(NoOptions()).read("train", Path())
    assert isinstance(source.inputs, Mapping)
    for rows, batch in zip(ROWS, stream.batches(ROWS, 0, ("main",)), strict=True):
        inputs = batch.inputs["main"]
        assert isinstance(inputs, Mapping)
        assert list(inputs) == ["input_ids", "attention_mask"]
        assert all(inputs[name].equal(tensor[rows]) for name, tensor in source.inputs.items())
        assert batch.labels.equal(rows % 2)
    stream.close()


@PLACEMENTS
def test_images_of_unequal_sizes_come_as_a_list_with_their_targets(options: dict[str, Any]) -> None:
    stream = open_registered("boxes", NORMALIZE, **options)
    assert stream.labels is None
    assert stream.num_classes is None
    for rows, batch in zip(ROWS, stream.batches(ROWS, 0, ("main",)), strict=True):
        images = batch.inputs["main"]
        assert isinstance(images, list)
        for row, image, target in zip(rows.tolist(), images, batch.labels, strict=True):
            shift, scale = (torch.tensor(NORMALIZE[name]).reshape(3, 1, 1) for name in ("mean", "std"))
            assert image.equal(((torch.full((3, 5 + row % 4, 7), row) / 255) - shift) / scale)
            assert target["boxes"].equal(torch.full((row % 3, 4), float(row)))
    stream.close()


def test_what_is_no_image_cannot_be_transformed() -> None:
    with pytest.raises(SpecError, match="only images can be transformed") as caught:
        open_registered("sentences", NORMALIZE)
    assert caught.value.problems[0].pointer == "/s/views/main/transforms/0"


def test_an_image_with_boxes_is_not_moved_away_from_under_them() -> None:
    with pytest.raises(SpecError, match="would not follow"):
        open_registered("boxes", NORMALIZE, FLIP)


@PLACEMENTS
def test_samples_without_labels_have_none_in_stream_and_batch(tmp_path: Path, options: dict[str, Any]) -> None:
    make_folder(tmp_path)
    stream = open_folder(tmp_path, params={"unlabelled": True}, **options)
    assert stream.labels is None
    assert stream.targets is None
    assert [batch.labels for batch in stream.in_order(9)] == [None] * 3
    stream.close()


def test_what_is_small_and_of_one_size_lies_on_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder(tmp_path)
    assert open_folder(tmp_path).placement == "device"
    monkeypatch.setattr(opening, "CPU_LIMIT_BYTES", 24 * 16 * 20 * 3 - 1)
    assert open_folder(tmp_path).placement == "workers"


@PLACEMENTS
def test_images_of_unequal_sizes_become_one_tensor_where_the_view_fixes_the_size(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    make_folder(tmp_path, size=None)
    assert open_folder(tmp_path).placement == "workers"
    stream = open_folder(tmp_path, **options)
    same = open_folder(tmp_path, placement="workers")
    for batch, again in zip(stream.in_order(10), same.in_order(10), strict=True):
        images, wanted = batch.inputs["main"], again.inputs["main"]
        assert isinstance(images, Tensor)
        assert isinstance(wanted, Tensor)
        assert images.shape[1:] == (3, 12, 12)
        assert images.equal(wanted)
    stream.close()


def test_more_samples_than_the_files_hold_are_refused(tmp_path: Path) -> None:
    make_folder(tmp_path)
    document = {"dataset": "image_folder", "params": {"folder": "photos", "num_classes": 3}, "num_samples": 25}
    with pytest.raises(SpecError, match="only 24 samples of the split 'train'") as caught:
        open_stream(StreamSpec.model_validate(document), tmp_path, torch.device("cpu"), "/data/train")
    assert caught.value.problems[0].pointer == "/data/train/num_samples"


def test_a_data_set_that_is_not_what_it_claims_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sentences, "facts", Facts(2, (3, 8, 8), {"train": COUNT}, None, None))
    with pytest.raises(DataError, match="holds no images; its facts say otherwise"):
        open_registered("sentences")
    monkeypatch.setattr(Sentences, "facts", Facts(1, None, {"train": COUNT}, None, None))
    with pytest.raises(DataError, match="labels that do not fit 1 classes"):
        open_registered("sentences")


def test_an_uploaded_data_set_is_read_where_it_was_handed_to_the_run(tmp_path: Path) -> None:
    upload = "upl_01JZZZZZZZZZZZZZZZZZZZZZZZ"
    views = {"main": {"transforms": [{"transform": "resize", "size": 12}, NORMALIZE]}}
    data = {"dataset": "image_folder", "params": {"num_classes": 3}, "upload": upload, "views": views}
    document = supervised()
    stage = document["stages"][0] | {"train": "photos"}
    stage.pop("validate_on", None)
    document |= {"data": {"photos": data}, "stages": [stage], "evaluation": {}}
    spec = resolve(document)
    inputs = {upload: Input(make_folder(tmp_path) / "photos", "0" * 64)}
    streams = open_streams(spec, Path("/nonexistent"), torch.device("cpu"), inputs=inputs)
    assert len(streams["photos"]) == 24
    with pytest.raises(DataError, match="was not handed to the run"):
        open_streams(spec, tmp_path, torch.device("cpu"))
