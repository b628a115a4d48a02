"""The engine's command line: run, check, evaluate, export, cache, catalog. It needs no server."""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, get_args

from distill_core.engine.events import EventLog
from distill_core.engine.lastwords import forget_words, tell_failure
from distill_core.engine.launch import EXIT_FAILED, EXIT_STOPPED, Layout, launch
from distill_core.errors import Problem, SpecError, StillhouseError, Stopped
from distill_core.rank import current_rank
from distill_core.spec import ResolvedSpec, check, parse_document, resolve
from distill_core.spec.outputs import ExportFormat
from distill_core.spec.smoke import shrink

if TYPE_CHECKING:
    from distill_core.weights import Input

__all__ = ["main"]

PR_SET_PDEATHSIG = 1
STOPS = (signal.SIGTERM, signal.SIGINT)

logger = logging.getLogger("distill_core")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    arguments = _build_parser().parse_args(argv, argparse.Namespace(argv=argv))
    rank = current_rank()
    speaker = "" if rank is None else f"rank {rank}: "
    layout = f"%(asctime)s %(levelname)s {speaker}%(message)s"
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=layout)
    logging.captureWarnings(True)
    code: int = arguments.command(arguments)
    return code


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m distill_core", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run an experiment")
    run.set_defaults(command=_run)
    run.add_argument("spec", type=Path, help="experiment spec, YAML or JSON")
    run.add_argument("--folder", type=Path, required=True, help="where events, checkpoints and artifacts go")
    run.add_argument(
        "--smoke", action="store_true", help="its smallest size, on digits: shows in a minute that it runs"
    )
    run.add_argument("--inputs", type=Path, help="JSON: artifact id -> {path, sha256}")
    run.add_argument("--resume", type=Path, metavar="CHECKPOINT", help="go on from a checkpoint of the same spec")
    run.add_argument("--parent-pid", type=int, help="die with this process")
    run.add_argument("--run-id", help="name of the run, the same when it is resumed; by its folder if left out")
    run.add_argument("--node-rank", type=int, help="number of this host, from 0")
    run.add_argument("--master", metavar="HOST:PORT", help="address of host 0, where the ranks of several hosts meet")
    _add_roots(run)
    cache_root = os.environ.get("STILLHOUSE_CACHE_ROOT")
    default = Path(cache_root) if cache_root else None
    run.add_argument("--cache-root", type=Path, default=default, help="folder where runs share teacher outputs")
    limit = int(os.environ.get("STILLHOUSE_CACHE_MAX_BYTES") or 50 * 2**30)
    run.add_argument("--cache-max-bytes", type=int, default=limit, help="what all of them together may take")

    checking = commands.add_parser("check", help="print every problem of a spec")
    checking.set_defaults(command=_check)
    checking.add_argument("spec", type=Path)

    evaluating = commands.add_parser("evaluate", help="print the figures of a downloaded student as JSON")
    evaluating.set_defaults(command=_evaluate)
    evaluating.add_argument("student", type=Path, help="student.safetensors")
    evaluating.add_argument("spec", type=Path, help="the spec that made it")
    _add_roots(evaluating)

    exporting = commands.add_parser("export", help="write a student in forms that run without Stillhouse")
    exporting.set_defaults(command=_export)
    exporting.add_argument("spec", type=Path, help="the spec that made it; its outputs say which forms")
    exporting.add_argument("--student", type=Path, required=True, help="student.safetensors")
    exporting.add_argument("--folder", type=Path, required=True, help="where events and artifacts go")
    exporting.add_argument("--inputs", type=Path, help="JSON: upload id -> {path, sha256}")
    exporting.add_argument("--format", action="append", choices=get_args(ExportFormat), help="instead of the spec's")
    exporting.add_argument(
        "--until", metavar="PLACE", help="place of the student where it ends; the spec's if left out"
    )
    exporting.add_argument("--opset", type=int, help="version of ONNX's operator set; the spec's if left out")
    exporting.add_argument("--parent-pid", type=int, help="die with this process")
    _add_roots(exporting)

    caching = commands.add_parser("cache", help="list stored teacher outputs as JSON; remove some that nobody uses")
    caching.set_defaults(command=_cache)
    caching.add_argument("root", type=Path, help="folder where runs share teacher outputs")
    caching.add_argument("--remove", nargs="+", default=[], metavar="KEY", help="keys of the entries to remove first")

    catalog = commands.add_parser("catalog", help="write the catalog of components that specs are checked with")
    catalog.set_defaults(command=_catalog)
    catalog.add_argument("--check", action="store_true", help="write nothing; fail if the files are stale")
    return parser


def _add_roots(parser: argparse.ArgumentParser) -> None:
    data_root = os.environ.get("STILLHOUSE_DATA_ROOT") or Path.home() / ".cache/stillhouse/data"
    weights_root = os.environ.get("STILLHOUSE_WEIGHTS_ROOT")
    parser.add_argument("--data-root", type=Path, default=Path(data_root), help="folder of the data sets")
    parser.add_argument(
        "--weights-root", type=Path, default=Path(weights_root) if weights_root else None, help="folder of weight files"
    )


def _run(arguments: argparse.Namespace) -> int:
    stop = _listen_for_stop()
    rank = current_rank()
    if rank is not None:
        forget_words(arguments.folder, rank)
    if arguments.parent_pid is not None or rank is not None:
        _die_with(arguments.parent_pid or os.getppid())
    # Rank 0 speaks for all; what the others say goes nowhere.
    with EventLog(arguments.folder / "events.jsonl" if not rank else Path(os.devnull)) as events:
        code = _run_and_tell(arguments, events, stop)
    if rank is not None:
        _leave_at_once(code)
    return code


def _leave_at_once(code: int) -> NoReturn:
    """End a rank without the interpreter's clearing up.

    What gloo and DistributedDataParallel leave behind may abort there: seldom after success (in one of ten runs on a
    busy machine), often when other ranks are gone.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run_and_tell(arguments: argparse.Namespace, events: EventLog, stop: threading.Event) -> int:
    """Run, and let the last event say how it ended."""
    try:
        document = parse_document(arguments.spec.read_bytes())
        spec = resolve(document)
        if arguments.smoke:
            spec = resolve(shrink(document))
        if current_rank() is None:
            layout = Layout(spec.runtime.devices, spec.runtime.nodes, arguments.node_rank, arguments.master)
            if layout.num_ranks > 1:
                return launch(_rank_command(arguments), arguments.folder, layout, stop)
        figures = _execute(spec, arguments, events, stop)
    except Stopped as notice:
        logger.info("%s", notice)
        return EXIT_STOPPED
    except Exception as error:  # the edge of the process: whatever happened becomes a reason
        logger.exception("the run failed")
        events.emit("failed", **tell_failure(arguments.folder, error))
        return EXIT_FAILED
    events.emit("succeeded", figures=figures)
    return 0


def _rank_command(arguments: argparse.Namespace) -> list[str]:
    """Return this command as a rank runs it: as a child of this process."""
    return [sys.executable, "-P", "-m", "distill_core", *arguments.argv, "--parent-pid", str(os.getpid())]


def _execute(
    spec: ResolvedSpec, arguments: argparse.Namespace, events: EventLog, stop: threading.Event
) -> dict[str, float]:
    from distill_core.distributed import leave_world  # noqa: PLC0415  torch takes seconds, and specs fail before
    from distill_core.engine.context import Context  # noqa: PLC0415
    from distill_core.engine.device import join  # noqa: PLC0415
    from distill_core.engine.run import Sources, run  # noqa: PLC0415
    from distill_core.engine.stores import Cache  # noqa: PLC0415

    cache = Cache(arguments.cache_root, arguments.cache_max_bytes, arguments.run_id or _name_run(arguments.folder))
    inputs = _read_inputs(arguments.inputs)
    sources = Sources(arguments.data_root, arguments.weights_root, inputs, arguments.resume, cache)
    world = join(spec.runtime)
    try:
        figures = run(spec, sources, Context(arguments.folder, events, stop, spec.runtime, world))
    except Stopped:
        leave_world()
        raise
    leave_world()  # not after an error: parting from ranks that are gone may hang, and the process ends anyway
    return figures


def _name_run(folder: Path) -> str:
    """Return a name that a run keeps when it is resumed in its folder."""
    return f"run_{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]}"


def _read_inputs(path: Path | None) -> dict[str, Input]:
    from distill_core.weights import Input  # noqa: PLC0415  needs torch

    document: dict[str, dict[str, str]] = {} if path is None else json.loads(path.read_bytes())
    return {name: Input(Path(entry["path"]), entry["sha256"]) for name, entry in document.items()}


def _check(arguments: argparse.Namespace) -> int:
    try:
        problems = check(parse_document(arguments.spec.read_bytes()))
    except SpecError as error:
        problems = list(error.problems)
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return EXIT_FAILED if problems else 0


def _evaluate(arguments: argparse.Namespace) -> int:
    from distill_core.engine.reevaluation import reevaluate  # noqa: PLC0415  needs torch

    try:
        spec = resolve(parse_document(arguments.spec.read_bytes()))
        figures = reevaluate(arguments.student, spec, arguments.data_root)
    except (StillhouseError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    if arguments.parent_pid is not None:
        _die_with(arguments.parent_pid)
    with EventLog(arguments.folder / "events.jsonl") as events:
        try:
            figures = _export_and_tell(arguments, events)
        except Exception as error:  # the edge of the process: whatever happened becomes a reason
            logger.exception("the student was not exported")
            events.emit("failed", **tell_failure(arguments.folder, error))
            return EXIT_FAILED
        events.emit("succeeded", figures=figures)
    return 0


def _export_and_tell(arguments: argparse.Namespace, events: EventLog) -> dict[str, float]:
    """Export a student, and write the events of a run that has no stages; return how far each form is off."""
    spec = resolve(_with_outputs(parse_document(arguments.spec.read_bytes()), arguments))
    if not spec.outputs.exports:
        problem = Problem("/outputs/exports", "value_invalid", "no form is asked for", allowed=get_args(ExportFormat))
        raise SpecError([problem])
    from distill_core.engine.exporting import export_saved  # noqa: PLC0415  needs torch

    events.emit("run_started", stages=[], total_steps=0, device="cpu")
    inputs, folder = _read_inputs(arguments.inputs), arguments.folder / "artifacts"
    exports = export_saved(arguments.student, spec, arguments.data_root, folder, inputs)
    for export in exports:
        path = str(export.file.path.relative_to(arguments.folder))
        facts = {"name": export.file.path.name, "path": path, "sha256": export.file.sha256, "size": export.file.size}
        events.emit("artifact", kind=export.kind, **facts)
    return {name: value for export in exports for name, value in export.figures.items()}


def _with_outputs(document: dict[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """Return a spec with what the command line says of its exports."""
    said = {"exports": arguments.format, "until": arguments.until, "opset": arguments.opset}
    outputs = (document.get("outputs") or {}) | {name: value for name, value in said.items() if value is not None}
    return document | {"outputs": outputs}


def _cache(arguments: argparse.Namespace) -> int:
    from distill_core.cache import list_entries, remove  # noqa: PLC0415  needs torch

    try:
        removed = remove(arguments.root, arguments.remove)
        left = [{"key": entry.key, "size": entry.size_bytes} for entry in list_entries(arguments.root)]
    except (StillhouseError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    sys.stdout.write(json.dumps({"removed": removed, "entries": left}) + "\n")
    return 0


def _catalog(arguments: argparse.Namespace) -> int:
    from distill_core.catalog import find_stale_files, write_catalog  # noqa: PLC0415  needs torch

    if not arguments.check:
        write_catalog()
        return 0
    stale = find_stale_files()
    sys.stdout.writelines(f"{path} is stale: run `python -m distill_core catalog`\n" for path in stale)
    return EXIT_FAILED if stale else 0


def _listen_for_stop() -> threading.Event:
    stop = threading.Event()
    for number in STOPS:
        signal.signal(number, lambda *_: stop.set())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)  # a launcher blocks them until they are listened for
    return stop


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, and leave if it is dead already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(EXIT_FAILED)
