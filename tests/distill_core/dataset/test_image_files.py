from __future__ import annotations

import contextlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from distill_core.dataset.image_files import MAX_PIXELS, decode_image, read_size
from distill_core.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)


def encoded(suffix: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, suffix)
    return buffer.getvalue()


def test_pixels_come_as_channels_rows_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded("PNG"))
    assert decode_image(path, "RGB").equal(torch.from_numpy(PIXELS).permute(2, 0, 1))
    assert decode_image(path, "L").shape == (1, 9, 7)
    assert read_size(path) == (9, 7)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_other_modes_become_the_wanted_one(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.jpg" if mode == "CMYK" else tmp_path / "a.png"
    Image.fromarray(PIXELS).convert(mode).save(path)
    assert decode_image(path, "RGB").shape == (3, 9, 7)
    assert decode_image(path, "L").shape == (1, 9, 7)


def test_a_palette_with_transparency_is_read_without_a_warning(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).quantize(8).save(tmp_path / "a.png", transparency=bytes(range(8)))
    assert decode_image(tmp_path / "a.png", "RGB").shape == (3, 9, 7)


def test_more_than_8_bits_are_not_cut_off_in_silence(tmp_path: Path) -> None:
    Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 200).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="more than 8 bits a value"):
        decode_image(tmp_path / "a.png", "L")


def claim(width: int, height: int) -> bytes:
    """Return a PNG file of a few bytes that claims a size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (header, b"IDAT" + zlib.compress(b"\x00" * 64), b"IEND")
    packed = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize("side", [int(MAX_PIXELS**0.5) + 1, 10_000, 100_000])
def test_an_image_that_claims_too_many_pixels_is_not_decoded(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(claim(side, side))
    for read in (lambda: decode_image(path, "RGB"), lambda: read_size(path)):
        with pytest.raises(DataError, match=r"bomb.png (has|cannot be decoded)"):
            read()


def test_formats_that_are_not_asked_for_are_not_opened(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.tiff")
    (tmp_path / "a.tiff").rename(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a.png cannot be decoded"):
        decode_image(tmp_path / "a.png", "RGB")


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_a_data_error_or_an_image(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(encoded(data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "BMP"]))))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.png"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(DataError):
        assert decode_image(path, "RGB").shape[0] == 3
