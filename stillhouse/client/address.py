"""Where the server is and which key it takes: what the caller says, else the environment, else this machine's home."""

from __future__ import annotations

import json
import os
from pathlib import Path

DEFAULT_URL = "http://127.0.0.1:8470"


def find_url(url: str | None = None, home: Path | None = None) -> str:
    """Return the server's address without a slash at its end.

    Args:
        url: address that outranks all others.
        home: folder whose server.json is read; STILLHOUSE_HOME or ~/.stillhouse if left out.
    """
    found = url or os.environ.get("STILLHOUSE_URL") or _read_server_file(home or find_home()) or DEFAULT_URL
    return (found if "://" in found else f"http://{found}").rstrip("/")


def find_key(url: str, key: str | None = None, home: Path | None = None) -> str | None:
    """Return the API key for the server at `url`: what the caller says, else STILLHOUSE_API_KEY, else the home's own.

    The home's key goes to the home's server alone: no other address ever sees it.
    """
    found = key or os.environ.get("STILLHOUSE_API_KEY")
    place = home or find_home()
    if found or url != (_read_server_file(place) or DEFAULT_URL):
        return found
    try:
        return (place / "key").read_text("utf-8").strip() or None
    except OSError:
        return None


def find_home() -> Path:
    """Return the folder in which a server on this machine keeps its state."""
    return Path(os.environ.get("STILLHOUSE_HOME") or "~/.stillhouse").expanduser().resolve()


def _read_server_file(home: Path) -> str | None:
    try:
        url = json.loads((home / "server.json").read_text())["url"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(url)
