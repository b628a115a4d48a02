"""Settings of server and worker: environment variables with one prefix, checked at the start."""

from __future__ import annotations

import ipaddress
import re
import sqlite3
from functools import cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from distill_core.errors import StillhouseError
from server.mounts import NETWORK, find_filesystem

_LIMIT = re.compile(r"[1-9]\d{0,8}/(second|minute|hour|day)")
_OLDEST_SQLITE = (3, 35)


class Settings(BaseSettings):
    """What a process of the service is told by its environment."""

    model_config = SettingsConfigDict(env_prefix="STILLHOUSE_", frozen=True, extra="ignore")

    home: Path = Field(default=Path("~/.stillhouse"), description="Folder of the database, logs and local state.")
    database_url: str = Field(default="", description="SQLAlchemy address; SQLite below home if left out.")
    broker_url: str = Field(default="filesystem://", description="Celery broker: filesystem:// or redis://…")
    artifact_root: str = Field(default="", description="Folder or s3://bucket/prefix; below home if left out.")
    data_root: Path = Field(default=Path("~/.cache/stillhouse/data"), description="Folder of the data sets.")
    weights_root: Path | None = Field(default=None, description="Folder that `weights: {file: …}` may read.")
    cache_root: Path | None = Field(
        default=None, description="Folder where jobs of a host share teacher outputs; below home if left out."
    )
    cache_max_bytes: int = Field(
        default=50 * 2**30, ge=0, description="Bytes that all stored teacher outputs together may take."
    )
    host: str = Field(default="127.0.0.1", description="Address that the server listens on.")
    port: int = Field(default=8470, ge=0, le=65535, description="Port that the server listens on; 0 takes a free one.")
    allowed_hosts: tuple[str, ...] = Field(
        default=("localhost", "127.0.0.1", "[::1]"), description="Host names that requests may carry; '*' for any."
    )
    rate_limit: str = Field(default="1000/second", description="Requests that a key may send, in each process.")
    failure_limit: str = Field(
        default="60/minute", description="Requests without a valid key that an address may send, in each process."
    )
    auto_migrate: bool = Field(default=False, description="Bring the schema up to date at the server's start.")
    lease_ttl_s: float = Field(default=45.0, gt=0, description="Seconds after which a silent worker is lost.")
    heartbeat_s: float = Field(default=10.0, gt=0, description="Seconds between two heartbeats of a worker.")
    reconcile_s: float = Field(default=5.0, gt=0, description="Seconds between two passes of the reconciler.")
    report_s: float = Field(default=60.0, gt=0, description="Seconds in which an assigned worker must take up a job.")
    ring_s: float = Field(default=30.0, gt=0, description="Seconds after which an unanswered doorbell rings again.")
    poll_s: float = Field(default=1.0, gt=0, description="Seconds between two looks of a supervisor at its engine.")
    grace_s: float = Field(default=120.0, gt=0, description="Seconds that an engine has to save after SIGTERM.")
    isolation_limit_s: float = Field(
        default=900.0, gt=0, description="Seconds without the database after which a worker stops its engines."
    )
    pool: str = Field(default="default", min_length=1, max_length=64, description="Pool that a worker serves.")
    worker_slots: int | None = Field(
        default=None, ge=1, le=64, description="Slots of a worker; its GPUs, else one, if left out."
    )
    worker_address: str | None = Field(
        default=None, description="Address of a worker's host that others reach; that towards the database if left out."
    )
    max_log_bytes: int = Field(default=64 * 2**20, ge=2**16, description="Bytes of log kept of an attempt.")
    collect_s: float = Field(default=300.0, gt=0, description="Seconds between two collections of what is not used.")
    collect_grace_s: float = Field(
        default=86400.0, ge=3600, description="Seconds that bytes stay in the store after the last use."
    )
    retention_days: float | None = Field(
        default=None, gt=0, description="Days after which finished jobs are deleted; never, if left out."
    )
    deleted_days: float = Field(default=7.0, ge=0, description="Days after which deleted jobs are removed for good.")
    max_upload_bytes: int = Field(default=8 * 2**30, ge=1, description="Bytes that one upload may have.")
    webhook_allowed_hosts: tuple[str, ...] = Field(
        default=(), description="Hosts, addresses and networks that webhooks may call although they are not public."
    )
    webhook_timeout_s: float = Field(default=10.0, gt=0, le=60, description="Seconds that a receiver has to answer.")
    metrics_token: SecretStr | None = Field(
        default=None, min_length=16, description="What /metrics asks for; this machine alone may read it, if left out."
    )
    log_format: Literal["console", "json"] = Field(default="console", description="How the service logs.")

    @model_validator(mode="after")
    def _check(self) -> Settings:
        if self.lease_ttl_s < 2 * self.heartbeat_s:
            raise ValueError(
                f"STILLHOUSE_LEASE_TTL_S ({self.lease_ttl_s}) must be at least twice "
                f"STILLHOUSE_HEARTBEAT_S ({self.heartbeat_s}), else one late heartbeat loses the job"
            )
        scheme = urlsplit(self.broker_url).scheme
        if scheme not in {"filesystem", "redis", "rediss"}:
            raise ValueError(f"STILLHOUSE_BROKER_URL must be filesystem:// or redis://…, not {scheme}://")
        try:
            address = make_url(self.database_address)
        except ArgumentError as error:  # its own words would show the address, and the password in it
            raise ValueError("STILLHOUSE_DATABASE_URL is no address: sqlite:///… or postgresql://…") from error
        database = address.get_backend_name()
        if database not in {"sqlite", "postgresql"}:
            raise ValueError(f"STILLHOUSE_DATABASE_URL must be sqlite:///… or postgresql://…, not {database}")
        if scheme == "filesystem" and address.host and not is_loopback(address.host):
            raise ValueError(
                f"the database is on another host ({address.host}), which means several hosts, and the filesystem "
                "broker serves one: set STILLHOUSE_BROKER_URL=redis://…"
            )
        return self

    @field_validator("rate_limit", "failure_limit")
    @classmethod
    def _check_limit(cls, text: str) -> str:
        if not _LIMIT.fullmatch(text):
            raise ValueError(f"a limit is written 600/minute (second, minute, hour or day), not {text!r}")
        return text

    @cached_property
    def home_folder(self) -> Path:
        """The home folder, absolute."""
        return self.home.expanduser().resolve()

    @property
    def database_address(self) -> str:
        """Where the database is, the default written out."""
        address = self.database_url or f"sqlite:///{self.home_folder / 'stillhouse.db'}"
        return address.replace("postgresql://", "postgresql+psycopg://", 1)

    @property
    def sqlite_file(self) -> Path | None:
        """The file of a SQLite database, None where it is PostgreSQL."""
        address = make_url(self.database_address)
        return Path(address.database or "") if address.get_backend_name() == "sqlite" else None

    @property
    def artifact_address(self) -> str:
        """Where the artifacts are, the default written out."""
        return self.artifact_root or str(self.home_folder / "artifacts")

    @property
    def cache_folder(self) -> Path:
        """Folder of stored teacher outputs, absolute."""
        return (self.cache_root or self.home_folder / "teacher-cache").expanduser().resolve()

    @property
    def key_file(self) -> Path:
        """File of the key by which programs of this user on this host call the server; nobody else can read it."""
        return self.home_folder / "key"

    @property
    def data_folder(self) -> Path:
        """Folder of the data sets, absolute."""
        return self.data_root.expanduser().resolve()


class UnworkableSettingsError(StillhouseError):
    """The settings cannot work together."""

    code = "settings_unworkable"


def check_settings(settings: Settings) -> None:
    """Refuse what cannot work on this machine, whether server or worker starts.

    Raises:
        UnworkableSettingsError: says what to set.
    """
    if settings.sqlite_file is None:
        return
    broker = urlsplit(settings.broker_url).hostname
    if broker and not is_loopback(broker):
        raise UnworkableSettingsError(
            f"a broker on another host ({broker}) means several hosts, and SQLite serves one: set "
            "STILLHOUSE_DATABASE_URL=postgresql://…, or STILLHOUSE_BROKER_URL=filesystem://"
        )
    if (kind := find_filesystem(settings.sqlite_file)) in NETWORK:
        raise UnworkableSettingsError(
            f"{settings.sqlite_file} lies on {kind}, and SQLite works on local disks only: set STILLHOUSE_HOME or "
            "STILLHOUSE_DATABASE_URL to another place"
        )
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise UnworkableSettingsError(f"SQLite is {sqlite3.sqlite_version}; 3.35 or newer is needed")


def is_loopback(host: str) -> bool:
    """Return whether an address or name is this machine's own and nobody else's."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
