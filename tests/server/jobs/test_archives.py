from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from server.jobs.archives import ArchiveError, Bounds, check_archive, unpack

FILES = {"train/cats/1.png": b"a cat", "train/dogs/1.png": b"a dog" * 1000, "val/cats/ü 2.png": b""}
SMALL = Bounds(num_members=20, member_bytes=1 << 20, total_bytes=1 << 22, ratio=10)


def make_zip(path: Path, files: Mapping[str, bytes] = FILES, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.mkdir("train")
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def make_tar(path: Path, files: Mapping[str, bytes] = FILES, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]  # each of its modes
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def read(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("mode", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
def test_an_archive_is_counted_and_unpacked_as_it_was_packed(tmp_path: Path, mode: str) -> None:
    path = make_zip(tmp_path / "a") if mode == "zip" else make_tar(tmp_path / "a", mode=mode)
    assert check_archive(path) == 3
    unpack(path, tmp_path / "out")
    assert read(tmp_path / "out") == FILES
    assert {stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "out").rglob("*.png")} == {0o600}


def test_a_tar_of_a_whole_folder_begins_with_a_point(tmp_path: Path) -> None:
    for name, data in FILES.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(data)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "in", ".")
    unpack(tmp_path / "a.tar.gz", tmp_path / "out")
    assert read(tmp_path / "out") == FILES


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../up.png",
        "train/../../up.png",
        "train//x.png",
        "train/./x.png",
        "..",
        "a\\..\\b.png",
        "line\nbreak.png",
        "x" * 300,
        "/".join("x" * 20),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused_and_nothing_is_written(
    tmp_path: Path, make: Callable[..., Path], name: str
) -> None:
    path = make(tmp_path / "a", {name: b"x"})
    with pytest.raises(ArchiveError):
        check_archive(path)
    with pytest.raises(ArchiveError):
        unpack(path, tmp_path / "deep" / "out")
    assert not read(tmp_path / "deep")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a"]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"S"]
)
def test_a_tar_with_a_link_a_device_or_holes_is_refused(tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("train/cats/1.png")
    info.type = kind
    with tarfile.open(tmp_path / "a", "w") as archive:
        archive.addfile(info)
    with pytest.raises(ArchiveError):
        check_archive(tmp_path / "a")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_a_zip_with_a_link_or_a_device_is_refused(tmp_path: Path, kind: int) -> None:
    info = zipfile.ZipInfo("train/cats/1.png")
    info.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(ArchiveError, match="link or a device"):
        check_archive(tmp_path / "a")


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_what_swells_beyond_its_bounds_is_refused_before_it_is_all_out(
    tmp_path: Path, make: Callable[..., Path]
) -> None:
    bounds = Bounds(num_members=20, member_bytes=200 << 20, total_bytes=1 << 40, ratio=50)
    path = make(tmp_path / "bomb", {"train/a/1.png": bytes(100 << 20)})
    assert path.stat().st_size < 200_000
    with pytest.raises(ArchiveError, match="bytes come out"):
        check_archive(path, bounds)


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_a_member_and_members_without_number_are_refused(tmp_path: Path, make: Callable[..., Path]) -> None:
    with pytest.raises(ArchiveError, match="member has at most"):
        check_archive(make(tmp_path / "a", {"a/b.png": bytes(2 << 20)}), SMALL)
    with pytest.raises(ArchiveError, match="members"):
        check_archive(make(tmp_path / "b", {f"a/{number}.png": b"x" for number in range(30)}), SMALL)


def test_a_zip_that_lies_about_a_size_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a", {"a/b.png": bytes(100_000)})
    data = path.read_bytes()
    assert data.count(struct.pack("<L", 100_000)) == 2  # before the bytes, and in the table
    path.write_bytes(data.replace(struct.pack("<L", 100_000), struct.pack("<L", 10)))
    with pytest.raises(ArchiveError):
        check_archive(path)


def test_a_tar_that_is_cut_is_refused(tmp_path: Path) -> None:
    whole = make_tar(tmp_path / "a", {"a/b.png": bytes(range(256)) * 1000}, mode="w").read_bytes()
    (tmp_path / "cut").write_bytes(whole[:100_000])
    with pytest.raises(ArchiveError):
        check_archive(tmp_path / "cut")


def test_a_header_that_asks_for_much_memory_gets_none(tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 40 << 30
    with gzip.open(tmp_path / "a", "wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        file.write(bytes(1 << 20))
    with pytest.raises(ArchiveError, match="header asks"):
        check_archive(tmp_path / "a")


def test_a_table_of_contents_without_end_is_refused_unread(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a")
    data = bytearray(path.read_bytes())
    data[-12:-10] = struct.pack("<H", 0xFFFE)
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="members"):
        check_archive(path, SMALL)


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_a_name_may_be_there_once(tmp_path: Path, make: Callable[..., Path]) -> None:
    with pytest.raises(ArchiveError, match="twice"):
        check_archive(make(tmp_path / "a", {"a/b": b"x", "a/b/c.png": b"y"}))
    with pytest.raises(ArchiveError, match="twice"):
        check_archive(make(tmp_path / "b", {"a/b": b"x", "./a/b": b"y"}))


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"PK\x03\x04" + bytes(100), b"\x1f\x8b" + bytes(50), bytes(10_000), b"hello" * 1000]
)
def test_what_is_no_archive_and_an_empty_one_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ArchiveError):
        check_archive(tmp_path / "a")


def test_a_zip_that_is_packed_otherwise_or_encrypted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="other than deflate"):
        check_archive(make_zip(tmp_path / "a", compression=zipfile.ZIP_LZMA))
    path = make_zip(tmp_path / "b", {"a/b.png": b"x" * 100})
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.rfind(mark)
        data[at + place] |= 1
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="encrypted"):
        check_archive(path)
