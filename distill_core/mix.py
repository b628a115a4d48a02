"""Mixing of the samples of a batch with one another, labels and all, on the device.

Mixup: Hongyi Zhang, Moustapha Cisse, Yann N. Dauphin, David Lopez-Paz: "mixup: Beyond Empirical Risk Minimization",
ICLR 2018 (arXiv 1710.09412). CutMix: Sangdoo Yun, Dongyoon Han, Seong Joon Oh, Sanghyuk Chun, Junsuk Choe, Youngjoon
Yoo: "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", ICCV 2019 (arXiv
1905.04899). As in both papers a step has one share for all its samples, and partners come from the same batch.

What a step mixes is a function of seed, step and number of samples; no generator's state moves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from distill_core.draw import draw_order, hash_keys
from distill_core.errors import DataError
from distill_core.spec.training import MixSpec
from distill_core.tensors import Batch, Inputs

__all__ = ["Mixture", "draw_mixture", "mix", "mix_outputs"]

LANE = 0x6D6978
"""Keeps these draws apart from others of the same seed."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """What a step mixes.

    Attributes:
        partner: row of the sample that each is mixed with [B], int64.
        share: share of its own that a sample keeps, in [0, 1]; 1 mixes nothing.
        box: rows and columns (top, bottom, left, right) in which the partner's image shows; None blends the images.
    """

    partner: Tensor
    share: float
    box: tuple[int, int, int, int] | None = None


def mix(batch: Batch, spec: MixSpec, num_classes: int, seed: int, step: int) -> tuple[Batch, Mixture]:
    """Mix the samples of a step, or of one of its parts, which then have one share; all views of a sample alike.

    Args:
        batch: images [B C H W] of one size in all views; classes [B], probabilities [B K] or no labels.
        spec: which kinds, how strongly and how often.
        num_classes: K.
        seed: seed of the stage.
        step: optimizer steps that are done.

    Returns:
        The batch, with labels [B K] whether this step mixes or not and its further streams as they were; and what was
        mixed.

    Raises:
        DataError: inputs or labels are of a form that cannot be mixed.
    """
    images = {view: _check_images(view, inputs) for view, inputs in batch.inputs.items()}
    height, width = _size(images)
    first = next(iter(images.values()))
    mixture = draw_mixture(spec, (len(batch), height, width), seed, step, first.device)
    inputs = {view: _mix_images(tensor, mixture) for view, tensor in images.items()}
    labels = batch.labels if batch.labels is None else mix_outputs(_soften(batch.labels, num_classes, first), mixture)
    return replace(batch, inputs=inputs, labels=labels), mixture


def mix_outputs(outputs: Tensor, mixture: Mixture) -> Tensor:
    """Return share * outputs + (1 - share) * outputs of the partners [B ...]."""
    if mixture.share == 1:
        return outputs
    return torch.lerp(outputs, outputs[mixture.partner], 1 - mixture.share)


def draw_mixture(spec: MixSpec, shape: tuple[int, int, int], seed: int, step: int, device: torch.device) -> Mixture:
    """Return what a step mixes.

    Args:
        spec: which kinds, how strongly and how often.
        shape: B, H and W of the images.
        seed: seed of the stage.
        step: optimizer steps that are done.
        device: where the partners' rows are needed.
    """
    key = hash_keys(seed, LANE, step)
    generator = np.random.Generator(np.random.Philox(key=key))
    partner = draw_order(key, shape[0], device)
    mixes, switches = generator.random(2) < (spec.probability, spec.switch_probability)
    takes_cutmix = spec.cutmix is not None and (spec.mixup is None or bool(switches))
    alpha = spec.cutmix if takes_cutmix else spec.mixup
    if alpha is None or not mixes:
        return Mixture(partner, 1.0)
    share = float(generator.beta(alpha, alpha))
    return _draw_box(generator, share, partner, shape[1:]) if takes_cutmix else Mixture(partner, share)


def _draw_box(generator: np.random.Generator, share: float, partner: Tensor, size: tuple[int, int]) -> Mixture:
    """Place a box around a pixel; the share that is kept is what it covers of the image, not what it was drawn for."""
    ratio = math.sqrt(1 - share)
    edges: list[int] = []
    for side in size:
        centre, length = int(generator.integers(side)), int(side * ratio)
        start = centre - length // 2
        edges += [max(0, start), min(side, start + length)]
    top, bottom, left, right = edges
    kept = 1 - (bottom - top) * (right - left) / (size[0] * size[1])
    return Mixture(partner, kept, (top, bottom, left, right))


def _mix_images(images: Tensor, mixture: Mixture) -> Tensor:
    if mixture.box is None or mixture.share == 1:
        return mix_outputs(images, mixture)
    top, bottom, left, right = mixture.box
    mixed = images.clone()
    mixed[..., top:bottom, left:right] = images[..., top:bottom, left:right][mixture.partner]
    return mixed


def _check_images(view: str, inputs: Inputs) -> Tensor:
    if not isinstance(inputs, Tensor) or inputs.ndim != 4 or not inputs.is_floating_point():
        found = f"{inputs.dtype} {list(inputs.shape)}" if isinstance(inputs, Tensor) else type(inputs).__name__
        raise DataError(f"the view {view!r} holds {found}; only floating-point images [B C H W] can be mixed")
    return inputs


def _size(images: Mapping[str, Tensor]) -> tuple[int, int]:
    sizes = {view: (tensor.shape[2], tensor.shape[3]) for view, tensor in images.items()}
    if len(set(sizes.values())) != 1:
        told = ", ".join(f"{view} {height}x{width}" for view, (height, width) in sizes.items()) or "no view"
        raise DataError(f"images can be mixed where all views have one size; there is {told}")
    return next(iter(sizes.values()))


def _soften(labels: Any, num_classes: int, images: Tensor) -> Tensor:
    """Return class probabilities [B K], in the images' precision but at least float32."""
    dtype = torch.promote_types(images.dtype, torch.float32)
    if isinstance(labels, Tensor) and labels.ndim == 1 and not labels.is_floating_point():
        return functional.one_hot(labels, num_classes).to(dtype)
    if isinstance(labels, Tensor) and labels.ndim == 2 and labels.shape[1] == num_classes:
        return labels.to(dtype)
    found = f"{labels.dtype} {list(labels.shape)}" if isinstance(labels, Tensor) else type(labels).__name__
    raise DataError(f"the labels are {found}; only classes [B] or probabilities [B {num_classes}] can be mixed")
