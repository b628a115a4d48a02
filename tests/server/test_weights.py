from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from server.weights import WeightsFileError, check_weights


def tensor(begin: Any, end: Any, shape: Any = (2,), dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape) if isinstance(shape, tuple) else shape, "data_offsets": [begin, end]}


def file_of(header: Any, data: bytes = bytes(8), length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def test_a_file_that_safetensors_wrote_is_taken(tmp_path: Path) -> None:
    tensors = {
        "a": torch.rand(3, 4),
        "b": torch.zeros(5, dtype=torch.bfloat16),
        "c": torch.tensor(7),
        "d": torch.zeros(0, 3),
    }
    save_file(tensors, tmp_path / "x.safetensors", {"stillhouse": "{}"})
    assert check_weights(tmp_path / "x.safetensors") == 4


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"1234567",
        b"\x80\x02}q\x00.pickle of somebody",
        b"PK\x03\x04" + bytes(100),
        file_of({"a": tensor(0, 8)}, length=2**40),
        file_of({"a": tensor(0, 8)}, length=1),
        file_of(b"[]"),
        file_of(b"{}"),
        file_of(b'{"a":' + b"[" * 100_000),
        file_of(b"\xff\xfe"),
        file_of({"a": 1}),
        file_of({"a": {"dtype": "F32", "shape": [2]}}),
        file_of({"a": tensor(0, 8, dtype="PICKLE")}),
        file_of({"a": tensor(0, 8, dtype=["F32"])}),
        file_of({"a": tensor(0, 8, shape=(3,))}),
        file_of({"a": tensor(0, 8, shape="2")}),
        file_of({"a": tensor(0, 8, shape=(True, 2))}),
        file_of({"a": tensor(0, 8, shape=(-1, -2))}),
        file_of({"a": tensor(-8, 0)}),
        file_of({"a": tensor(0, 8)}, bytes(7)),
        file_of({"a": tensor(0, 8)}, bytes(9)),
        file_of({"a": tensor(4, 12)}, bytes(12)),
        file_of({"a": tensor(0, 8), "b": tensor(4, 12)}, bytes(12)),
        file_of({"a": tensor(0, 8), "b": tensor(12, 20)}, bytes(20)),
        file_of(b'{"a":%b,"a":%b}' % ((json.dumps(tensor(0, 8)).encode(),) * 2)),
        file_of({"a": tensor(0, 8), "__metadata__": {"x": 1}}),
        file_of({"a": tensor(0, 8), "__metadata__": "x"}),
        file_of({"__metadata__": {"x": "y"}}, b""),
    ],
)
def test_what_is_not_whole_and_plain_safetensors_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(WeightsFileError):
        check_weights(path)
