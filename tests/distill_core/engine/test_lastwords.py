from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from distill_core.engine import lastwords
from distill_core.engine.failure import Failure
from distill_core.engine.lastwords import LastWords, describe_end, find_cause, forget_words, tell_failure, write_words
from distill_core.errors import DivergedError

NAN = Failure("nan_loss", "nan_loss", "'ce' became NaN in step 3")
LOST = RuntimeError("[gloo/transport/tcp/pair.cc:561] Connection closed by peer [127.0.0.1]:4000")


@pytest.fixture
def rank_0(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be rank 0 of two."""
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")


def test_a_process_alone_leaves_no_file_and_names_no_rank(tmp_path: Path) -> None:
    fields = tell_failure(tmp_path, DivergedError("NaN"))
    assert fields == {"reason": "nan_loss", "code": "nan_loss", "message": "NaN", "problems": []}
    assert list(tmp_path.iterdir()) == []


def test_the_earliest_error_that_is_not_a_loss_of_others_is_the_cause(tmp_path: Path) -> None:
    lost = Failure("rank_failed", "rank_failed", "lost")
    write_words(tmp_path, LastWords(0, 1.0, lost, is_bereft=True))
    assert find_cause(tmp_path) == LastWords(0, 1.0, lost, is_bereft=True)
    write_words(tmp_path, LastWords(2, 3.0, Failure("host_oom", "host_oom", "later")))
    write_words(tmp_path, LastWords(10, 2.0, NAN))
    assert find_cause(tmp_path) == LastWords(10, 2.0, NAN)
    forget_words(tmp_path, 10)
    forget_words(tmp_path, 10)
    assert find_cause(tmp_path) == LastWords(2, 3.0, Failure("host_oom", "host_oom", "later"))


@pytest.mark.usefixtures("rank_0")
def test_rank_0_tells_what_became_of_the_rank_it_lost(tmp_path: Path) -> None:
    write_words(tmp_path, describe_end(1, -9))
    fields = tell_failure(tmp_path, LOST)
    assert (fields["reason"], fields["rank"]) == ("rank_failed", 1)
    assert fields["message"].startswith("rank 1 was killed by signal 9; the kernel kills like this")


@pytest.mark.usefixtures("rank_0")
def test_rank_0_tells_of_its_loss_when_no_other_word_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lastwords, "PATIENCE_S", 0.1)
    fields = tell_failure(tmp_path, LOST)
    assert fields["message"].startswith("rank 0 lost the other ranks: [gloo")


@pytest.mark.usefixtures("rank_0")
def test_an_error_of_its_own_is_told_at_once(tmp_path: Path) -> None:
    fields = tell_failure(tmp_path, OSError(errno.ENOSPC, "No space left on device"))
    assert (fields["reason"], fields["rank"]) == ("disk_full", 0)
    assert json.loads((tmp_path / "ranks/0.json").read_text())["failure"]["reason"] == "disk_full"


def test_words_that_cannot_be_written_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "ranks").write_text("a file where the folder should be")
    write_words(tmp_path, LastWords(1, 1.0, NAN))
    assert "the last words of rank 1 could not be written" in caplog.text
