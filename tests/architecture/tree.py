"""The project's files, as the architecture tests see them."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("distill_core", "server", "worker", "stillhouse")


@cache
def kept_files() -> tuple[Path, ...]:
    """Return every file that git keeps or would keep."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = tuple(path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file())
    assert len(files) > 100, f"git lists only {len(files)} files in {ROOT}: the tests below would look at nothing"
    return files


@cache
def kept_texts() -> dict[Path, str]:
    """Return the text of every kept file that is text, by its path from the root."""
    texts = {}
    for path in kept_files():
        try:
            texts[path.relative_to(ROOT)] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
    return texts
