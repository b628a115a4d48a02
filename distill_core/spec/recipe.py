"""From the name of a recipe to its stages, and from a problem in a stage back to the option that caused it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field

from distill_core.errors import Problem
from distill_core.spec.components import unknown_name
from distill_core.spec.config import Config, Name, Params
from distill_core.spec.document import join_pointer
from distill_core.spec.place import AUTO
from distill_core.spec.recipes import RECIPES, Recipe, Stages
from distill_core.spec.shape import find_shape_problems

__all__ = ["RecipeSpec", "describe_recipes", "expand_recipe", "relocate"]


class RecipeSpec(Config):
    """A published method whose stages are written out by its name."""

    name: Name = Field(description="Name of the recipe.")
    params: Params = Field(
        default_factory=dict, description="Options of the recipe; its published settings if left out."
    )


def expand_recipe(document: Any) -> tuple[Any, list[Problem]]:
    """Return the document with the stages of its recipe written out, or as it is, with what keeps them from it.

    The recipe stays for the record, with all its options. A document that has both, as a resolved one does, keeps its
    stages, which must say what the recipe says.
    """
    if not _has_recipe(document):
        return document, []
    recipe, problems = _read(document["recipe"])
    if recipe is None:
        return document, problems
    are_new = _are_teachers_new(recipe, document)
    stages = [_plain_stage(stage) for stage in _list_stages(recipe, are_new)]
    if len(set(are_new)) == 1:  # otherwise the models say it again
        recipe = recipe.model_copy(update={"train_teacher": are_new[0]})
    name = document["recipe"]["name"]
    if _has_stages(document):
        return document, [] if _say(document["stages"], stages) else [_contradiction(name)]
    return document | {"recipe": {"name": name, "params": _plain(dict(recipe))}, "stages": stages}, []


def relocate(problems: Sequence[Problem], document: Any) -> list[Problem]:
    """Return the problems of an expanded document with pointers into the document that a person wrote.

    Args:
        problems: found in what `expand_recipe` returned.
        document: as it was given to `expand_recipe`.
    """
    recipe = None
    if _has_recipe(document) and not _has_stages(document):
        recipe, _ = _read(document["recipe"])
    if recipe is None:
        return list(problems)
    marks = {name: _mark(join_pointer("", name), value) for name, value in recipe}
    stages = _list_stages(recipe.model_copy(update=marks), _are_teachers_new(recipe, document))
    origins = dict(_find_origins(stages, "/stages"))
    named = origins | dict(_find_named(stages, "/stages"))
    names = [stage["name"] for stage in stages]
    return [_relocate(problem, names, named if problem.code == "unknown_name" else origins) for problem in problems]


def describe_recipes() -> dict[str, dict[str, Any]]:
    """Return of each recipe by name what it is, `summary`, and the JSON Schema of its options, `params`."""
    return {
        name: {"summary": (inspect.getdoc(recipe) or "").partition("\n")[0], "params": recipe.model_json_schema()}
        for name, recipe in RECIPES.items()
    }


def _has_recipe(document: Any) -> bool:
    return isinstance(document, dict) and document.get("recipe") is not None


def _has_stages(document: Mapping[str, Any]) -> bool:
    return document.get("stages") not in (None, [])


def _read(written: Any) -> tuple[Recipe | None, list[Problem]]:
    """Return the recipe with its options, or none and what is wrong with them."""
    problems = find_shape_problems(RecipeSpec, written)
    if problems:
        return None, [_moved(problem, "/recipe") for problem in problems]
    spec = RecipeSpec.model_validate(written)
    if spec.name not in RECIPES:
        return None, [unknown_name("/recipe/name", "recipe", spec.name, RECIPES)]
    options = dict(spec.params)
    problems = find_shape_problems(RECIPES[spec.name], options)
    if problems:
        return None, [_moved(problem, "/recipe/params") for problem in problems]
    return RECIPES[spec.name].model_validate(options), []


def _moved(problem: Problem, prefix: str) -> Problem:
    return replace(problem, pointer=prefix + problem.pointer)


def _are_teachers_new(recipe: Recipe, document: Mapping[str, Any]) -> list[bool]:
    """Return of every teacher whether it must be trained first."""
    models = document.get("models")
    entries = [models.get(name) if isinstance(models, dict) else None for name in recipe.taught_by]
    if recipe.train_teacher is not None:
        return [recipe.train_teacher] * len(entries)
    return [isinstance(model, dict) and model.get("weights") is None for model in entries]


def _list_stages(recipe: Recipe, are_new: Sequence[bool]) -> Stages:
    taught = [name for name, is_new in zip(recipe.taught_by, are_new, strict=True) if is_new]
    return [*map(recipe.teach, taught), *recipe.stages()]


def _plain_stage(stage: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stage as a person would write it: nothing that is none, no term of weight 0."""
    plain: dict[str, Any] = _plain(stage)
    objective = {name: term for name, term in plain["objective"].items() if term.get("weight") != 0}
    return plain | {"objective": objective}


def _plain(value: Any) -> Any:
    if isinstance(value, Config):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, Mapping):
        return {key: _plain(child) for key, child in value.items() if child is not None}
    if isinstance(value, list | tuple):
        return [_plain(child) for child in value]
    return value


def _say(stages: Any, said: Any) -> bool:
    """Return whether stages say what a recipe says; they may say more, as resolved ones do, and places for `auto`."""
    if said in (AUTO, [AUTO]):
        return stages is not None
    if isinstance(said, dict):
        return isinstance(stages, dict) and all(key in stages and _say(stages[key], said[key]) for key in said)
    if isinstance(said, list):
        is_as_long = isinstance(stages, list) and len(stages) == len(said)
        return is_as_long and all(_say(stages[index], entry) for index, entry in enumerate(said))
    return bool(stages == said)


def _contradiction(name: str) -> Problem:
    message = f"these are not the stages of the recipe {name!r}: leave out the stages, or the recipe"
    return Problem("/stages", "stages_differ", message)


@dataclass(frozen=True, slots=True)
class _Mark:
    """Stands in a stage for the value of the option at `origin`, so that one sees where the value goes."""

    origin: str
    text: str = ""
    entries: tuple[_Mark | None, ...] = ()

    def __str__(self) -> str:
        """Return the value as text, for names that are made of it."""
        return self.text

    def __index__(self) -> int:
        """Return the value as a number, for as many stages."""
        return int(self.text)

    def __iter__(self) -> Iterator[_Mark | None]:
        return iter(self.entries)


def _mark(origin: str, value: Any) -> _Mark | None:
    """Return what stands for a value, for a list with what stands for its entries; nothing for none."""
    if value is None:
        return None
    entries = enumerate(value) if isinstance(value, tuple) else ()
    return _Mark(origin, str(value), tuple(_mark(join_pointer(origin, index), entry) for index, entry in entries))


def _find_origins(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Yield (place in the stages, option that stands there)."""
    if isinstance(value, _Mark):
        yield pointer, value.origin
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from _find_origins(child, join_pointer(pointer, key))
    elif isinstance(value, _Mark | list | tuple):
        for index, child in enumerate(value):
            yield from _find_origins(child, join_pointer(pointer, index))


def _find_named(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Yield (place in the stages, option that names this place), as the name of a further stream does."""
    parts = value if isinstance(value, list | tuple) else ()
    for key, child in value.items() if isinstance(value, Mapping) else enumerate(parts):
        place = join_pointer(pointer, key)
        if isinstance(key, _Mark):
            yield place, key.origin
        yield from _find_named(child, place)


def _relocate(problem: Problem, names: Sequence[str], origins: Mapping[str, str]) -> Problem:
    """Return the problem at the option that caused it; at the recipe, with the stage named, where none did alone."""
    root, *steps = problem.pointer.split("/")[1:]
    if root != "stages":
        return problem
    for end in range(len(steps), 0, -1):
        origin = origins.get("/".join(["/stages", *steps[:end]]))
        if origin is not None:
            return replace(problem, pointer="/".join(["/recipe/params" + origin, *steps[end:]]))
    if not steps:
        return replace(problem, pointer="/recipe")
    place = ", ".join([f"stage {names[int(steps[0])]!r}", *filter(None, ["/".join(steps[1:])])])
    return replace(problem, pointer="/recipe", message=f"{place}: {problem.message}")
