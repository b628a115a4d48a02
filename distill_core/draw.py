"""Randomness as a pure function: an integer hash of (seed, epoch, index, ...), the same on every device.

No generator is advanced, so a draw depends neither on the batch it is made in nor on what was drawn before, and a
resumed run needs no state of it. The mixing function is Chris Wellons' lowbias32.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor

__all__ = ["draw_below", "draw_order", "draw_uniform", "hash_keys"]

_MASK = 0xFFFFFFFF
_GOLDEN = 0x9E3779B9

Integer = TypeVar("Integer", int, Tensor)


def hash_keys(*keys: int) -> int:
    """Return a well-mixed number in [0, 2**32) that is a function of the keys."""
    state = 0
    for key in keys:
        state = _mix(((state + _GOLDEN) ^ key) & _MASK)
    return state


def draw_uniform(seed: int, index: Tensor) -> Tensor:
    """Return a number in [0, 1) for each index [B]."""
    return (_hash_each(seed, index) >> 8).to(torch.float32) / 2**24


def draw_below(limit: int, seed: int, index: Tensor) -> Tensor:
    """Return an integer in [0, limit) for each index [B]."""
    return (_hash_each(seed, index) * limit) >> 32


def draw_order(seed: int, count: int, device: torch.device) -> Tensor:
    """Return a permutation of range(count) [count], int64."""
    return torch.argsort(_hash_each(seed, torch.arange(count, device=device)))


def _hash_each(seed: int, index: Tensor) -> Tensor:
    """For one seed the hash is a bijection of the index: no two keys of a permutation are equal."""
    return _mix(((seed + _GOLDEN) & _MASK) ^ index)


def _mix(x: Integer) -> Integer:
    x = x ^ (x >> 16)
    x = (x * 0x7FEB352D) & _MASK
    x = x ^ (x >> 15)
    x = (x * 0x846CA68B) & _MASK
    return x ^ (x >> 16)
