"""A view's chain of transforms, applied to whole batches on the device, or to single images on the CPU.

What is random is drawn by hash from (view seed, epoch modulo variants, sample index, place in the chain): the same
sample looks the same in the same epoch whatever batch it is in, and no state has to be saved. On the CPU the pixels
are bit for bit the same in a batch and alone; a GPU's differ from them in the last bits.

Shapes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from distill_core.draw import hash_keys
from distill_core.spec.augment import AutoAugment, Noise, RandAugment
from distill_core.spec.data import TransformSpec, ViewSpec
from distill_core.spec.transform import (
    CenterCrop,
    ColorJitter,
    HorizontalFlip,
    Normalize,
    Pad,
    RandomCrop,
    RandomErasing,
    RandomResizedCrop,
    Resize,
)
from distill_core.view.augment import auto_augment, rand_augment
from distill_core.view.colour import as_float, erase, jitter, make_noise, normalize
from distill_core.view.geometry import crop, crop_center, crop_resized, flip, resize

__all__ = ["render"]


def render(view: ViewSpec, images: Tensor, index: Tensor, epoch: int) -> Tensor:
    """Return samples as a view shows them.

    Args:
        view: the chain of transforms; means and deviations must be written out.
        images: [B C H W] uint8.
        index: place of each sample in its split [B].
        epoch: epoch of the stage, from 0.

    Returns:
        Images [B C H W], float.
    """
    replay = view.replay(epoch)
    for position, transform in enumerate(view.transforms):
        images = _apply(transform, images, index, hash_keys(view.seed, replay, position))
    return as_float(images)


def _apply(transform: TransformSpec, images: Tensor, index: Tensor, seed: int) -> Tensor:
    """What only moves pixels leaves them uint8: a quarter of the bytes to move."""
    match transform:
        case Normalize(mean=mean, std=std):
            return normalize(images, mean or (), std or ())
        case Pad(padding=padding):
            return functional.pad(images, [padding] * 4)
        case Resize(size=size, shorter_side=shorter_side):
            return resize(as_float(images), size, shorter_side=shorter_side)
        case CenterCrop(size=size):
            return crop_center(images, size)
        case RandomCrop(padding=padding):
            return crop(images, padding, index, seed)
        case RandomResizedCrop(size=size, scale=scale, ratio=ratio):
            return crop_resized(images, size, scale, ratio, index, seed)
        case HorizontalFlip(probability=probability):
            return flip(images, probability, index, seed)
        case ColorJitter(brightness=brightness, contrast=contrast, saturation=saturation):
            return jitter(images, brightness, contrast, saturation, index, seed)
        case RandomErasing(probability=probability, scale=scale, ratio=ratio):
            return erase(images, probability, scale, ratio, index, seed)
        case RandAugment() | AutoAugment() | Noise():
            return _replace(transform, images, index, seed)


def _replace(transform: RandAugment | AutoAugment | Noise, images: Tensor, index: Tensor, seed: int) -> Tensor:
    match transform:
        case RandAugment(num_ops=num_ops, magnitude=magnitude):
            return rand_augment(images, num_ops, magnitude, index, seed)
        case AutoAugment():
            return auto_augment(images, index, seed)
        case Noise(mean=mean, std=std):
            return make_noise(images, mean, std, index, seed)
