"""The key of this host's user: minted at the first start into a file that nobody else can read."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from server.jobs.database import Database
from server.keys import find_key, mint_key
from server.scopes import Scope
from server.settings import Settings


def prepare_local_key(database: Database, settings: Settings) -> str:
    """Return the key of the key file, minting one with every right where there is none that is valid.

    The command line and the Python client of the same user read the file; so may who opens the dashboard.
    """
    with database.write() as session:
        known = read_key_file(settings.key_file)
        if known is not None and find_key(session, known) is not None:
            return known
        minted = mint_key(session, f"local, {socket.gethostname()}"[:255], [Scope.ADMIN])
        _write_key_file(settings.key_file, minted.secret)
        return minted.secret


def read_key_file(path: Path) -> str | None:
    """Return the key that a file holds, None where there is none."""
    try:
        return path.read_text("utf-8").strip() or None
    except FileNotFoundError:
        return None


def _write_key_file(path: Path, secret: str) -> None:
    """Write the file whole, readable by its owner alone from its first byte on."""
    draft = path.with_suffix(".tmp")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret + "\n")
    draft.replace(path)
