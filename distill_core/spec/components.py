"""Problems with names and options of registered components, and the defaults of the options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from distill_core.errors import Problem
from distill_core.spec.bounds import describe_bounds
from distill_core.spec.catalog import Catalog, Entry, ModelEntry
from distill_core.spec.document import join_pointer
from distill_core.spec.nearest import nearest_names


def find_component_problems(document: Mapping[str, Any], catalog: Catalog) -> Iterator[Problem]:
    """Yield what is wrong with the models, data sets and methods that a document names; tolerates any shape."""
    for name, model in _entries(document.get("models")):
        yield from _check(join_pointer("/models", name), "model", model, catalog.models)
    for name, stream in _entries(document.get("data")):
        yield from _check(join_pointer("/data", name), "dataset", stream, catalog.datasets)
    stages = document.get("stages")
    for index, stage in enumerate(stages if isinstance(stages, list) else ()):
        for name, term in _entries(stage.get("objective") if isinstance(stage, dict) else None):
            yield from _check(join_pointer("/stages", index, "objective", name), "method", term, catalog.methods)


def fill_defaults(entry: Entry, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return `params` with the defaults of the component written out."""
    defaults = {key: schema["default"] for key, schema in entry.params["properties"].items() if "default" in schema}
    return defaults | dict(params)


def _entries(value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, dict):
        yield from ((name, entry) for name, entry in value.items() if isinstance(entry, dict))


def _check(pointer: str, field: str, config: Mapping[str, Any], registry: Mapping[str, Entry]) -> Iterator[Problem]:
    key = config.get(field)
    if not isinstance(key, str):
        return
    entry = registry.get(key)
    if entry is None:
        yield unknown_name(join_pointer(pointer, field), field, key, registry)
        return
    params = config.get("params", {})
    if not isinstance(params, dict):
        return
    optional = entry.derived if isinstance(entry, ModelEntry) else ()
    required = [name for name in entry.params.get("required", ()) if name not in optional]
    schema = {**entry.params, "required": required}
    for error in Draft202012Validator(schema).iter_errors(params):
        yield from _param_problems(join_pointer(pointer, "params"), entry, error)


def unknown_name(pointer: str, kind: str, name: str, allowed: Mapping[str, Any]) -> Problem:
    """Return the problem of a name that is not among `allowed`."""
    message = f"no {kind} is called {name!r}"
    return Problem(pointer, "unknown_name", message, name, tuple(sorted(allowed)), nearest_names(name, allowed))


def _param_problems(pointer: str, entry: Entry, error: ValidationError) -> Iterator[Problem]:
    if error.validator == "additionalProperties":
        known = entry.params.get("properties", {})
        for name in error.instance if isinstance(error.instance, dict) else ():
            if name not in known:
                place = join_pointer(pointer, name)
                names = nearest_names(name, known)
                yield Problem(
                    place, "option_unknown", f"there is no option {name!r}", name, tuple(sorted(known)), names
                )
        return
    code = "field_missing" if error.validator == "required" else "option_invalid"
    allowed = describe_bounds({str(error.validator): error.validator_value})
    yield Problem(join_pointer(pointer, *error.absolute_path), code, error.message, error.instance, allowed)
