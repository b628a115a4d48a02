from __future__ import annotations

import pytest

from worker.gpus import Gpu, choose_visible, find_gpus

BOARDS = [[Gpu("GPU-aa", "A", 1)], [Gpu("MIG-b1", "B", 1), Gpu("MIG-b2", "B", 1)], [Gpu("GPU-cc", "C", 1)]]


@pytest.mark.parametrize(
    ("visible", "uuids"),
    [
        (None, ["GPU-aa", "MIG-b1", "MIG-b2", "GPU-cc"]),
        ("", []),
        ("2,0", ["GPU-cc", "GPU-aa"]),
        ("1", ["MIG-b1", "MIG-b2"]),
        ("MIG-b2", ["MIG-b2"]),
        ("GPU-c", ["GPU-cc"]),
        ("0,9,2", ["GPU-aa"]),
        ("-1", []),
    ],
)
def test_only_the_gpus_that_the_worker_may_see_become_slots(visible: str | None, uuids: list[str]) -> None:
    assert [gpu.uuid for gpu in choose_visible(BOARDS, visible)] == uuids


def test_a_host_can_be_asked_for_its_gpus_with_or_without_a_driver() -> None:
    assert all(gpu.uuid.startswith(("GPU-", "MIG-")) and gpu.memory_bytes > 0 for gpu in find_gpus())
