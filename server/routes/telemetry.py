"""Operators' metrics, in Prometheus' text format."""

from __future__ import annotations

import hmac

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from server.problems import MetricsForbiddenError
from server.service import ServiceOf
from server.settings import Settings, is_loopback

router = APIRouter(tags=["health"])


class Exposition(Response):
    """Metrics as text."""

    media_type = CONTENT_TYPE_LATEST


@router.get("/metrics", summary="Metrics for operators", response_class=Exposition, responses={403: {}})
def read_telemetry(request: Request, service: ServiceOf) -> Exposition:
    """Return what Prometheus scrapes: to this machine alone, or to whoever has STILLHOUSE_METRICS_TOKEN."""
    _check_right(request, service.settings)
    return Exposition(generate_latest(service.telemetry.registry))


def _check_right(request: Request, settings: Settings) -> None:
    if settings.metrics_token is not None:
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {settings.metrics_token.get_secret_value()}".encode()):
            raise MetricsForbiddenError("send STILLHOUSE_METRICS_TOKEN as the bearer token")
    elif request.client is None or not is_loopback(request.client.host):
        raise MetricsForbiddenError("metrics are for this machine alone unless STILLHOUSE_METRICS_TOKEN is set")
