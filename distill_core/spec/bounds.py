"""What may stand in a field, in words: one wording for pydantic's checks and for JSON Schema's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WORDS = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
    "expected": "{}",
    "expected_tags": "one of {}",
    "pattern": "text that matches {}",
    "enum": "one of {}",
    "type": "of type {}",
}


def describe_bounds(rules: Mapping[str, Any]) -> str | None:
    """Return the rules as words for people, None where there are none to tell.

    Args:
        rules: name of the rule, in pydantic's or JSON Schema's words -> its value.
    """
    told = [_WORDS[rule].format(value) for rule, value in rules.items() if rule in _WORDS]
    return ", ".join(told) or None
