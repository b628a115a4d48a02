"""What an engine leaves in its folder, on its way into the store."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import structlog

from server.artifacts import ArtifactStore
from server.jobs.finish import StoredArtifact
from server.jobs.lines import ArtifactLine, CheckpointLine, Line
from server.jobs.logs import LOG_NAME, LogArchive, truncation_notice

_log = structlog.get_logger()


class Results:
    """Stores announced files once their bytes are what was announced; remembers artifacts and flaws."""

    def __init__(self, store: ArtifactStore, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._artifacts: dict[str, StoredArtifact] = {}
        self._flaws: dict[str, str] = {}

    @property
    def artifacts(self) -> list[StoredArtifact]:
        """The artifacts whose bytes are in the store."""
        return list(self._artifacts.values())

    @property
    def flaws(self) -> list[str]:
        """What is wrong with artifacts that were announced."""
        return list(self._flaws.values())

    def store(self, lines: list[Line]) -> frozenset[str]:
        """Store what `lines` announce: each artifact, and the newest checkpoint.

        Returns:
            The sha256 of the checkpoints that are in the store.
        """
        checkpoints = [line for line in lines if isinstance(line, CheckpointLine)]
        stored = {line.sha256 for line in checkpoints[-1:] if self._store_checkpoint(line)}
        for line in lines:
            if isinstance(line, ArtifactLine):
                self._store_artifact(line)
        return frozenset(stored)

    def archive_log(self, log: Path, max_bytes: int) -> LogArchive:
        """Store the end of a log, compressed, with a notice where its beginning is left out."""
        size = log.stat().st_size
        packed = log.with_name(LOG_NAME)
        with (
            log.open("rb") as source,
            packed.open("wb") as raw,
            gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as target,
        ):
            if size > max_bytes:
                target.write(truncation_notice(size - max_bytes))
                source.seek(size - max_bytes)
            shutil.copyfileobj(source, target)
        blob = self._store.put_file(packed)
        return LogArchive(blob.sha256, blob.size, size)

    def _store_checkpoint(self, line: CheckpointLine) -> bool:
        """Store a checkpoint; one that cannot be stored does not count, and the run goes on."""
        try:
            flaw = self._put(line)
        except Exception:  # noqa: BLE001  whatever the store says: the next checkpoint may be luckier
            _log.exception("a checkpoint was not stored", step=line.step)
            return False
        if flaw:
            _log.warning("a checkpoint was not stored", step=line.step, flaw=flaw)
        return flaw is None

    def _store_artifact(self, line: ArtifactLine) -> None:
        flaw = self._put(line)
        if flaw:
            self._flaws[line.name] = flaw
        else:
            self._artifacts[line.name] = StoredArtifact(line.kind, line.name, line.sha256, line.size)

    def _put(self, line: ArtifactLine | CheckpointLine) -> str | None:
        """Store an announced file; return what is wrong with it, None if nothing is."""
        path = (self._folder / line.path).resolve()
        if not path.is_relative_to(self._folder.resolve()) or not path.is_file():
            return f"the engine announced {line.path}, but there is no such file in its folder"
        blob = self._store.put_file(path)
        if blob.sha256 != line.sha256:
            return f"the engine announced {line.path} with the hash {line.sha256}, but it has {blob.sha256}"
        return None
