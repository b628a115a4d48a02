"""The text of an experiment file as plain data: tags are kept as names, and nothing is imported or called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from distill_core.errors import Problem, SpecError
from distill_core.spec import MAX_BYTES
from distill_core.spec.document import join_pointer

MAX_VALUES = 20_000
"""Values of a file with its aliases written out; torchdistill's own have a few hundred."""

MAX_DEPTH = 48

_PLAIN = "tag:yaml.org,2002:"
_JOIN = "!join"
_MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value with a tag: `!import_call {key: …}`, `!getattr [a, b]`."""

    tag: str
    value: Any


@dataclass(slots=True)
class Document:
    """A file as plain data, with the line of each place.

    Attributes:
        value: dictionaries, lists, plain values and `Tagged` ones.
        lines: JSON pointer -> line, from 1.
    """

    value: Any = None
    lines: dict[str, int] = field(default_factory=dict)


def read_document(raw: bytes) -> Document:
    """Return a file as plain data.

    Raises:
        SpecError: it is too long or deep, is no YAML, or names a value before it is whole.
    """
    if len(raw) > MAX_BYTES:
        raise _refusal("document_too_large", f"the file has {len(raw)} bytes; at most {MAX_BYTES} are allowed")
    try:
        node = yaml.compose(raw.decode("utf-8"), Loader=yaml.SafeLoader)
        document = Document()
        document.value = _Reader(document.lines).read(node, "", ()) if node else None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise _refusal("document_unreadable", f"the file is no YAML: {error}") from error
    return document


class _Reader:
    """Turns the nodes of a file into plain data."""

    def __init__(self, lines: dict[str, int]) -> None:
        self._lines = lines
        self._constructor = yaml.constructor.SafeConstructor()
        self._num_values = 0

    def read(self, node: yaml.Node, pointer: str, above: tuple[int, ...]) -> Any:
        """Return the value of a node; `above` are the nodes that it lies in."""
        self._num_values += 1
        if self._num_values > MAX_VALUES or len(above) > MAX_DEPTH or id(node) in above:
            raise _refusal("document_too_large", "the file is too deep, or its aliases make too much of it")
        self._lines.setdefault(pointer, node.start_mark.line + 1)
        value = self._read_content(node, pointer, (*above, id(node)))
        if node.tag.startswith(_PLAIN):
            return value
        if node.tag == _JOIN and isinstance(value, list) and not any(isinstance(part, Tagged) for part in value):
            return "".join(str(part) for part in value)
        return Tagged(node.tag, value)

    def _read_content(self, node: yaml.Node, pointer: str, above: tuple[int, ...]) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._read_mapping(node, pointer, above)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(child, f"{pointer}/{index}", above) for index, child in enumerate(node.value)]
        if node.tag.startswith(_PLAIN):
            return self._constructor.construct_object(node)
        return node.value

    def _read_mapping(self, node: yaml.MappingNode, pointer: str, above: tuple[int, ...]) -> dict[str, Any]:
        """Return a dictionary; what it merges (`<<`) stands behind what it says itself."""
        value: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, child in node.value:
            if key_node.tag == _MERGE:
                parts = child.value if isinstance(child, yaml.SequenceNode) else [child]
                for part in parts:
                    found = self.read(part, pointer, above)
                    merged = (found if isinstance(found, dict) else {}) | merged
            else:
                key = str(self.read(key_node, pointer, above))
                value[key] = self.read(child, join_pointer(pointer, key), above)
        return merged | value


def _refusal(code: str, message: str) -> SpecError:
    return SpecError([Problem("", code, message)])
