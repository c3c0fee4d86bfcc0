"""What the local stack starts itself and what the environment names instead. Decisions only."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argus_pipeline.engine.options import BROKER_VARIABLE, ENGINE_VARIABLE, Engine, engine_from
from argus_pipeline.errors import ArgusError
from argus_pipeline.stack.files import read_json, write_private

SEAWEEDFS: Final = "seaweedfs"
MINIO: Final = "minio"
EXTERNAL: Final = "external"
STORES: Final = (SEAWEEDFS, MINIO, EXTERNAL)
DEFAULT_BUCKET: Final = "argus"
DEFAULT_UI_PORT: Final = 3000
DEFAULT_WORKERS: Final = 2
_PASSED_ON: Final = (
    "ARGUS_S3_ENDPOINT",
    "ARGUS_S3_BUCKET",
    "ARGUS_S3_PREFIX",
    "ARGUS_S3_REGION",
    "ARGUS_S3_ACCESS_KEY",
    "ARGUS_S3_SECRET_KEY",
)


@dataclass(frozen=True, slots=True)
class StackState:
    """What one `argus up` leaves for the next.

    Attributes:
        store: which store was used.
        own_postgres: whether the database was started by us.
        own_redis: whether the broker was.
        ui_port: where the UI was.
        pages_port: where the pages of `argus serve` were.
        fingerprint: of the environment that Dagster's processes were started with.
        dagster_version: whose tables the database has.
        engine: what carried out runs.
        workers: how many workers were started.
    """

    store: str | None = None
    own_postgres: bool = False
    own_redis: bool = False
    ui_port: int | None = None
    pages_port: int | None = None
    fingerprint: str | None = None
    dagster_version: str | None = None
    engine: str | None = None
    workers: int | None = None

    @classmethod
    def load(cls, path: Path) -> StackState:
        """Read it; what is absent or damaged is as if never started."""
        content = read_json(path)
        try:
            return cls(**content)
        except TypeError:
            return cls()

    def save(self, path: Path) -> None:
        """Write it."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        write_private(path, json.dumps(fields, indent=1))


@dataclass(frozen=True, slots=True)
class Plan:
    """Which parts are ours.

    Attributes:
        store: one of `STORES`.
        database_url: an external database, or None where Postgres is started here.
        bucket: the bucket that is made sure of.
        prefix: prefix in it, without slashes around.
        engine: what carries out runs.
        broker_url: an external broker, or None where Redis is started here or not needed.
        workers: how many Celery workers are started here.
    """

    store: str
    database_url: str | None
    bucket: str
    prefix: str
    engine: Engine = Engine.LOCAL
    broker_url: str | None = None
    workers: int = 0


def make_plan(
    environment: Mapping[str, str],
    *,
    asked_store: str | None = None,
    asked_engine: Engine | None = None,
    asked_workers: int | None = None,
    state: StackState | None = None,
    local_environment: Mapping[str, str] | None = None,
) -> Plan:
    """Decide what is started here.

    Args:
        environment: the process's environment.
        asked_store: what the command line named.
        asked_engine: the same for the engine; else the environment's, or the one used before.
        asked_workers: how many workers; else as many as before.
        state: what was used before; the same store is used again where nothing else is said.
        local_environment: what the stack wrote for other commands. A variable that only repeats it
            is not somebody's wish for another server.

    Raises:
        ArgusError: the wishes contradict each other, or name an unknown store.
    """
    before = state or StackState()
    written = local_environment or {}
    own_store = before.store in {SEAWEEDFS, MINIO}

    def given(name: str, own: bool) -> str | None:
        value = environment.get(name) or None
        return None if own and value == written.get(name) else value

    endpoint = given("ARGUS_S3_ENDPOINT", own_store)
    wished = asked_store or environment.get("ARGUS_STORE") or None
    if wished is not None and wished not in STORES:
        raise ArgusError(f"{wished!r} is no store", expected=" or ".join(STORES))
    if endpoint and wished in {SEAWEEDFS, MINIO}:
        raise ArgusError(
            f"ARGUS_S3_ENDPOINT names {endpoint}, and --store asks for a local {wished}",
            hint="Unset ARGUS_S3_ENDPOINT, or leave --store away",
        )
    if wished == EXTERNAL and not endpoint and not given("ARGUS_S3_BUCKET", own_store):
        raise ArgusError(
            "an external store needs to be named",
            expected="ARGUS_S3_ENDPOINT, or ARGUS_S3_BUCKET for AWS",
        )
    store = EXTERNAL if endpoint else wished or (before.store if own_store else None) or SEAWEEDFS
    engine = asked_engine or engine_from(
        {ENGINE_VARIABLE: given(ENGINE_VARIABLE, True) or before.engine or Engine.LOCAL.value}
    )
    if engine is Engine.KUBERNETES:
        raise ArgusError(
            "the local stack cannot be Kubernetes", expected="local or celery", hint="See deploy/"
        )
    celery = engine is Engine.CELERY
    kept = DEFAULT_WORKERS if before.workers is None else before.workers
    return Plan(
        engine=engine,
        broker_url=given(BROKER_VARIABLE, before.own_redis) if celery else None,
        workers=(kept if asked_workers is None else asked_workers) if celery else 0,
        store=store,
        database_url=given("ARGUS_DATABASE_URL", before.own_postgres),
        bucket=environment.get("ARGUS_S3_BUCKET") or DEFAULT_BUCKET,
        prefix=(environment.get("ARGUS_S3_PREFIX") or "").strip("/"),
    )


def external_store_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of an external store, to be written for other commands."""
    return {name: environment[name] for name in _PASSED_ON if environment.get(name)}


def fingerprint(environment: Mapping[str, str], *more: str) -> str:
    """Tells whether Dagster's processes were started with just these settings.

    A digest, since the settings hold secrets.
    """
    relevant = {
        k: v for k, v in environment.items() if k.startswith(("ARGUS_", "AWS_", "DAGSTER_"))
    }
    text = json.dumps([relevant, *more], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def free_bytes(folder: Path) -> int:
    """Free space where a folder lies, or will lie."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
