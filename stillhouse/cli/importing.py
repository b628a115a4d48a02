"""`import`: from an experiment file of torchdistill to a spec."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
import yaml

from stillhouse.cli.failure import NOT_WHOLE, report_problems
from stillhouse.cli.options import AsJson
from stillhouse.cli.output import note, say, say_json
from stillhouse.display import one_line
from stillhouse.torchdistill import Imported, Remark, convert


def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="YAML file of torchdistill.")],
    *,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write; standard output if left out.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Translate an experiment file of torchdistill; the exit code is 4 unless all of it was carried over.

    Nothing of the file is executed or imported. What the spec cannot say is listed with its line and place.
    """
    if out is not None and out.exists() and not force:
        raise typer.BadParameter(f"{out} is there already; --force writes over it", param_hint="--out")
    found = convert(file.read_bytes(), file.stem)
    if as_json:
        say_json(_as_document(found))
    elif out is None:
        say(write_spec(found, file.name).rstrip("\n"))
    if out is not None:
        out.write_text(write_spec(found, file.name), encoding="utf-8")
    if not as_json:
        _report(found)
    if not found.is_whole:
        raise typer.Exit(NOT_WHOLE)


def write_spec(found: Imported, source: str) -> str:
    """Return the spec as YAML, with what is missing of its source as its head."""
    head = [f"# {one_line(line)}\n" for line in _describe_head(found, source)]
    once = json.loads(json.dumps(found.spec))  # what stands in two places is written twice, without anchors
    body = yaml.safe_dump(once, sort_keys=False, width=110, allow_unicode=True)
    return "".join(head) + body


def _describe_head(found: Imported, source: str) -> Iterator[str]:
    yield f"From torchdistill's {source}."
    if found.losses:
        yield "Not carried over:"
        yield from (f"  {_describe(remark)}" for remark in found.losses)


def _report(found: Imported) -> None:
    for remark in found.notes:
        note(f"note: {_describe(remark)}")
    for remark in found.losses:
        note(f"not carried over: {_describe(remark)}")
    if found.problems:
        note("the spec cannot be run as it is:")
        report_problems(found.problems)
    elif not found.losses:
        note("all of it was carried over")


def _describe(remark: Remark) -> str:
    return one_line(f"line {remark.line}, {remark.pointer}: {remark.message}", most=400)


def _as_document(found: Imported) -> dict[str, object]:
    return {
        "spec": found.spec,
        "is_whole": found.is_whole,
        "losses": [remark.as_document() for remark in found.losses],
        "notes": [remark.as_document() for remark in found.notes],
        "problems": [problem.as_dict() for problem in found.problems],
    }
