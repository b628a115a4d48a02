"""Everything that is wrong with a spec, all at once, without torch."""

from __future__ import annotations

from typing import Any

from distill_core.errors import Problem, SpecError
from distill_core.spec.catalog import Catalog, load_catalog
from distill_core.spec.components import find_component_problems
from distill_core.spec.document import find_unspeakable
from distill_core.spec.experiment import ExperimentSpec, ResolvedSpec
from distill_core.spec.recipe import expand_recipe, relocate
from distill_core.spec.references import find_reference_problems
from distill_core.spec.resolve import write_out
from distill_core.spec.rules import find_rule_problems
from distill_core.spec.shape import find_shape_problems


def check(document: Any, catalog: Catalog | None = None) -> list[Problem]:
    """Return every problem of a spec, each with a JSON pointer, in the order of the document's parts."""
    try:
        resolve(document, catalog)
    except SpecError as error:
        return list(error.problems)
    return []


def resolve(document: Any, catalog: Catalog | None = None) -> ResolvedSpec:
    """Return the spec with everything written out.

    Args:
        document: plain data, as `parse_document` returns it.
        catalog: the components that may be named; the installed ones if left out.

    Raises:
        SpecError: with every problem found.
    """
    catalog = catalog or load_catalog()
    problems = list(find_unspeakable(document))
    if problems:
        raise SpecError(_deduplicate(problems))
    expanded, problems = expand_recipe(document)
    problems = problems + find_shape_problems(ExperimentSpec, expanded)
    if isinstance(expanded, dict):
        problems += find_component_problems(expanded, catalog)
        problems += find_reference_problems(expanded)
    if not problems:
        resolved = write_out(ExperimentSpec.model_validate(expanded), catalog)
        problems = list(find_rule_problems(resolved, catalog))
    if problems:
        raise SpecError(_deduplicate(relocate(problems, document)))
    return resolved


def _deduplicate(problems: list[Problem]) -> list[Problem]:
    """Keep the first problem of each place and kind: two checks may see the same mistake."""
    seen: dict[tuple[str, str], Problem] = {}
    for problem in problems:
        seen.setdefault((problem.pointer, problem.code), problem)
    return list(seen.values())
