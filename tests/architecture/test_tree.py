"""What may lie in the tree, and how large it may grow."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from statistics import median

from tests.architecture.tree import ROOT, kept_files, kept_texts

# Put together here, so that this file does not hold what it looks for.
_REGISTRY = re.compile("|".join([r"py" + r"pi\.", r"python" + r"hosted", r"registry\." + "npm", r"deb\." + "debian"]))
_MACHINE_PATH = re.compile(r"/(?:work/(?:main|shared)|root|home/\w+)/")

PYTHON = {path: text for path, text in kept_texts().items() if path.suffix == ".py"}
CODE = {path: text for path, text in PYTHON.items() if path.parts[0] not in {"tests", "benchmarks"}}


def test_no_file_holds_the_address_of_a_registry() -> None:
    assert [str(path) for path, text in kept_texts().items() if _REGISTRY.search(text)] == []


def test_no_file_holds_a_path_of_somebodys_machine() -> None:
    assert [str(path) for path, text in kept_texts().items() if _MACHINE_PATH.search(text)] == []


def test_no_lock_of_uv_and_nothing_large_is_kept() -> None:
    kept = {path.relative_to(ROOT) for path in kept_files()}
    assert Path("uv.lock") not in kept
    assert [str(path) for path in kept if (ROOT / path).stat().st_size > 2_000_000] == []


def test_every_lock_pins_by_hash() -> None:
    for name in ("requirements.lock", "build.lock", "bootstrap.lock"):
        pins = re.findall(
            r"^[\w.-]+(?:\[[\w,-]+\])?==.*?(?=^\w|\Z)", (ROOT / name).read_text(), re.MULTILINE | re.DOTALL
        )
        assert pins, f"{name} pins nothing"
        assert [pin for pin in pins if "--hash=sha256:" not in pin] == []


def test_the_locks_hold_every_declared_requirement() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = declared["project"]["optional-dependencies"].values()
    assert _names(chain(declared["project"]["dependencies"], *extras)) <= _names(_lock_lines("requirements.lock"))
    assert _names(declared["build-system"]["requires"]) <= _names(_lock_lines("build.lock"))


def test_no_file_is_too_long_to_read() -> None:
    lengths = {str(path): text.count("\n") for path, text in PYTHON.items()}
    assert {path: length for path, length in lengths.items() if length > 400} == {}


def test_every_class_of_the_dashboard_is_at_home_in_one_file() -> None:
    homes: dict[str, set[str]] = {}
    for path, text in kept_texts().items():
        if path.suffix == ".css":
            for name in re.findall(r"^\.([a-z][\w-]*) \{", text, re.MULTILINE):
                homes.setdefault(name, set()).add(path.name)
    assert len(homes) > 100
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}


def test_most_files_are_shorter_still() -> None:
    lengths = sorted(text.count("\n") for text in CODE.values())
    assert median(lengths) <= 120
    assert lengths[int(len(lengths) * 0.9)] <= 300


def test_no_function_is_too_long_to_read() -> None:
    lengths = {f"{path}:{name}": length for path, text in PYTHON.items() for name, length in _functions(text)}
    assert {name: length for name, length in lengths.items() if length > 60} == {}


def test_most_functions_are_shorter_still() -> None:
    lengths = sorted(length for text in CODE.values() for _, length in _functions(text))
    assert median(lengths) <= 10
    assert lengths[int(len(lengths) * 0.9)] <= 25


def test_every_module_says_what_it_is_for() -> None:
    assert [str(path) for path, text in CODE.items() if text.strip() and not ast.get_docstring(ast.parse(text))] == []


def _lock_lines(name: str) -> list[str]:
    return [line for line in (ROOT / name).read_text().splitlines() if line[:1].isalnum()]


def _names(requirements: Iterable[str]) -> set[str]:
    """Return the names of packages, as registries compare them."""
    return {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~!; ]", line)[0]).lower() for line in requirements}


def _functions(text: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            yield f"{node.lineno} {node.name}", node.end_lineno - node.lineno + 1
