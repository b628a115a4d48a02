"""From text to plain data: YAML or JSON, bounded, and free of what no database or browser can hold."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from distill_core.errors import Problem, SpecError

MAX_BYTES = 256 * 1024
MAX_ALIASES = 64
MAX_DEPTH = 32


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses repeated keys and floods of aliases, and leaves dates as the strings they are."""

    aliases = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            self.aliases += 1
            if self.aliases > MAX_ALIASES:
                raise yaml.YAMLError(f"more than {MAX_ALIASES} aliases")
        return super().compose_node(parent, index)

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> str:
        """Join what JSON writes as two escapes (an emoji is a pair of surrogates), which YAML reads as two letters."""
        value = str(super().construct_scalar(node))
        if not any("\ud800" <= letter <= "\udfff" for letter in value):
            return value
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        repeated = {key for key in map(str, keys) if keys.count(key) > 1}
        if repeated:
            raise yaml.YAMLError(f"repeated key {min(repeated)!r} in line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_document(text: str | bytes) -> Any:
    """Parse a spec written in YAML or JSON into plain data.

    Raises:
        SpecError: the text is too long, is not UTF-8 or YAML, or holds what JSON cannot say.
    """
    raw = text.encode() if isinstance(text, str) else text
    if len(raw) > MAX_BYTES:
        raise _refusal("document_too_large", f"the spec has {len(raw)} bytes; at most {MAX_BYTES} are allowed")
    try:
        # The C loader cannot count aliases, and specs are small.
        document = yaml.load(raw.decode("utf-8"), Loader=_Loader)  # noqa: S506, TID251  _Loader is a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise _refusal("document_unreadable", f"the spec is neither YAML nor JSON: {error}") from error
    problems = list(find_unspeakable(document))
    if problems:
        raise SpecError(problems)
    return document


def parse_json(raw: bytes) -> Any:
    """Parse a request body; the same refusals as `parse_document`, JSON only.

    Raises:
        SpecError: the body is too long, is not JSON, or holds NaN, infinities, NUL or lone surrogates.
    """
    if len(raw) > MAX_BYTES:
        raise _refusal("document_too_large", f"the body has {len(raw)} bytes; at most {MAX_BYTES} are allowed")
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _refusal("document_unreadable", f"the body is not JSON: {error}") from error
    problems = list(find_unspeakable(document))
    if problems:
        raise SpecError(problems)
    return document


def find_unspeakable(value: Any, pointer: str = "", depth: int = 0) -> Iterator[Problem]:
    """Yield a problem for each value that JSON, PostgreSQL or a browser could not hold."""
    if depth > MAX_DEPTH:
        yield Problem(pointer, "too_deep", f"more than {MAX_DEPTH} levels")
    elif isinstance(value, dict):
        for key, child in value.items():
            if not isinstance(key, str):
                yield Problem(pointer, "key_not_text", f"the key {key!r} is not text")
                continue
            yield from _check_text(key, pointer)
            yield from find_unspeakable(child, join_pointer(pointer, key), depth + 1)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from find_unspeakable(child, f"{pointer}/{index}", depth + 1)
    elif isinstance(value, str):
        yield from _check_text(value, pointer)
    elif isinstance(value, float) and not math.isfinite(value):
        yield Problem(pointer, "number_not_finite", f"{value} is not a finite number", str(value))
    elif isinstance(value, int) and abs(value) >= 2**63:
        yield Problem(pointer, "number_too_large", "the number does not fit 64 bits", str(value)[:64])
    elif not isinstance(value, int | float | bool | None):
        yield Problem(pointer, "not_json", f"{type(value).__name__} cannot be said in JSON", str(value)[:64])


def join_pointer(pointer: str, *steps: str | int) -> str:
    """Return the JSON pointer (RFC 6901) of a place below `pointer`; what UTF-8 cannot say is escaped."""
    for step in steps:
        text = str(step).encode("utf-8", "backslashreplace").decode()
        pointer += "/" + text.replace("~", "~0").replace("/", "~1")
    return pointer


def name_pointers(pointers: Iterable[str]) -> dict[str, str]:
    """Return a short name for each pointer: as many of its last steps as tell it from the others."""
    steps = {pointer: pointer.split("/")[1:] for pointer in pointers}
    names = {}
    for pointer, mine in steps.items():
        others = [theirs for other, theirs in steps.items() if other != pointer]
        told = next((n for n in range(1, len(mine)) if all(theirs[-n:] != mine[-n:] for theirs in others)), len(mine))
        names[pointer] = "/".join(mine[-told:])
    return names


def _check_text(text: str, pointer: str) -> Iterator[Problem]:
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        shown = text[:64].encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
        yield Problem(pointer, "text_not_storable", "NUL and lone surrogates cannot be stored", shown)


def _refusal(code: str, message: str) -> SpecError:
    return SpecError([Problem("", code, message)])
