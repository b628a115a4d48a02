"""Which file system a folder lies on: SQLite's locks do not work over a network."""

from __future__ import annotations

from pathlib import Path

NETWORK = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs", "gpfs", "ocfs2",
    "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse", "fuse.ceph", "fuse.juicefs",
})  # fmt: skip

_MOUNTS = Path("/proc/self/mounts")


def find_filesystem(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the kind of file system that a path lies on, or will lie on; None where the system does not tell."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    place = path.expanduser().resolve()
    kinds: dict[Path, str] = {}
    for line in lines:
        _, folder, kind, *_ = line.split(" ")
        kinds[Path(folder.encode().decode("unicode_escape"))] = kind  # a space is written as \040; the last one counts
    return next((kinds[folder] for folder in (place, *place.parents) if folder in kinds), None)
