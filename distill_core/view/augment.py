"""Which operation a sample gets, and how strong it is: RandAugment and AutoAugment.

Ekin D. Cubuk, Barret Zoph, Jonathon Shlens, Quoc V. Le: "RandAugment: Practical automated data augmentation with a
reduced search space", 2020 (arXiv 1909.13719); Cubuk, Zoph, Dandelion Mané, Vijay Vasudevan, Le: "AutoAugment: Learning
Augmentation Strategies from Data", CVPR 2019 (arXiv 1805.09501). Lists, strengths and signs are those of torchvision.

Shapes: B batch, C channels, H height, W width, O operations, P pairs.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from distill_core.draw import draw_below, draw_uniform, hash_keys
from distill_core.spec.augment import MAGNITUDES
from distill_core.view.colour import as_float
from distill_core.view.operation import NUMBER, OPERATIONS, operate

__all__ = ["CIFAR10", "auto_augment", "measure", "rand_augment"]

SIGNED = {"shear_x", "shear_y", "translate_x", "translate_y", "rotate", "brightness", "color", "contrast", "sharpness"}
"""Operations whose strength is negative for half of the samples."""

NUM_RANDOM = OPERATIONS.index("invert")
"""RandAugment draws from all but the inversion."""

POLICY_STEPS = 10
"""Strengths in AutoAugment's search."""

Choice = tuple[str, float, int]
"""Operation, probability, step of its strength; 0 where it has none."""

CIFAR10: tuple[tuple[Choice, Choice], ...] = (
    (("invert", 0.1, 0), ("contrast", 0.2, 6)),
    (("rotate", 0.7, 2), ("translate_x", 0.3, 9)),
    (("sharpness", 0.8, 1), ("sharpness", 0.9, 3)),
    (("shear_y", 0.5, 8), ("translate_y", 0.7, 9)),
    (("auto_contrast", 0.5, 0), ("equalize", 0.9, 0)),
    (("shear_y", 0.2, 7), ("posterize", 0.3, 7)),
    (("color", 0.4, 3), ("brightness", 0.6, 7)),
    (("sharpness", 0.3, 9), ("brightness", 0.7, 9)),
    (("equalize", 0.6, 0), ("equalize", 0.5, 0)),
    (("contrast", 0.6, 7), ("sharpness", 0.6, 5)),
    (("color", 0.7, 7), ("translate_x", 0.5, 8)),
    (("equalize", 0.3, 0), ("auto_contrast", 0.4, 0)),
    (("translate_y", 0.4, 3), ("sharpness", 0.2, 6)),
    (("brightness", 0.9, 6), ("color", 0.2, 8)),
    (("solarize", 0.5, 2), ("invert", 0.0, 0)),
    (("equalize", 0.2, 0), ("auto_contrast", 0.6, 0)),
    (("equalize", 0.2, 0), ("equalize", 0.6, 0)),
    (("color", 0.9, 9), ("equalize", 0.6, 0)),
    (("auto_contrast", 0.8, 0), ("solarize", 0.2, 8)),
    (("brightness", 0.1, 3), ("color", 0.7, 0)),
    (("solarize", 0.4, 5), ("auto_contrast", 0.9, 0)),
    (("translate_y", 0.9, 9), ("translate_y", 0.7, 9)),
    (("auto_contrast", 0.9, 0), ("solarize", 0.8, 3)),
    (("equalize", 0.8, 0), ("invert", 0.1, 0)),
    (("translate_y", 0.7, 9), ("auto_contrast", 0.9, 0)),
)
"""The pairs found for CIFAR-10."""


def rand_augment(images: Tensor, num_ops: int, magnitude: int, index: Tensor, seed: int) -> Tensor:
    """Apply random operations, one after the other, at one strength.

    Args:
        images: [B C H W], uint8 or values in [0, 1].
        num_ops: operations a sample.
        magnitude: strength, of 31.
        index: place of each sample in its split [B].
        seed: what the draws are a function of, besides the index.

    Returns:
        Images [B C H W], uint8.
    """
    images = _as_bytes(images)
    levels = _list_levels(magnitude, images.shape[-2:], images.device)
    for slot in range(num_ops):
        operation = draw_below(NUM_RANDOM, hash_keys(seed, slot, 0), index)
        images = operate(images, operation, levels[operation] * _draw_sign(hash_keys(seed, slot, 1), operation, index))
    return images


def auto_augment(images: Tensor, index: Tensor, seed: int) -> Tensor:
    """Apply both operations of a random pair, each with its probability; arguments are those of `rand_augment`."""
    images = _as_bytes(images)
    policy = _list_policy(images.shape[-2:], images.device)
    pair = draw_below(len(CIFAR10), hash_keys(seed, 0), index)
    for slot in range(2):
        operation, probability, level = policy[slot, :, pair]
        is_applied = draw_uniform(hash_keys(seed, slot, 1), index) < probability
        operation = torch.where(is_applied, operation, 0).long()
        images = operate(images, operation, level * _draw_sign(hash_keys(seed, slot, 2), operation, index))
    return images


def measure(name: str, step: int, num_steps: int, size: tuple[int, int]) -> float:
    """Return how strong an operation is at a step of so many, in the unit that `operate` takes.

    Args:
        name: the operation.
        step: from 0.
        num_steps: how many there are.
        size: height and width of the images.
    """
    share = step / (num_steps - 1)
    match name:
        case "shear_x" | "shear_y":
            return 0.3 * share
        case "translate_x" | "translate_y":
            return int(150 / 331 * size[name == "translate_x"] * share)
        case "rotate":
            return 30 * share
        case "brightness" | "color" | "contrast" | "sharpness":
            return 0.9 * share
        case "posterize":
            return 8 - round(4 * share)
        case "solarize":
            return 255 * (1 - share)
    return 0.0


def _as_bytes(images: Tensor) -> Tensor:
    return images if images.dtype == torch.uint8 else (255 * as_float(images)).round().clamp(0, 255).to(torch.uint8)


def _draw_sign(seed: int, operation: Tensor, index: Tensor) -> Tensor:
    """Return -1 for half of the samples whose operation has a sign, 1 for all others [B] float64."""
    is_signed = _list_signed(operation.device)[operation]
    return torch.where(is_signed & (draw_below(2, seed, index) == 1), -1.0, 1.0).double()


# What follows is remembered, since copying it to a GPU waits for all that runs there.


@lru_cache(maxsize=8)
def _list_signed(device: torch.device) -> Tensor:
    """Return whether each operation has a sign [O]."""
    return torch.tensor([name in SIGNED for name in OPERATIONS], device=device)


@lru_cache(maxsize=64)
def _list_levels(magnitude: int, size: tuple[int, int], device: torch.device) -> Tensor:
    """Return the strength of each operation [O] float64."""
    levels = [measure(name, magnitude, MAGNITUDES, size) for name in OPERATIONS]
    return torch.tensor(levels, dtype=torch.float64, device=device)


@lru_cache(maxsize=64)
def _list_policy(size: tuple[int, int], device: torch.device) -> Tensor:
    """Return number, probability and strength of the operations of each pair [2 3 P] float64."""
    rows = [
        [(NUMBER[name], probability, measure(name, step, POLICY_STEPS, size)) for name, probability, step in pair]
        for pair in CIFAR10
    ]
    return torch.tensor(rows, dtype=torch.float64, device=device).permute(1, 2, 0)
