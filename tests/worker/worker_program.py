"""The worker's program for tests: the real worker over the stand-in engine, or the real one with --engine."""

from __future__ import annotations

import sys
from pathlib import Path

from server.settings import Settings
from worker.engine import EngineCommand
from worker.main import run

_PROGRAM = (sys.executable, str(Path(__file__).with_name("stand_in_engine.py")))
STAND_IN = EngineCommand(_PROGRAM, _PROGRAM)

if __name__ == "__main__":
    sys.exit(run(Settings(), None if "--engine" in sys.argv else STAND_IN))
