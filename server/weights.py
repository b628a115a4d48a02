"""A look into a file of weights without reading them: is it safetensors, whole and free of tricks?

The format: eight bytes that give the length of a JSON header, the header with each tensor's type, shape and place, then
the tensors one behind the other. No pickle is ever read.
"""

from __future__ import annotations

import json
import math
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

from distill_core.errors import StillhouseError

_MAX_HEADER_BYTES = 16 * 2**20
_MAX_DIMENSIONS = 64
_METADATA = "__metadata__"
_SIZES = {
    "F64": 8, "I64": 8, "U64": 8, "C64": 8,
    "F32": 4, "I32": 4, "U32": 4,
    "F16": 2, "BF16": 2, "I16": 2, "U16": 2,
    "F8_E4M3": 1, "F8_E5M2": 1, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip


class WeightsFileError(StillhouseError):
    """The file is not safetensors, or not whole."""

    code = "weights_invalid"


def check_weights(path: Path) -> int:
    """Check a file of weights by its header; return how many tensors it holds.

    Raises:
        WeightsFileError: says what is wrong.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = _read_length(file.read(8), size)
        header = _read_header(file.read(length))
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise WeightsFileError(f"{_METADATA} must hold texts by name")
    if not header:
        raise WeightsFileError("the file holds no tensor")
    places = sorted(_read_place(name, entry) for name, entry in header.items())
    num_bytes = size - 8 - length
    if places[0][0] != 0 or places[-1][1] != num_bytes or any(left[1] != right[0] for left, right in pairwise(places)):
        raise WeightsFileError(f"the tensors do not fill the {num_bytes} bytes behind the header one behind the other")
    return len(places)


def _read_length(prefix: bytes, size: int) -> int:
    """Return the length of the header."""
    length: int = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
    if not 2 <= length <= min(size - 8, _MAX_HEADER_BYTES):
        raise WeightsFileError("the file does not begin as safetensors does: only safetensors are taken, no pickles")
    return length


def _read_header(text: bytes) -> dict[str, Any]:
    """Return what the header says."""
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_refuse_twice)
    except (ValueError, RecursionError) as error:
        raise WeightsFileError(f"the header of the file cannot be read: {error}") from error
    if not isinstance(header, dict):
        raise WeightsFileError("the header of the file must be an object")
    return header


def _read_place(name: str, entry: Any) -> tuple[int, int]:
    """Return where a tensor begins and ends; its type and shape must make just that many bytes."""
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    except (TypeError, KeyError, ValueError) as error:
        raise WeightsFileError(f"the tensor {name[:100]!r} lacks dtype, shape or data_offsets") from error
    if not isinstance(dtype, str) or dtype not in _SIZES:
        raise WeightsFileError(f"the tensor {name[:100]!r} has the dtype {dtype!r}; allowed: {', '.join(_SIZES)}")
    numbers = [*shape, begin, end] if isinstance(shape, list) and len(shape) <= _MAX_DIMENSIONS else [-1]
    if any(type(number) is not int or not 0 <= number < 2**63 for number in numbers):
        raise WeightsFileError(f"shape and data_offsets of {name[:100]!r} must be numbers from 0 up")
    if end - begin != math.prod(shape) * _SIZES[dtype]:
        raise WeightsFileError(f"the tensor {name[:100]!r} does not have the bytes that its shape and dtype need")
    return begin, end


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands there twice")
    return found
