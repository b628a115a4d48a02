from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.jobs.conftest import ground
from tests.server.jobs.ground import Ground
from tests.worker.crew import Crew

__all__ = ["ground"]


@pytest.fixture
def crew(ground: Ground, tmp_path: Path) -> Iterator[Crew]:
    """A reconciler, and whatever workers the test hires; all are gone at its end."""
    crew = Crew(ground, tmp_path)
    yield crew
    crew.dismiss()
