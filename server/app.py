"""The FastAPI application: its parts, what it starts and stops, and what every request passes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from server.artifacts import ArtifactMissingError, ArtifactStore
from server.dashboard import Dashboard
from server.guard import Guard, RequestLog
from server.jobs.database import Database
from server.jobs.doorbell import Doorbell
from server.jobs.errors import JobError
from server.jobs.reconcile import Reconciler
from server.migrate import prepare_schema
from server.openapi import describe, name_operation
from server.problems import ProblemError, answer_problem
from server.routes import (
    artifacts,
    attempts,
    components,
    events,
    health,
    jobs,
    logs,
    metrics,
    projects,
    specs,
    stream,
    teacher_cache,
    workers,
)
from server.service import Service
from server.settings import Settings
from server.stream import Streams

_ROUTERS = (
    jobs.collection,
    jobs.router,
    events.router,
    metrics.router,
    logs.router,
    attempts.router,
    artifacts.router,
    workers.router,
    projects.router,
    teacher_cache.router,
    components.router,
    specs.router,
    stream.router,
    health.router,
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application; nothing runs before its lifespan starts."""
    settings = settings or Settings()
    database = Database(settings)
    service = Service(settings, database, ArtifactStore(settings), Doorbell(settings), Streams(database))
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        lifespan=_live,
        generate_unique_id_function=name_operation,
        redirect_slashes=False,
    )
    app.state.service = service
    for router in _ROUTERS:
        app.include_router(router)
    app.router.default = Dashboard()
    for kind in (ProblemError, JobError, ArtifactMissingError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer_problem)
    _add_middleware(app, settings)
    _describe_itself(app)
    return app


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """Add what every request passes, the innermost first."""
    uncompressed = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/octet-stream")
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=3, exclude_content_types=uncompressed)
    app.add_middleware(Guard, allowed_hosts=settings.allowed_hosts)
    app.add_middleware(RequestLog)


def _describe_itself(app: FastAPI) -> None:
    """Let /openapi.json tell the whole description, made once."""

    def openapi() -> dict[str, object]:
        app.openapi_schema = app.openapi_schema or describe(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


@asynccontextmanager
async def _live(app: FastAPI) -> AsyncIterator[None]:
    """Run what serves the requests from beside: the reconciler and the streams' poller."""
    service: Service = app.state.service
    try:
        await to_thread.run_sync(prepare_schema, service.database, service.settings)
        await to_thread.run_sync(service.artifacts.sweep)
        async with _reconciling(service), service.streams.running():
            yield
    finally:
        service.database.dispose()


@asynccontextmanager
async def _reconciling(service: Service) -> AsyncIterator[None]:
    reconciler = Reconciler(service.database, service.doorbell, service.settings)
    reconciler.start()
    try:
        yield
    finally:
        await to_thread.run_sync(reconciler.stop)
