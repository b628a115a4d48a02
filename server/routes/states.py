"""The states of jobs, as programs read them."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from server.jobs.states import LEASED, MOVES, TERMINAL, VERBS, State, verbs_of
from server.routes.query import KnownQuery
from server.views import Page, StateView

router = APIRouter(prefix="/v1/states", tags=["jobs"], dependencies=[Depends(KnownQuery())])


@router.get("", summary="List the states of jobs")
def list_states() -> Page[StateView]:
    """Return the table that drives every job: where each state may lead, and what people may ask in it."""
    return Page(data=[_view(state) for state in State])


def _view(state: State) -> StateView:
    return StateView(
        state=state,
        moves=[target for target in State if target in MOVES[state]],
        verbs={verb: VERBS[verb][state] for verb in verbs_of(state)},
        is_leased=state in LEASED,
        is_terminal=state in TERMINAL,
    )
