"""Health: for whoever starts and watches the server."""

from __future__ import annotations

from fastapi import APIRouter

from distill_core.errors import Problem
from server.problems import NotReadyError
from server.readiness import check_all
from server.service import ServiceOf
from server.views import HealthView

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Does the process answer?")
async def read_health() -> HealthView:
    """Say that the process answers."""
    return HealthView(status="ok")


@router.get("/readyz", summary="Can the service take requests?", responses={503: {}})
def read_readiness(service: ServiceOf) -> HealthView:
    """Look at database, schema, broker and disk; a missing worker is told, and does no harm."""
    checks = check_all(service)
    broken = [check for check in checks if check.is_needed and not check.ok]
    if broken:
        problems = [Problem(f"/{check.name}", "check_failed", check.message) for check in broken]
        raise NotReadyError(f"not ready: {', '.join(check.name for check in broken)}", problems)
    return HealthView(status="ready", checks=checks)
