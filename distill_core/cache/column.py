"""What one tapped place stores of each sample, and how: plain, at half precision, or its top k logits.

Shapes: B batch, K classes, k kept logits, S... one row of the place.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from distill_core.errors import CacheError

__all__ = ["Column", "Format", "Part"]

Format = Literal["fp64", "fp32", "fp16", "bf16"]

_DTYPES: dict[str, torch.dtype] = {
    "fp64": torch.float64,
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
}
_SHORT = 2**16
"""Rows shorter than this have their places stored in 16 bits."""


@dataclass(frozen=True, slots=True)
class Part:
    """One array of a column: what each row has in it."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        """Return the bytes of one row."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class Column:
    """How the outputs of one tapped place are stored.

    With `top_k` a row keeps its k largest logits, their places, and the log-sum-exp of the rest. Decoding puts the k
    logits back and gives every other entry the one constant c = logsumexp(rest) - log(K - k): at temperature 1 the rest
    has together the probability that it had, spread evenly. At other temperatures the mass of the rest differs.

    Attributes:
        name: the place as text.
        shape: shape of one sample's output, without the batch.
        format: number format; fp16 and bf16 round, fp64 is for runs in double precision.
        top_k: logits kept of a one-dimensional row, all when None.
    """

    name: str
    shape: tuple[int, ...]
    format: Format = "fp32"
    top_k: int | None = None

    def __post_init__(self) -> None:
        if self.format not in _DTYPES:
            raise CacheError(f"the format {self.format!r} of {self.name!r} is none of {', '.join(_DTYPES)}")
        if any(size < 1 for size in self.shape):
            raise CacheError(f"the output of {self.name!r} has the shape {self.shape}: there is nothing to store")
        if self.top_k is not None and (len(self.shape) != 1 or not 1 <= self.top_k < self.shape[0]):
            raise CacheError(
                f"top_k {self.top_k} of {self.name!r}, whose rows have the shape {self.shape}: it takes rows of one "
                "dimension and must be at least 1 and less than their length"
            )

    @property
    def dtype(self) -> torch.dtype:
        """Return the type that values are stored in."""
        return _DTYPES[self.format]

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return the arrays of the column: values, and with `top_k` also places and the rest."""
        if self.top_k is None:
            return (Part(self.dtype, self.shape),)
        # torch computes little on uint16: the 16 bits are stored as int16 and read back without a sign.
        places = torch.int16 if self.shape[0] < _SHORT else torch.int32
        return (Part(self.dtype, (self.top_k,)), Part(places, (self.top_k,)), Part(self._wide, ()))

    def encode(self, values: Tensor) -> tuple[Tensor, ...]:
        """Return what is stored of values [B S...], part by part [B ...].

        Raises:
            CacheError: the values have another shape or a type that the format would cut without being asked to.
        """
        self._check(values)
        if self.top_k is None:
            return (values.to(self.dtype, memory_format=torch.contiguous_format),)
        logits = values.to(self._wide)
        kept, places = logits.topk(self.top_k, dim=1)
        rest = logits.scatter(1, places, -math.inf).logsumexp(1)
        return (kept.to(self.dtype), places.to(self.parts[1].dtype), rest)

    def decode(self, stored: tuple[Tensor, ...]) -> Tensor:
        """Return the values [B S...] of stored parts [B ...], float32, or float64 where that was stored."""
        values = stored[0].to(self._wide)
        if self.top_k is None:
            return values
        _, places, rest = stored
        indices = places.to(torch.int64)
        if places.dtype == torch.int16:
            indices &= _SHORT - 1
        constant = rest - math.log(self.shape[0] - self.top_k)
        return constant[:, None].expand(-1, self.shape[0]).scatter(1, indices, values)

    def as_document(self) -> dict[str, Any]:
        """Return the column as plain JSON data."""
        return asdict(self) | {"shape": list(self.shape)}

    @property
    def _wide(self) -> torch.dtype:
        return torch.float64 if self.format == "fp64" else torch.float32

    def _check(self, values: Tensor) -> None:
        if tuple(values.shape[1:]) != self.shape:
            found = tuple(values.shape[1:])
            raise CacheError(f"the output of {self.name!r} has rows of the shape {found}, the cache {self.shape}")
        if not values.is_floating_point() or (values.dtype == torch.float64 and self.format != "fp64"):
            raise CacheError(
                f"the output of {self.name!r} is {values.dtype}, which {self.format} does not hold; "
                "float64 needs the format fp64, and what is not floating point cannot be cached"
            )
