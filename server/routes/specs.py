"""Specs: their schema, and the check of one."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import APIRouter, Depends

from distill_core.spec import ExperimentSpec, SpecError, resolve
from server.problems import BodyInvalidError
from server.routes.body import Body, SpecBody, describe_body, find_body_problems
from server.routes.examples import SPEC
from server.routes.query import KnownQuery
from server.views import ProblemEntry, ValidationView

router = APIRouter(prefix="/v1/specs", tags=["specs"], dependencies=[Depends(KnownQuery())])


make_schema = cache(ExperimentSpec.model_json_schema)


@router.get("/schema", summary="Read the schema of a spec")
def read_schema() -> dict[str, Any]:
    """Return the JSON Schema of the experiment spec, for editors."""
    return make_schema()


@router.post("/validate", summary="Check a spec", openapi_extra=describe_body(SpecBody, SPEC))
def validate_spec(body: Body) -> ValidationView:
    """Say everything that is wrong with a spec, or return it with everything written out; nothing is stored."""
    problems = find_body_problems(SpecBody, body)
    if problems:
        raise BodyInvalidError("the body is not valid", problems)
    try:
        resolved = resolve(body["spec"])
    except SpecError as error:
        entries = [ProblemEntry.model_validate(problem.as_dict()) for problem in error.problems]
        return ValidationView(valid=False, problems=entries, resolved_spec=None)
    return ValidationView(valid=True, problems=[], resolved_spec=resolved.as_document())
