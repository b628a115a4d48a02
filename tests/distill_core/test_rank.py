from __future__ import annotations

import pytest

from distill_core.rank import current_rank


@pytest.mark.parametrize(
    ("rank", "size", "expected"),
    [(None, None, None), ("1", "2", 1), ("0", "1", None), ("0", None, 0), ("x", "2", None)],
)
def test_a_process_is_a_rank_where_torchrun_says_so_and_there_are_others(
    rank: str | None, size: str | None, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RANK": rank, "WORLD_SIZE": size}.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert current_rank() == expected
