"""The page of the methods, made from the catalog and from measured costs: `python -m distill_core.spec.method_page`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from distill_core.spec.catalog import MethodEntry, load_catalog

PAGE = Path("docs/methods.md")
COSTS = Path("benchmarks/results/method_costs.json")
_HEADER = """# Methods

Made by `python -m distill_core.spec.method_page` from the catalog and from `benchmarks/results/method_costs.json`; do
not edit. Each is a term of an objective, `{method: KEY, weight: 1, params: {…}}`; any of them go together in one stage.
Published settings are [recipes](recipes.md).

*Taps* are the places between two models of three stages, by the defaults. *Stages* tells the term that an earlier stage
must have. *Cost* is the time of a step with this term and cross-entropy, divided by that of a step with `kd` and
cross-entropy, measured side by side on one CPU thread: """


def render_page(costs: Mapping[str, Any]) -> str:
    """Return the page: an overview, then a section a method.

    Args:
        costs: content of the results file.
    """
    methods = load_catalog().methods
    ratios = {name: found["cpu"]["median"] for name, found in costs["methods"].items()}
    rows = [f"| [`{key}`](#{key}) | {entry.summary} | {_cost(key, ratios)} |" for key, entry in methods.items()]
    overview = "| key | what it is | cost |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"
    sections = [_render_method(key, entry, methods, ratios) for key, entry in methods.items()]
    return "\n".join([_HEADER + costs["setting"] + "\n", overview, *sections])


def _render_method(
    key: str, entry: MethodEntry, methods: Mapping[str, MethodEntry], ratios: Mapping[str, float]
) -> str:
    lines = [
        f"## `{key}`",
        "",
        entry.summary,
        "",
        f"- **Paper:** {entry.paper}",
        f"- **Formula:** {entry.formula}",
        f"- **Taps:** {_list_taps(entry)}",
        f"- **Stages:** {_list_stages(entry, methods)}",
        f"- **Needs:** {_list_needs(entry)}",
        f"- **Cost:** {_cost(key, ratios)}",
        f"- **When to use it:** {entry.use}",
        "",
        *_render_options(entry),
    ]
    return "\n".join(lines)


def _render_options(entry: MethodEntry) -> Iterator[str]:
    properties = entry.params.get("properties", {})
    if properties:
        yield "| option | default | what it is |\n| --- | --- | --- |"
    for name, schema in properties.items():
        default = json.dumps(schema["default"]) if "default" in schema else ""
        yield f"| `{name}` | {f'`{default}`' if default else ''} | {_escape(schema.get('description', ''))} |"
    yield ""


def _escape(text: str) -> str:
    return text.replace("|", "\\|")


def _list_taps(entry: MethodEntry) -> str:
    sides = [f"{side} " + ", ".join(f"`{place}`" for place in places) for side, places in entry.taps.items() if places]
    return "; ".join(sides) or "nothing"


def _list_stages(entry: MethodEntry, methods: Mapping[str, MethodEntry]) -> str:
    makers = [key for key, other in methods.items() if set(other.exports) & set(entry.imports)]
    if makers:
        return f"after one with {' or '.join(f'`{maker}`' for maker in makers)}"
    takers = [key for key, other in methods.items() if set(other.imports) & set(entry.exports)]
    return f"before one with {' or '.join(f'`{taker}`' for taker in takers)}" if takers else "one"


def _list_needs(entry: MethodEntry) -> str:
    needs = {
        "all teachers of the stage" if entry.ensemble else "a teacher": entry.teacher,
        "labels": entry.labels,
        "the same classes in both": entry.same_classes,
        f"a batch of {entry.smallest_batch} at least": entry.smallest_batch > 1,
    }
    return ", ".join(name for name, is_needed in needs.items() if is_needed) or "nothing"


def _cost(key: str, ratios: Mapping[str, float]) -> str:
    return f"{ratios[key]:.2f}" if key in ratios else "not measured"


if __name__ == "__main__":
    PAGE.write_text(render_page(json.loads(COSTS.read_text("utf-8"))), "utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
