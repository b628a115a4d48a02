"""`check` and `run`: what works without a server."""

from __future__ import annotations

from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from distill_core.errors import Problem, SpecError
from distill_core.spec import check as find_problems
from stillhouse.cli.downloading import describe_loading
from stillhouse.cli.failure import FAILED, WRONG_INPUT, report_problems
from stillhouse.cli.options import AsJson, Overrides, SpecPath
from stillhouse.cli.output import note, notes, say, say_json
from stillhouse.cli.spec_input import read_spec
from stillhouse.display import Display, open_display
from stillhouse.local_run import (
    STOPPED_EXIT,
    EngineMissingError,
    Progress,
    choose_folder,
    read_log_tail,
    run_engine,
)

Folder = Annotated[Path | None, typer.Option("--folder", help="Where the run goes; runs/NAME-TIME if left out.")]
Inputs = Annotated[
    list[str] | None, typer.Option("--input", metavar="ARTIFACT=FILE", help="File of an artifact that the spec names.")
]


def check(spec: SpecPath, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Check a spec here, without a server; the exit code is 2 if it has problems."""
    try:
        problems = find_problems(read_spec(spec, overrides))
    except SpecError as error:
        problems = list(error.problems)
    if as_json:
        say_json({"valid": not problems, "problems": [problem.as_dict() for problem in problems]})
    elif problems:
        report_problems(problems)
    else:
        say("the spec is valid")
    if problems:
        raise typer.Exit(WRONG_INPUT)


def run(
    spec: SpecPath,
    *,
    overrides: Overrides = None,
    folder: Folder = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the folder's newest checkpoint.")] = False,
    inputs: Inputs = None,
    as_json: AsJson = False,
) -> None:
    """Execute a spec here, without a server; Ctrl-C saves a checkpoint to resume from."""
    if find_spec("torch") is None:
        raise EngineMissingError("the engine is not installed here: pip install 'stillhouse[engine]'")
    document = read_spec(spec, overrides)
    problems = find_problems(document)
    if problems:
        raise SpecError(problems)
    place = folder or choose_folder(document["name"], datetime.now().astimezone())
    progress, failure = Progress(), Failure()
    with open_display(notes) as display:

        def take(event: dict[str, Any]) -> None:
            progress.take(event)
            failure.take(event)
            say_json(event) if as_json else _show(display, document["name"], progress, event)

        code = run_engine(place, document, inputs=_read_inputs(inputs), resume=resume, watch=take)
    _report_end(code, place, progress, failure, as_json=as_json)
    if code:
        raise typer.Exit(code if code == STOPPED_EXIT else FAILED)


class Failure:
    """Why the engine failed, as its last event tells."""

    def __init__(self) -> None:
        self.message = ""
        self.problems: list[Problem] = []

    def take(self, event: dict[str, Any]) -> None:
        """Remember a failure."""
        if event["type"] == "failed":
            self.message = f"{event.get('reason', 'failed')}: {event.get('message', '')}"
            self.problems = [Problem(**problem) for problem in event.get("problems") or ()]


def _show(display: Display, title: str, progress: Progress, event: dict[str, Any]) -> None:
    if event["type"] in {"stage_started", "warning"}:
        words = " ".join(f"{key}={value}" for key, value in event.items() if key not in {"type", "time"})
        display.say(f"{event['type']}  {words}")
    display.show(title, progress.reading())


def _report_end(code: int, folder: Path, progress: Progress, failure: Failure, *, as_json: bool) -> None:
    if code == STOPPED_EXIT:
        note(f"stopped; go on with: stillhouse run {folder / 'spec.json'} --folder {folder} --resume")
    elif code:
        note(f"failed: {failure.message or f'the engine exited with {code}'}")
        report_problems(failure.problems)
        if not failure.message:
            note(read_log_tail(folder / "engine.log"))
        note(f"the engine's log: {folder / 'engine.log'}")
    elif not as_json:
        for key, value in sorted(progress.values.items()):
            if key.startswith(("test/", "cost/")):
                say(f"{key:<24}{value}")
        student = folder / "artifacts" / "student.safetensors"
        say(f"student   {student}")
        note(f"load it with: {describe_loading(student)}")


def _read_inputs(inputs: list[str] | None) -> dict[str, Path]:
    pairs = [entry.partition("=") for entry in inputs or ()]
    for artifact_id, equals, path in pairs:
        if not (artifact_id and equals and Path(path).is_file()):
            raise typer.BadParameter(
                "an input is written ARTIFACT=FILE, and the file must be there", param_hint="--input"
            )
    return {artifact_id: Path(path) for artifact_id, _, path in pairs}
