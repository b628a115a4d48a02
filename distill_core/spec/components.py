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
        yield from _param_problems(join_pointer(pointer, "params"), schema, error)


def unknown_name(pointer: str, kind: str, name: str, allowed: Mapping[str, Any]) -> Problem:
    """Return the problem of a name that is not among `allowed`."""
    message = f"no {kind} is called {name!r}"
    return Problem(pointer, "unknown_name", message, name, tuple(sorted(allowed)), nearest_names(name, allowed))


def _param_problems(pointer: str, root: Mapping[str, Any], error: ValidationError) -> Iterator[Problem]:
    place = join_pointer(pointer, *error.absolute_path)
    if error.validator in {"oneOf", "anyOf"}:
        yield from _branch_problems(pointer, root, error)
    elif error.validator == "additionalProperties":
        known = _schema_of(error).get("properties", {})
        for name in error.instance if isinstance(error.instance, dict) else ():
            if name not in known:
                message, near = f"there is no option {name!r}", nearest_names(name, known)
                yield Problem(join_pointer(place, name), "option_unknown", message, name, tuple(sorted(known)), near)
    elif error.validator == "const":
        allowed = (str(error.validator_value),)
        yield Problem(
            place, "option_invalid", error.message, error.instance, allowed, nearest_names(error.instance, allowed)
        )
    else:
        code = "field_missing" if error.validator == "required" else "option_invalid"
        allowed_words = describe_bounds({str(error.validator): error.validator_value})
        yield Problem(place, code, error.message, error.instance, allowed_words)


def _schema_of(error: ValidationError) -> Mapping[str, Any]:
    return error.schema if isinstance(error.schema, dict) else {}


def _branch_problems(pointer: str, root: Mapping[str, Any], error: ValidationError) -> Iterator[Problem]:
    """Tell what is wrong with a value of several possible forms: by its tag, where the forms have one."""
    forms_but_null = [
        number for number, form in enumerate(_schema_of(error).get("anyOf", ())) if form.get("type") != "null"
    ]
    if len(forms_but_null) == 1:
        for inner in error.context or ():
            if inner.schema_path[0] == forms_but_null[0]:
                yield from _param_problems(pointer, root, inner)
        return
    place, tag = join_pointer(pointer, *error.absolute_path), _schema_of(error).get("discriminator", {})
    field, forms = tag.get("propertyName"), tag.get("mapping", {})
    if field is None or not isinstance(error.instance, dict):
        wanted = f"an object with {field!r}" if field else "one of the forms that the reference lists"
        yield Problem(place, "option_invalid", f"{error.instance!r:.80} is none of the allowed forms", None, wanted)
    elif field not in error.instance:
        yield Problem(
            join_pointer(place, field), "field_missing", f"the field {field!r} is missing", None, tuple(forms)
        )
    elif error.instance[field] not in forms:
        yield unknown_name(join_pointer(place, field), field, str(error.instance[field]), forms)
    else:
        branch = {"$defs": root.get("$defs", {}), "$ref": forms[error.instance[field]]}
        for inner in Draft202012Validator(branch).iter_errors(error.instance):
            yield from _param_problems(place, branch, inner)
