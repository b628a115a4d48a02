from __future__ import annotations

from distill_core.spec.document import name_pointers


def test_pointers_are_named_as_shortly_as_they_can_be_told_apart() -> None:
    pointers = ["/runtime/seed", "/stages/0/optimizer/lr", "/stages/1/optimizer/lr", "/lr"]
    assert list(name_pointers(pointers).values()) == ["seed", "0/optimizer/lr", "1/optimizer/lr", "lr"]
