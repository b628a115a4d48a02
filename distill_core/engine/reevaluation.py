"""The figures of a downloaded student, measured again."""

from __future__ import annotations

from pathlib import Path

from distill_core.distributed import World
from distill_core.engine.conclusion import measure
from distill_core.engine.device import prepare_machine
from distill_core.engine.run import open_streams
from distill_core.files import SavedFile, hash_file
from distill_core.spec.experiment import ResolvedSpec
from distill_core.weights import load_student

__all__ = ["reevaluate"]


def reevaluate(path: Path, spec: ResolvedSpec, data_root: Path) -> dict[str, float]:
    """Return the figures of a student file on the evaluation stream of a spec.

    Agreement is left out: it needs the teacher, which is not in the file.

    Raises:
        WeightsError: the file is not what Stillhouse wrote.
        DataError: the data set is missing.
    """
    device = prepare_machine(spec.runtime, World()).device
    student = load_student(path).to(device)
    weights = SavedFile(path, hash_file(path), path.stat().st_size)
    return measure(spec, student, weights, open_streams(spec, data_root, device))
