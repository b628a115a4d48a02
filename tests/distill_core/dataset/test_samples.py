from __future__ import annotations

import pytest
import torch

from distill_core.dataset import Samples

IMAGES = torch.arange(5 * 3 * 4 * 6, dtype=torch.uint8).reshape(5, 3, 4, 6)
LABELS = torch.tensor([0, 1, 0, 2, 1])
KINDS = {
    "images": Samples(IMAGES, LABELS),
    "without labels": Samples(IMAGES, None),
    "a list": Samples([image[:, : 2 + row] for row, image in enumerate(IMAGES)], None),
    "boxes": Samples(list(IMAGES), [{"boxes": torch.full((row, 4), float(row))} for row in range(5)]),
    "names": Samples({"ids": torch.arange(10).reshape(5, 2), "mask": torch.ones(5, 2)}, LABELS),
}
every_kind = pytest.mark.parametrize("samples", KINDS.values(), ids=KINDS)


@every_kind
def test_gathered_samples_are_those_at_the_places(samples: Samples) -> None:
    places = torch.tensor([3, 0, 4])
    some = samples.gather(places)
    assert (len(samples), len(some)) == (5, 3)
    for row, place in enumerate(places.tolist()):
        one, wanted = some.read(row), samples.read(place)
        assert isinstance(one, torch.Tensor) == isinstance(wanted, torch.Tensor)
        pairs = zip(*(list(each.values()) if isinstance(each, dict) else [each] for each in (one, wanted)), strict=True)
        assert all(found.equal(expected) for found, expected in pairs)


def test_the_shape_says_which_sides_all_images_share() -> None:
    assert KINDS["images"].shape == (3, 4, 6)
    assert KINDS["a list"].shape == (3, None, 6)
    assert KINDS["names"].shape is None


def test_bytes_are_those_of_all_samples() -> None:
    assert KINDS["images"].num_bytes == IMAGES.numel()
    assert KINDS["names"].num_bytes == 10 * 8 + 10 * 4


@every_kind
def test_a_fingerprint_changes_with_every_part(samples: Samples) -> None:
    assert samples.fingerprint() == samples.gather(torch.arange(5)).fingerprint()
    assert samples.fingerprint() != samples.gather(torch.tensor([0, 1, 2, 4, 3])).fingerprint()
    assert len({each.fingerprint() for each in KINDS.values()}) == len(KINDS)
