"""The stored teacher outputs of this host: what the engine left in the folder, told to the service.

The folder belongs to the engine; it is read here, and only the engine's own command removes from it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from ulid import ULID

from server.jobs.caches import StoredOutputs, list_doomed, report_entries
from server.jobs.database import Database
from worker.engine import INHERITED, PYTHON

_KEY = re.compile(r"[0-9a-f]{64}")
_MAX_DOCUMENT_BYTES = 2**20
_SHOWN = ("num_rows", "num_variants", "columns")
_SHOWN_OF_IDENTITY = ("model", "view", "precision", "device")

_log = structlog.get_logger()


def report_cache(database: Database, root: Path) -> list[str]:
    """Tell the service what lies in a cache folder.

    Returns:
        The keys that somebody wants removed from it.
    """
    if not root.is_dir():
        return []
    name, entries = name_root(root), list(scan(root))
    with database.write() as session:
        report_entries(session, name, entries)
        return list_doomed(session, name)


def start_removal(root: Path, keys: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start the engine's command that removes entries which nobody uses, and return its process."""
    command = [*PYTHON, "-m", "distill_core", "cache", str(root), "--remove", *keys]
    environment = {name: value for name, value in os.environ.items() if name in INHERITED}
    _log.info("removing stored teacher outputs", keys=list(keys))
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )


def name_root(root: Path) -> str:
    """Return the name of a cache folder, which lies in it: the same wherever the folder is mounted."""
    path = root / "root.id"
    if not path.exists():
        draft = root / f".root-{ULID()}"
        draft.write_text(str(ULID()), "utf-8")
        with suppress(FileExistsError):
            os.link(draft, path)  # whoever is first names it
        draft.unlink()
    return path.read_text("utf-8").strip()[:64]


def scan(root: Path) -> Iterator[StoredOutputs]:
    """Yield every entry below a root; one that comes or goes meanwhile is left out."""
    for folder in sorted(root.iterdir()):
        if _KEY.fullmatch(folder.name) and folder.is_dir():
            with suppress(OSError, ValueError):
                yield _read_entry(folder)


def _read_entry(folder: Path) -> StoredOutputs:
    identity = folder / "identity.json"
    used = folder / "used"
    uses = list(_read_uses(folder / "usage.jsonl"))
    return StoredOutputs(
        key=folder.name,
        facts=_describe(identity),
        is_ready=(folder / "complete.json").exists(),
        size=sum(path.stat().st_size for path in folder.iterdir() if path.is_file()),
        num_hits=sum(use.get("is_hit") is True for use in uses),
        saved_s=sum(float(use.get("saved_s", 0.0)) for use in uses),
        created_at=_read_time(identity),
        used_at=_read_time(used if used.exists() else folder),
    )


def _describe(path: Path) -> dict[str, Any]:
    """Return what people want to know of an entry's identity."""
    document = _parse(path.read_bytes())
    identity = document.get("identity")
    inner = identity if isinstance(identity, dict) else {}
    return {name: document.get(name) for name in _SHOWN} | {name: inner.get(name) for name in _SHOWN_OF_IDENTITY}


def _read_uses(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines that readers left; half a line is left out."""
    if not path.exists():
        return
    for line in path.read_bytes()[-_MAX_DOCUMENT_BYTES:].splitlines():
        with suppress(ValueError):
            yield _parse(line)


def _parse(raw: bytes) -> dict[str, Any]:
    """Return an object of JSON.

    Raises:
        ValueError: it is too large, or none.
    """
    document = json.loads(raw) if len(raw) <= _MAX_DOCUMENT_BYTES else None
    if not isinstance(document, dict):
        raise ValueError("not an object, or too large")  # noqa: TRY004  read like any other damage
    return document


def _read_time(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
