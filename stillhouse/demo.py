"""The demo: a teacher, a student distilled from it and a control, as jobs through the real service on real data."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from distill_core.errors import StillhouseError
from distill_core.spec import parse_document
from distill_core.spec.catalog import load_catalog
from distill_core.spec.interval import find_gain_interval, find_wilson_interval
from stillhouse.background import start_service
from stillhouse.client import Artifact, Client, Job, find_key, observe
from stillhouse.display import Display, Reading, format_bytes, format_duration, open_display
from stillhouse.overrides import apply_overrides


@dataclass(frozen=True, slots=True)
class Show:
    """What the demo does with a data set.

    Attributes:
        title: what people call the data.
        duration: how long it takes on two CPU cores.
        remedy: what to do where the data are missing.
    """

    title: str
    duration: str
    remedy: str = ""


SHOWS: Mapping[str, Show] = {
    "digits": Show("scikit-learn's handwritten digits", "about a minute"),
    "fashion_mnist": Show(
        "Fashion-MNIST",
        "about four minutes",
        "Install Debian's package (apt-get install dataset-fashion-mnist), or put torchvision's files into "
        "$STILLHOUSE_DATA_ROOT/FashionMNIST/raw.",
    ),
}


LABEL = "demo"
"""Label of the demo's jobs."""


class DemoError(StillhouseError):
    """The demo did not show what it claims."""

    code = "demo_failed"


def run_demo(data: str, home: Path, output: Path, port: int, *, keep_serving: bool, console: Console) -> dict[str, Any]:
    """Run the demo from the first job to the verdict, and return what it found as JSON data.

    Args:
        data: key of SHOWS.
        home: folder of the service's database and artifacts; jobs of earlier demos stay in it.
        output: folder that the student is downloaded to.
        port: of the dashboard; 0 takes a free one.
        keep_serving: leave the dashboard running until Ctrl-C.
        console: where everything is shown.

    Raises:
        DemoError: a job did not succeed, or a figure or hash is not what the server says.
    """
    show = SHOWS[data]
    _say(console, f"Distillation on {show.title}; {show.duration} on two CPU cores.")
    _say(console, "Starting server and worker ...")
    with start_service(home, port=port) as service:
        _say(console, f"Dashboard: {service.page}")
        with Client(service.url, key=find_key(service.url, home=home)) as client:
            _cancel_leftovers(client)
            jobs = _run_jobs(client, data, console)
            path = _download(client, jobs["student"], output, console)
        _reevaluate(jobs["student"], path, console)
        _report(jobs, console)
        if keep_serving:
            _say(console, f"Dashboard: {service.page}   (Ctrl-C ends it)")
            with suppress(KeyboardInterrupt):
                service.process.wait()
            _say(console, "Stopping ...")
    _say(console, f"Open it again with: {_describe_command(home)}")
    return _describe_outcome(data, jobs, path)


def find_examples() -> Path:
    """Return the folder of the example specs: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    folders = (package / "examples", package.parent / "examples")
    found = next((folder for folder in folders if (folder / "digits-teacher.yaml").is_file()), None)
    if found is None:
        raise DemoError(f"no example specs at {' or '.join(map(str, folders))}: the installation is incomplete")
    return found


def _cancel_leftovers(client: Client) -> None:
    """Cancel what a demo that was broken off has left in the queue; this one would have to wait for it."""
    for state in ("queued", "starting", "running"):
        for job in client.jobs(state=state):
            if LABEL in job.labels:
                client.cancel(job.id)


def _run_jobs(client: Client, data: str, console: Console) -> dict[str, Job]:
    specs = {role: _read_example(f"{data}-{role}.yaml") for role in ("teacher", "control", "student")}
    started = time.monotonic()
    with open_display(console) as display:
        teacher = _run_job(client, specs["teacher"], data, display)
        weights = client.find_artifact(teacher.id, "student")
        display.say(f"The student will learn from {weights.id}, the weights that job {teacher.id} made.")
        taught = apply_overrides(specs["student"], [f"models.teacher.weights.artifact={weights.id}"])
        student = _run_job(client, taught, data, display)
        control = _run_job(client, specs["control"], data, display)
    _say(console, f"Three jobs in {format_duration(time.monotonic() - started)}.")
    return {"teacher": teacher, "control": control, "student": student}


def _run_job(client: Client, spec: Any, data: str, display: Display) -> Job:
    job = client.submit(spec, labels={LABEL: data})
    for snapshot in observe(client, job.id, interval_s=0.5):
        job = snapshot.job
        display.show(job.name, Reading(job.state, job.step, job.total_steps, job.eta_s, snapshot.values))
    if not job.has_succeeded:
        remedy = SHOWS[data].remedy if job.status_reason == "data_missing" else ""
        message = f"job {job.id} ended as {job.state} ({job.status_reason}): {job.status_message}"
        raise DemoError(f"{message}\n{remedy}".rstrip())
    return job


def _download(client: Client, job: Job, output: Path, console: Console) -> Path:
    artifact: Artifact = client.find_artifact(job.id, "student")
    output.mkdir(parents=True, exist_ok=True)
    path = client.download(artifact, output)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != artifact.sha256:
        raise DemoError(f"{path} has the sha256 {found}; the server says {artifact.sha256}")
    _say(console, f"Downloaded {path} ({format_bytes(artifact.size)}); its sha256 is the server's: {found}")
    return path


def _reevaluate(job: Job, path: Path, console: Console) -> None:
    """Let a fresh process load the downloaded file and measure it; its accuracy must be exactly the job's."""
    spec = path.with_name("spec.json")
    spec.write_text(json.dumps(job.resolved_spec, indent=2))
    command = [sys.executable, "-P", "-m", "distill_core", "evaluate", str(path), str(spec)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DemoError(f"the downloaded student cannot be evaluated:\n{done.stderr.strip()}")
    found, reported = json.loads(done.stdout)["test/accuracy"], _figure(job, "test/accuracy")
    if found != reported:
        raise DemoError(f"the downloaded student has an accuracy of {found}; the job reported {reported}")
    _say(console, f"A fresh process loaded it and measured the same accuracy: {found} == {reported}")


def _report(jobs: Mapping[str, Job], console: Console) -> None:
    count = _count_samples(jobs["student"])
    table = Table(title=f"On {count} test images")
    for column in ("", "model", "accuracy", "95 % interval", "parameters", "size", "latency"):
        table.add_column(column, justify="left" if column in {"", "model"} else "right")
    for role, job in jobs.items():
        accuracy = _figure(job, "test/accuracy")
        low, high = find_wilson_interval(accuracy, count)
        table.add_row(
            role,
            _find_model(job),
            f"{accuracy:.2%}",
            f"{low:.2%} to {high:.2%}",
            f"{_figure(job, 'cost/params'):,.0f}",
            format_bytes(_figure(job, "cost/size_bytes")),
            f"{_figure(job, 'cost/latency_ms'):.2f} ms",
        )
    console.print(table)
    student, control = (_figure(jobs[role], "test/accuracy") for role in ("student", "control"))
    _say(console, describe_gain(student, control, count))


def describe_gain(student: float, control: float, count: int) -> str:
    """Return in a sentence what the teacher was good for, no surer than one run each allows."""
    low, high = find_gain_interval(student, control, count)
    gain = f"{student - control:+.2%} against the control (95 % interval {low:+.2%} to {high:+.2%})"
    if low > 0:
        return f"With its teacher the student is better: {gain}, beyond the noise of the test set; one seed."
    if high < 0:
        return f"With its teacher the student is worse: {gain}, beyond the noise of the test set; one seed."
    return f"Student and control are within noise: {gain}, on {count} test images and one seed."


def _describe_outcome(data: str, jobs: Mapping[str, Job], path: Path) -> dict[str, Any]:
    accuracies = {role: _figure(job, "test/accuracy") for role, job in jobs.items()}
    gain = find_gain_interval(accuracies["student"], accuracies["control"], _count_samples(jobs["student"]))
    return {
        "data": data,
        "jobs": {role: {"id": job.id, "accuracy": accuracies[role]} for role, job in jobs.items()},
        "gain": accuracies["student"] - accuracies["control"],
        "gain_interval": list(gain),
        "weights": str(path),
    }


def _figure(job: Job, key: str) -> float:
    value = (job.figures or {}).get(key)
    if not isinstance(value, int | float):
        raise DemoError(f"job {job.id} reported {value!r} as {key}")
    return value


def _find_model(job: Job) -> str:
    spec = job.resolved_spec or {}
    return str(spec["models"][spec["stages"][-1]["student"]]["model"])


def _count_samples(job: Job) -> int:
    spec = job.resolved_spec or {}
    stream = spec["data"][spec["evaluation"]["stream"]]
    splits = load_catalog().datasets[stream["dataset"]].splits or {}
    return int(stream["num_samples"] or splits[stream["split"]])


def _read_example(name: str) -> Any:
    return parse_document((find_examples() / name).read_bytes())


def _describe_command(home: Path) -> str:
    program = Path(sys.executable).with_name("stillhouse")
    near = program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program
    return f"{near} up --home {home}"


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)
