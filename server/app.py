"""The FastAPI application: its parts, what it starts and stops, and what every request passes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from anyio import to_thread
from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from server.access import Access
from server.answers import answer_problem
from server.artifacts import ArtifactMissingError, ArtifactStore
from server.collector import Collector
from server.dashboard import Dashboard
from server.guard import Guard, RequestLog
from server.jobs.database import Database
from server.jobs.doorbell import Doorbell
from server.jobs.errors import JobError
from server.jobs.reconcile import Reconciler
from server.limits import RateLimits
from server.migrate import prepare_schema
from server.openapi import describe, name_operation
from server.problems import ProblemError
from server.routes import (
    artifacts,
    attempts,
    audit,
    checkpoints,
    cloning,
    comparison,
    components,
    editing,
    events,
    exports,
    gain,
    health,
    jobs,
    keys,
    listing,
    logs,
    manifest,
    metrics,
    projects,
    queue,
    saved_views,
    session,
    specs,
    states,
    stream,
    sweeps,
    teacher_cache,
    telemetry,
    uploads,
    verbs,
    webhooks,
    workers,
)
from server.scheduler import Scheduler
from server.scopes import Scope
from server.sender import Sender
from server.service import Service
from server.sessions import read_installation
from server.settings import Settings
from server.spool import Spool
from server.stream import Streams
from server.telemetry import Telemetry

_GUARDED = (
    (listing.collection, Access()),
    (jobs.router, Access()),
    (editing.router, Access()),
    (verbs.router, Access()),
    (cloning.router, Access()),
    (sweeps.router, Access()),
    (states.router, Access()),
    (queue.router, Access()),
    (events.router, Access()),
    (metrics.router, Access()),
    (metrics.batch, Access(write=Scope.JOBS_READ)),
    (logs.router, Access()),
    (attempts.router, Access()),
    (checkpoints.router, Access()),
    (manifest.router, Access()),
    (exports.router, Access()),
    (gain.router, Access()),
    (comparison.router, Access()),
    (saved_views.router, Access(write=Scope.JOBS_READ)),
    (artifacts.router, Access(read=Scope.ARTIFACTS_READ)),
    (workers.router, Access(write=Scope.ADMIN)),
    (projects.router, Access(write=Scope.ADMIN)),
    (teacher_cache.router, Access(write=Scope.ADMIN)),
    (components.router, Access()),
    (specs.router, Access(write=Scope.JOBS_READ)),
    (stream.router, Access()),
    (webhooks.router, Access()),
    (uploads.router, Access()),
    (keys.router, Access(read=Scope.ADMIN, write=Scope.ADMIN)),
    (audit.router, Access(read=Scope.ADMIN)),
)
"""What needs a key, and which scope."""

_OPEN = (session.router, health.router, telemetry.router)
"""What needs no key: the way in, what says whether the service is well, and metrics, which have their own guard."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application; nothing runs before its lifespan starts."""
    settings = settings or Settings()
    service = _build_service(settings)
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        lifespan=_live,
        generate_unique_id_function=name_operation,
        redirect_slashes=False,
    )
    app.state.service = service
    for router, access in _GUARDED:
        app.include_router(router, dependencies=[Depends(access)])
    for router in _OPEN:
        app.include_router(router)
    app.router.default = Dashboard()
    for kind in (ProblemError, JobError, ArtifactMissingError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer_problem)
    _add_middleware(app, service)
    _describe_itself(app)
    return app


def _build_service(settings: Settings) -> Service:
    database, doorbell = Database(settings), Doorbell(settings)
    streams = Streams(database)
    return Service(
        settings,
        database,
        ArtifactStore(settings),
        doorbell,
        Scheduler(database, doorbell, settings),
        streams,
        Spool(settings),
        Telemetry(database, streams),
        RateLimits(settings.rate_limit, settings.failure_limit),
    )


def _add_middleware(app: FastAPI, service: Service) -> None:
    """Add what every request passes, the innermost first."""
    uncompressed = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/octet-stream")
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=3, exclude_content_types=uncompressed)
    app.add_middleware(
        Guard, allowed_hosts=service.settings.allowed_hosts, max_upload_bytes=service.settings.max_upload_bytes
    )
    app.add_middleware(RequestLog, note=service.telemetry.note_request)


def _describe_itself(app: FastAPI) -> None:
    """Let /openapi.json tell the whole description, made once."""

    def openapi() -> dict[str, object]:
        app.openapi_schema = app.openapi_schema or describe(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


@asynccontextmanager
async def _live(app: FastAPI) -> AsyncIterator[None]:
    """Run what serves from beside the requests: the reconciler, the sender of webhooks and the streams' poller."""
    service: Service = app.state.service
    try:
        await to_thread.run_sync(prepare_schema, service.database, service.settings)
        await to_thread.run_sync(service.artifacts.sweep)
        app.state.service = replace(service, cookie_name=await to_thread.run_sync(_name_cookie, service.database))
        collector = Collector(service.database, service.artifacts, service.spool, service.settings)
        reconciler = Reconciler(service.database, service.doorbell, service.settings, collector.collect_if_due)
        sender = Sender(service.database, service.settings)
        async with _running(reconciler), _running(sender), service.streams.running():
            yield
    finally:
        service.database.dispose()


def _name_cookie(database: Database) -> str:
    with database.write() as session:
        return f"stillhouse_{read_installation(session)}"


@asynccontextmanager
async def _running(thread: Reconciler | Sender) -> AsyncIterator[None]:
    thread.start()
    try:
        yield
    finally:
        await to_thread.run_sync(thread.stop)
