"""The `stillhouse` command."""

import sys

from distill_core.errors import StillhouseError

__all__ = ["main"]


def main() -> None:
    """Run the command line; expected errors become a sentence and an exit code."""
    from stillhouse.cli.app import app  # noqa: PLC0415  the package is light until the command runs
    from stillhouse.cli.failure import report_failure  # noqa: PLC0415

    try:
        app()
    except StillhouseError as error:
        sys.exit(report_failure(error))
