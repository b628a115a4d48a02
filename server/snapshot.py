"""The API's description as a file, from which the dashboard's types and the documentation are made.

python -m server.snapshot            write docs/openapi.json
python -m server.snapshot --check    fail when that file is stale
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from server.app import create_app
from server.settings import Settings

PATH = Path(__file__).parents[1] / "docs" / "openapi.json"


def render(document: dict[str, Any]) -> str:
    """Return the document as it is stored: the same text for the same API."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write or check the stored description; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m server.snapshot", description="Write docs/openapi.json.")
    parser.add_argument("--check", action="store_true", help="fail when the file is stale")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as home:
        text = render(create_app(Settings(home=Path(home))).openapi())
    if not options.check:
        PATH.write_text(text, encoding="utf-8")
        return 0
    if PATH.is_file() and PATH.read_text(encoding="utf-8") == text:
        return 0
    print(f"{PATH} is stale: run python -m server.snapshot", file=sys.stderr)  # noqa: T201  a command
    return 1


if __name__ == "__main__":
    sys.exit(main())
