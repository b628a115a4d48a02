"""What operators ask of a server: who may use it, and on which hosts it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stillhouse.client.results import AuditEntry, CacheEntry, CacheTotals, Key, Project, QueueEntry, Worker
from stillhouse.client.transport import Transport

PAGE_SIZE = 100


class OperatorCalls:
    """Calls about keys, workers, projects, the queue and stored teacher outputs.

    Args:
        transport: the way to the server.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def workers(self) -> list[Worker]:
        """Return the workers that the server knows."""
        return [Worker.model_validate(entry) for entry in self._transport.get("/v1/workers")["data"]]

    def keys(self) -> Iterator[Key]:
        """Yield the API keys, the newest first."""
        yield from map(Key.model_validate, self._pages("/v1/api-keys", {}))

    def create_key(
        self, name: str, scopes: Sequence[str], *, project: str | None = None, expires_in_s: int | None = None
    ) -> Key:
        """Make an API key; the answer alone holds its `secret`.

        Args:
            name: what people call it.
            scopes: what it may do: jobs:read, jobs:write, artifacts:read, admin.
            project: the one project that it may see; all if left out.
            expires_in_s: seconds until it ends by itself.
        """
        body = {"name": name, "scopes": list(scopes), "project": project, "expires_in_s": expires_in_s}
        return Key.model_validate(self._transport.send("POST", "/v1/api-keys", json=body, once=True).json())

    def revoke_key(self, key_id: str) -> None:
        """End an API key for good."""
        self._transport.send("DELETE", f"/v1/api-keys/{key_id}")

    def audit(self, *, actor: str | None = None) -> Iterator[AuditEntry]:
        """Yield who wrote what, when and from where, the newest first, page after page as they are asked for.

        Args:
            actor: only what the key of this id did.
        """
        yield from map(AuditEntry.model_validate, self._pages("/v1/audit", {"actor": actor}))

    def worker(self, worker_id: str) -> Worker:
        """Return a worker."""
        return Worker.model_validate(self._transport.get(f"/v1/workers/{worker_id}"))

    def drain(self, worker_id: str, *, now: bool = False) -> Worker:
        """Give a worker no more jobs.

        Args:
            worker_id: the worker.
            now: what it runs saves a checkpoint and goes back to the queue; else it goes on to its end.
        """
        answer = self._transport.send("POST", f"/v1/workers/{worker_id}/drain", json={"now": now})
        return Worker.model_validate(answer.json())

    def undrain(self, worker_id: str) -> Worker:
        """Let a worker get jobs again."""
        return Worker.model_validate(self._transport.send("POST", f"/v1/workers/{worker_id}/undrain").json())

    def projects(self) -> Iterator[Project]:
        """Yield the projects by name, with their limits and what their jobs hold."""
        yield from map(Project.model_validate, self._pages("/v1/projects", {}))

    def project(self, project_id: str) -> Project:
        """Return a project."""
        return Project.model_validate(self._transport.get(f"/v1/projects/{project_id}"))

    def create_project(
        self, project_id: str, *, max_devices: int | None = None, max_queued: int | None = None
    ) -> Project:
        """Make a project.

        Args:
            project_id: its name: small letters, digits, - and _.
            max_devices: devices that its jobs may hold at once; no limit if left out.
            max_queued: jobs that may wait at once; no limit if left out.

        Raises:
            ConflictError: there is one of this name already.
        """
        body = {"id": project_id, "max_devices": max_devices, "max_queued": max_queued}
        return Project.model_validate(self._transport.send("POST", "/v1/projects", json=body, once=True).json())

    def limit_project(
        self, project_id: str, *, max_devices: int | None = None, max_queued: int | None = None
    ) -> Project:
        """Set both limits of a project; one that is left out is none."""
        body = {"max_devices": max_devices, "max_queued": max_queued}
        return Project.model_validate(self._transport.send("PUT", f"/v1/projects/{project_id}", json=body).json())

    def caches(self) -> Iterator[CacheEntry]:
        """Yield the stored teacher outputs, by key."""
        yield from map(CacheEntry.model_validate, self._pages("/v1/teacher-cache", {}))

    def cache_totals(self) -> CacheTotals:
        """Return what all stored teacher outputs take and what they saved."""
        return CacheTotals.model_validate(self._transport.get("/v1/teacher-cache", {"limit": 1}))

    def remove_cache(self, key: str) -> list[CacheEntry]:
        """Ask for stored teacher outputs to be removed; a worker does so once no run uses them.

        Raises:
            NotFoundError: no worker has reported any under this key.
        """
        answer = self._transport.send("DELETE", f"/v1/teacher-cache/{key}").json()
        return [CacheEntry.model_validate(entry) for entry in answer["data"]]

    def queue(self, *, pool: str | None = None) -> list[QueueEntry]:
        """Return the jobs that hold devices, then those that wait, with when they will probably start and end."""
        answer = self._transport.get("/v1/queue", {"pool": pool})
        return [QueueEntry.model_validate(entry) for entry in answer["data"]]

    def _pages(self, path: str, params: Mapping[str, Any]) -> Iterator[Any]:
        after = params.get("after")
        while True:
            page = self._transport.get(path, {**params, "after": after, "limit": PAGE_SIZE})
            yield from page["data"]
            if not page.get("has_more"):
                return
            after = page.get("next") or page["last_id"]
