from __future__ import annotations

import pytest
import torch

from distill_core.models import MODELS
from distill_core.tap import Place, Taps

CIFAR = {"num_classes": 10, "in_channels": 3, "image_size": 32}
COUNTS = {"vit_d4": (4, 48, 123_802), "vit_d8": (8, 96, 916_138)}


@pytest.mark.parametrize("key", COUNTS)
def test_the_weights_are_those_of_the_papers_blocks_tokens_and_classifier(key: str) -> None:
    depth, width, count = COUNTS[key]
    linear = 4 * width * width + 4 * width + 8 * width * width + 5 * width  # qkv and proj, then the MLP
    embedding = 8 * 8 * 3 * width + width + width + (1 + 16) * width
    expected = embedding + depth * (linear + 4 * width) + 2 * width + 10 * width + 10
    assert sum(parameter.numel() for parameter in MODELS.create(key, CIFAR).parameters()) == expected == count


@pytest.mark.parametrize("key", COUNTS)
@pytest.mark.parametrize(("size", "tokens"), [(4, 17), (8, 17), (28, 17), (30, 26), (32, 17), (224, 17)])
def test_stem_and_stages_are_tokens_of_sixteen_patches_or_a_few_more(key: str, size: int, tokens: int) -> None:
    width = COUNTS[key][1]
    model = MODELS.create(key, CIFAR | {"image_size": size}).eval()
    names = ("stem", "stage1", "stage2", "stage3", "stage4")
    caught = Taps(model, [Place(name) for name in (*names, "pooled")]).run(torch.rand(2, 3, size, size))
    assert {tuple(caught[Place(name)].shape) for name in names} == {(2, tokens, width)}
    assert caught[Place("pooled")].shape == (2, width)


@pytest.mark.parametrize("size", [7, 8, 30])
def test_every_pixel_reaches_the_logits(size: int) -> None:
    model = MODELS.create("vit_d4", CIFAR | {"image_size": size}).eval()
    image = torch.rand(1, 3, size, size, requires_grad=True)
    model(image)[0, 3].backward()
    assert image.grad is not None
    assert (image.grad != 0).all()


def test_attention_is_the_softmax_of_the_paper() -> None:
    torch.manual_seed(0)
    block = MODELS.create("vit_d4", CIFAR).get_submodule("stage1.0.attention")
    x = torch.rand(2, 17, 48)
    with torch.no_grad():
        heads = []
        for head in range(3):
            q, k, v = (
                x @ block.qkv.weight[rows].T + block.qkv.bias[rows]  # type: ignore[index,union-attr]
                for rows in (slice(part * 48 + head * 16, part * 48 + head * 16 + 16) for part in range(3))
            )
            heads.append(((q @ k.transpose(1, 2)) / 4).softmax(2) @ v)
        expected = block.proj(torch.cat(heads, 2))  # type: ignore[operator]
        torch.testing.assert_close(block(x), expected)


def test_qkv_and_proj_of_every_block_can_be_tapped() -> None:
    model = MODELS.create("vit_d8", CIFAR).eval()
    places = [
        Place(f"stage{stage}.{block}.attention.{name}")
        for stage in (1, 4)
        for block in (0, 1)
        for name in ("qkv", "proj")
    ]
    caught = Taps(model, places).run(torch.rand(2, 3, 32, 32))
    assert {tuple(caught[place].shape) for place in places} == {(2, 17, 96), (2, 17, 288)}


def test_a_stage_is_a_quarter_of_the_blocks() -> None:
    for key, blocks in (("vit_d4", 1), ("vit_d8", 2)):
        model = MODELS.create(key, CIFAR)
        assert [len(list(model.get_submodule(f"stage{stage}").children())) for stage in (1, 2, 3, 4)] == [blocks] * 4
