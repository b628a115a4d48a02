"""`sweep`: one experiment under many settings."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Annotated, Any, Literal

import typer

from stillhouse.cli.axes import read_axes, read_halving
from stillhouse.cli.failure import FAILED
from stillhouse.cli.options import AsJson, Labels, Overrides, SpecPath, Url
from stillhouse.cli.output import note, notes, say, say_json, say_table
from stillhouse.cli.spec_input import read_labels, read_spec
from stillhouse.cli.sweep_tables import (
    build_plan_table,
    build_sweep_table,
    build_trial_table,
    describe_states,
    describe_trial,
)
from stillhouse.client import TERMINAL_STATES, Client, Sweep, SweepPlan
from stillhouse.display import Display, Reading, open_display

sweep = typer.Typer(help="Sweeps: one experiment under many settings; each trial is a job.", no_args_is_help=True)

SweepId = Annotated[str, typer.Argument(metavar="SWEEP", help="Id of the sweep.", show_default=False)]


Axes = Annotated[
    list[str],
    typer.Option(
        "--axis",
        metavar="POINTER=VALUES",
        help="What is varied: /runtime/seed=0,1,2, or a range: /stages/0/optimizer/lr=0.001..0.3:log:5 (by equal "
        "ratios, 5 points of it for a grid; :int for whole numbers).",
    ),
]
Draws = Annotated[
    int | None,
    typer.Option("--random", metavar="N", min=1, help="Draw so many trials by chance; else every combination."),
]
Metric = Annotated[
    str | None, typer.Option("--metric", metavar="KEY", help="What trials are judged by, as val/accuracy.")
]
Direction = Annotated[
    Literal["minimize", "maximize"] | None,
    typer.Option("--direction", metavar="WAY", help="minimize or maximize; told by the metric's name if left out."),
]
Rungs = Annotated[
    str | None,
    typer.Option(
        "--halving",
        metavar="FACTORxRUNGS",
        help="Stop trials that lag: 3x2 judges at 1/9 and 1/3 of the steps, and one in 3 goes on.",
    ),
]


@sweep.command()
def submit(
    spec: SpecPath,
    *,
    axes: Axes,
    random: Draws = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Of the draw; 0.")] = None,
    metric: Metric = None,
    direction: Direction = None,
    halving: Rungs = None,
    overrides: Overrides = None,
    name: Annotated[str | None, typer.Option("--name", help="Title of the sweep; the spec's if left out.")] = None,
    labels: Labels = None,
    priority: Annotated[int | None, typer.Option("--priority", help="Jobs of a higher one start first.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Watch the sweep until it is over.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what its trials would be; submit nothing.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Submit an experiment under many settings; prints the sweep's id."""
    wanted: dict[str, Any] = {
        "axes": read_axes(axes),
        "search": "grid" if random is None else "random",
        "trials": random,
        "seed": seed,
        "metric": metric,
        "halving": read_halving(halving),
    }
    document = read_spec(spec, overrides)
    about: dict[str, Any] = {"name": name, "labels": read_labels(labels), "priority": priority}
    with Client(url) as client:
        if dry_run:
            _say_plan(client.plan_sweep(document, **wanted), as_json=as_json)
            return
        made = client.submit_sweep(document, **wanted, direction=direction, **about)
        if as_json:
            say_json(made.as_document())
        else:
            say(made.id)
            note(f"{describe_states(made)}; see it at {client.url}/sweeps/{made.id}")
        if follow:
            _follow(client, made.id, as_json=as_json)


@sweep.command("ls")
def list_sweeps(
    project: Annotated[str | None, typer.Option("--project", help="Only sweeps of this project.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 20,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List sweeps, the newest first."""
    with Client(url) as client:
        found = list(islice(client.sweeps(project=project), limit))
    if as_json:
        say_json([each.as_document() for each in found])
    elif found:
        say_table(build_sweep_table(found))
    else:
        note("no sweeps; submit one with `stillhouse sweep submit SPEC --axis /runtime/seed=0,1,2`")


@sweep.command()
def show(sweep_id: SweepId, as_json: AsJson = False, url: Url = None) -> None:
    """Show a sweep and its trials: settings, state, value, where it was stopped; * marks the best."""
    with Client(url) as client:
        _say(client.sweep(sweep_id), as_json=as_json)


@sweep.command()
def wait(
    sweep_id: SweepId,
    timeout_s: Annotated[float | None, typer.Option("--timeout", min=0, help="Give up after so many seconds.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Wait until a sweep is over; the exit code is 0 only if trials succeeded and none failed."""
    with Client(url) as client:
        _follow(client, sweep_id, timeout_s=timeout_s, as_json=as_json)


@sweep.command()
def cancel(sweep_id: SweepId, as_json: AsJson = False, url: Url = None) -> None:
    """Cancel every trial that is not over."""
    _move(url, lambda client: client.cancel_sweep(sweep_id), as_json=as_json)


@sweep.command()
def pause(sweep_id: SweepId, as_json: AsJson = False, url: Url = None) -> None:
    """Pause every trial that runs; those that wait go on waiting."""
    _move(url, lambda client: client.pause_sweep(sweep_id), as_json=as_json)


@sweep.command()
def resume(sweep_id: SweepId, as_json: AsJson = False, url: Url = None) -> None:
    """Resume every paused trial from its checkpoint."""
    _move(url, lambda client: client.resume_sweep(sweep_id), as_json=as_json)


@sweep.command()
def retry(sweep_id: SweepId, as_json: AsJson = False, url: Url = None) -> None:
    """Run trials that failed or that a person cancelled once more; those that lagged stay stopped."""
    _move(url, lambda client: client.retry_sweep(sweep_id), as_json=as_json)


def _move(url: str | None, ask: Callable[[Client], Sweep], *, as_json: bool) -> None:
    with Client(url) as client:
        moved = ask(client)
    say_json(moved.as_document()) if as_json else say(describe_states(moved))


def _say_plan(plan: SweepPlan, *, as_json: bool) -> None:
    if as_json:
        say_json(plan.as_document())
        return
    say_table(build_plan_table(plan))
    note(f"{plan.num_trials} trials, {'?' if plan.steps is None else plan.steps} steps in all")


def _say(found: Sweep, *, as_json: bool) -> None:
    if as_json:
        say_json(found.as_document())
        return
    say(f"{found.name}: {describe_states(found)}")
    say_table(build_trial_table(found))


def _follow(client: Client, sweep_id: str, *, timeout_s: float | None = None, as_json: bool) -> None:
    """Tell each trial that ends until the sweep is over, then leave with the exit code of its end."""
    with open_display(notes) as display:
        over = client.wait_sweep(sweep_id, timeout_s=timeout_s, report=_Teller(display).tell)
    _say(over, as_json=as_json)
    if not over.states.get("succeeded") or over.states.get("failed"):
        raise typer.Exit(FAILED)


class _Teller:
    """Tells what has changed in a sweep since it was last seen."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._told: set[str] = set()

    def tell(self, seen: Sweep) -> None:
        """Print a line for each trial that has ended, and how the sweep stands."""
        ended = [trial for trial in seen.trials if trial.state in TERMINAL_STATES]
        for trial in ended:
            if trial.job_id not in self._told:
                self._told.add(trial.job_id)
                self._display.say(describe_trial(trial, seen))
        self._display.show(seen.name, Reading(describe_states(seen), len(ended), seen.num_trials))
