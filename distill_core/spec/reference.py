"""The reference of the spec as a page, made from the models themselves: `python -m distill_core.spec.reference`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from distill_core.spec.catalog import Entry, load_catalog
from distill_core.spec.experiment import ExperimentSpec
from distill_core.spec.recipe import describe_recipes

PAGE = Path("docs/spec-reference.md")
_HEADER = (
    "# Reference of the experiment spec\n\n"
    "Made by `python -m distill_core.spec.reference` from `distill_core/spec`; do not edit.\n"
    "Unknown fields are refused. How the parts play together is told in [spec.md](spec.md).\n"
)


def render_reference() -> str:
    """Return the page: a table a part of the spec, then one a kind of component."""
    schema = ExperimentSpec.model_json_schema()
    parts = {"ExperimentSpec": schema} | schema["$defs"]
    sections = [_HEADER, *(_render_part(name, part) for name, part in parts.items() if "properties" in part)]
    catalog = load_catalog()
    for title, registry in (
        ("Models", catalog.models),
        ("Data sets", catalog.datasets),
        ("Methods", catalog.methods),
    ):
        sections.append(f"## {title}\n\n| name | what it is | options |\n| --- | --- | --- |\n")
        sections[-1] += "\n".join(
            f"| `{name}` | {entry.summary} | {_options(entry)} |" for name, entry in registry.items()
        )
        sections[-1] += "\n"
    recipes = describe_recipes().items()
    rows = (f"| `{name}` | {found['summary']} | {_names(found['params'])} |" for name, found in recipes)
    sections.append("## Recipes\n\n| name | what it is | options |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n")
    return "\n".join(sections)


def _names(schema: dict[str, Any]) -> str:
    return ", ".join(f"`{name}`" for name in schema["properties"])


def _render_part(name: str, part: dict[str, Any]) -> str:
    rows = "\n".join(_render_fields(part))
    summary = part.get("description", "").split("\n\n")[0]
    return f"## {name}\n\n{summary}\n\n| field | type | default | what it says |\n| --- | --- | --- | --- |\n{rows}\n"


def _render_fields(part: dict[str, Any]) -> Iterator[str]:
    required = part.get("required", ())
    for name, field in part["properties"].items():
        default = "required" if name in required else f"`{field['default']}`" if "default" in field else "see text"
        if default in {"`None`", "``"}:
            default = "left out"
        yield f"| `{name}` | {_type(field)} | {default} | {field.get('description', '')} |"


def _type(field: dict[str, Any]) -> str:
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "$ref" in field:
        return f"[{field['$ref'].rsplit('/', 1)[1]}](#{field['$ref'].rsplit('/', 1)[1].lower()})"
    options = [option for option in field.get("anyOf", field.get("oneOf", ())) if option.get("type") != "null"]
    if options:
        return " or ".join(_type(option) for option in options)
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}" if "items" in field else "list"
    values = field.get("additionalProperties") or next(iter(field.get("patternProperties", {}).values()), None)
    if isinstance(values, dict):
        return f"names of {_type(values)}"
    return f"{field.get('type', 'value')}{_bounds(field)}"


def _bounds(field: dict[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {field[key]:g}" for key, sign in signs.items() if key in field]
    return f" ({', '.join(bounds)})" if bounds else ""


def _options(entry: Entry) -> str:
    return ", ".join(f"`{name}`" for name in entry.params.get("properties", {})) or "none"


if __name__ == "__main__":
    PAGE.write_text(render_reference(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
