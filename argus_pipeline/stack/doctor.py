"""Probes everything that Argus relies on and explains, with a fix, what is not well."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from argus_pipeline import settings as argus_settings
from argus_pipeline.errors import ArgusError
from argus_pipeline.settings import Settings
from argus_pipeline.stack import dagster_queries as dagster
from argus_pipeline.stack import plan
from argus_pipeline.stack.findings import Finding, Level, fail, ok, warn
from argus_pipeline.stack.layout import Stack

__all__ = ["Finding", "Level", "examine"]

NEEDED_PYTHON: Final = (3, 11)
NEEDED_PGVECTOR: Final = (0, 8)
LITTLE_SPACE: Final = 5 * 2**30
NO_SPACE: Final = 2**29
HEARTBEAT_LIMIT_S: Final = 120.0
_START: Final = "Start it with `argus up`"
_RELOAD: Final = (
    "Run `argus up` if its process died; else mend the code and reload it in {}/locations"
)


def examine(stack: Stack) -> list[Finding]:
    """Look at everything; a check that breaks down is a finding, too."""
    found: list[Finding] = []
    try:
        settings = argus_settings.load()
    except ArgusError as error:
        return [fail("settings", str(error), "")]
    checks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("python", check_programs),
        ("home", lambda: check_home(stack)),
        ("processes", lambda: check_processes(stack)),
        ("database", lambda: check_database(settings)),
        ("store", lambda: _check_store(settings)),
        ("dagster", check_dagster),
        ("workers", check_workers),
        ("cluster", _check_cluster),
        ("embeddings", lambda: check_embeddings(settings)),
        ("language model", lambda: check_language_model(settings)),
    )
    for name, check in checks:
        try:
            found.extend(check())
        except Exception as error:  # the doctor never dies of what it finds
            found.append(fail(name, f"could not be examined: {type(error).__name__}: {error}", ""))
    return found


def check_programs() -> Iterator[Finding]:
    """Python and the native parser."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= NEEDED_PYTHON:
        yield ok("python", version)
    else:
        yield fail("python", version, "Install Python 3.11 or newer")
    try:
        import argus_native
    except ImportError as error:
        yield fail("parser", f"cannot be imported: {error}", "Run `pip install .` in the root")
    else:
        yield ok("parser", f"argus_native {argus_native.__version__}")


def check_home(stack: Stack) -> Iterator[Finding]:
    """The folder of all local state: space, and who may read the keys."""
    free = plan.free_bytes(stack.home)
    text = f"{free / 2**30:.1f} GiB free at {stack.home}"
    if free < NO_SPACE:
        yield fail("disk", text, "Make space, or put ARGUS_HOME elsewhere")
    elif free < LITTLE_SPACE:
        yield warn("disk", text, "Make space, or put ARGUS_HOME elsewhere")
    else:
        yield ok("disk", text)
    path = stack.environment_file
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield warn("keys", f"others can read {path}", f"Run `chmod 600 {path}`")


def check_processes(stack: Stack) -> Iterator[Finding]:
    """What runs here."""
    running = stack.running()
    for record in running:
        since = datetime.fromtimestamp(record.since).strftime("%Y-%m-%d %H:%M:%S")
        yield ok(f"process {record.name}", f"pid {record.pid}, since {since}  {record.address}")
    local = argus_settings.local_environment().get("ARGUS_UI_URL")
    # Where another webserver is named, the parts of Argus run elsewhere.
    if not running and argus_settings.webserver_url() == local:
        yield warn("processes", "no part of the local stack runs", _START)


def check_database(settings: Settings) -> Iterator[Finding]:
    """Postgres, pgvector and our own tables."""
    if not settings.database_url:
        yield fail(
            "database", "not running, and none is named", f"{_START}, or set ARGUS_DATABASE_URL"
        )
        return
    import psycopg

    from argus_pipeline.database.migrate import current_revision, head_revision

    url = argus_settings.with_driver(settings.database_url, "psycopg")
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        with psycopg.connect(plain, connect_timeout=5) as connection:
            server = connection.info.server_version
            row = connection.execute(
                "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
            ).fetchone()
    except psycopg.Error as error:
        yield fail(
            "database",
            f"does not answer: {str(error).strip().partition(chr(10))[0]}",
            f"{_START}, or mend ARGUS_DATABASE_URL",
        )
        return
    yield ok("database", f"Postgres {server // 10000}.{server % 10000}")
    if row is None:
        yield fail("pgvector", "is not there", "Run CREATE EXTENSION vector as a superuser")
    elif tuple(map(int, row[0].split(".")[:2])) < NEEDED_PGVECTOR:
        yield fail("pgvector", f"{row[0]} is too old", "Install pgvector 0.8 or newer")
    else:
        yield ok("pgvector", str(row[0]))
    revision, head = current_revision(url), head_revision()
    if revision == head:
        yield ok("schema", f"revision {revision}")
    else:
        yield fail("schema", f"revision {revision}, not {head}", "`argus up` brings it up to date")


def _check_store(settings: Settings) -> Iterator[Finding]:
    named = any(os.environ.get(n) for n in ("ARGUS_S3_BUCKET", "ARGUS_STORE"))
    if not settings.s3_endpoint and not named and not argus_settings.local_environment():
        yield fail("store", "not running, and none is named", f"{_START}, or set ARGUS_S3_ENDPOINT")
        return
    from argus_pipeline.stack.store_checks import check_archives, check_store

    yield from check_store(settings)
    yield from check_archives(settings)


def check_dagster() -> Iterator[Finding]:
    """The webserver, the code that it loaded and the daemon's heartbeats."""
    url = argus_settings.webserver_url()
    if not url:
        yield warn("dagster", "not running: nothing is processed by itself", _START)
        return
    try:
        errors = dagster.load_errors(url)
    except (OSError, ValueError) as error:
        yield fail("dagster", f"its webserver at {url} does not answer: {error}", _START)
        return
    yield ok("dagster", url)
    if not errors:
        yield warn("code location", "is still loading", "Look again in a moment")
    for name, message in errors.items():
        if message is None:
            yield ok("code location", f"{name} is loaded")
        else:
            line = message.strip().partition("\n")[0] or "the reason is not known"
            yield fail("code location", f"{name} does not load: {line}", _RELOAD.format(url))
    late = [
        part.kind.lower()
        for part in dagster.daemon_health(url)
        if part.required and time.time() - (part.heartbeat or 0) > HEARTBEAT_LIMIT_S
    ]
    if late:
        yield fail("daemon", f"no heartbeat lately of {', '.join(late)}", _START)
    else:
        yield ok("daemon", "all its parts are alive")
    yield from check_automation(url)


def check_automation(url: str) -> Iterator[Finding]:
    """The sensors and schedules, whose looks the daemon carries out."""
    from argus_pipeline.run_records import connect, failing_automation

    try:
        with connect() as instance:
            found = failing_automation(instance)
    except ArgusError as error:
        yield warn("automation", f"could not be looked at: {error}", "")
        return
    for one in found:
        hint = f"Its looks are at {url}/automation; mend what that says"
        yield fail(one.name, f"fails each time: {one.reason}", hint)
    if not found:
        yield ok("automation", "no sensor or schedule fails")


def check_workers() -> Iterator[Finding]:
    """The broker and the workers, where Celery carries out runs."""
    from argus_pipeline.engine.options import Engine, broker_url, engine_from, without_password

    if engine_from() is not Engine.CELERY:
        return
    from argus_pipeline.engine.versions import difference, own_versions
    from argus_pipeline.engine.workers import ask_workers
    from argus_pipeline.stack.redis import KEEPALIVE_S, keepalive_s, ping

    url = broker_url()
    try:
        yield ok("broker", f"Redis {ping(url)} at {without_password(url)}")
        fleet = ask_workers(url)
    except ArgusError as error:
        yield fail("broker", str(error), f"{_START}, or mend ARGUS_BROKER_URL")
        return
    kept = keepalive_s(url)
    if kept is not None and not 0 < kept <= KEEPALIVE_S:
        yield warn(
            "broker",
            f"Redis gives tasks to hosts that are gone, for minutes (tcp-keepalive is {kept})",
            f"`tcp-keepalive {KEEPALIVE_S}` in its configuration, or by CONFIG SET",
        )
    if not fleet.workers:
        yield fail("workers", "none answers: runs wait for ever", "Start one with `argus worker`")
    for worker in fleet.workers:
        other = difference(worker.versions, own_versions())
        text = (
            f"{len(worker.runs)} of {worker.slots} slots in use, parser {worker.versions['parser']}"
        )
        if other is None:
            yield ok(f"worker {worker.name}", text)
        else:
            yield fail(f"worker {worker.name}", other, "Install or set the same there")
    waiting = {name: count for name, count in fleet.waiting.items() if count}
    served = {queue for worker in fleet.workers for queue in worker.queues}
    for name in sorted(waiting.keys() - served):
        yield fail(
            f"queue {name}",
            f"{waiting[name]} tasks wait, and no worker serves it",
            f"Start a worker with `argus worker --queue {name.removeprefix('argus.')}`",
        )


def _check_cluster() -> Iterator[Finding]:
    from argus_pipeline.engine.options import Engine, engine_from

    if engine_from() is Engine.KUBERNETES:
        from argus_pipeline.stack.kubernetes_checks import check_cluster

        yield from check_cluster()


def check_embeddings(settings: Settings) -> Iterator[Finding]:
    """The model that turns questions and articles into vectors."""
    from argus_pipeline.knowledge.embedding import embedder_from

    where = settings.embeddings_url or "in this process"
    try:
        embedder = embedder_from(settings)
        vectors = embedder.embed(["the brake pedal feels soft"])
    except (ArgusError, ImportError) as error:
        yield fail(
            "embeddings",
            f"{where}: {error}",
            "Mend ARGUS_EMBEDDINGS_URL, or unset it to use the local model",
        )
        return
    yield ok("embeddings", f"{embedder.name}, {vectors.shape[1]} dimensions, {where}")


def check_language_model(settings: Settings) -> Iterator[Finding]:
    """The language model, where one is configured; Argus works without it."""
    from argus_pipeline.language_model.options import options_from
    from argus_pipeline.language_model.probe import probe

    options = options_from(settings)
    if options is None:
        yield ok("language model", "none is configured: reports are made by fixed rules")
        return
    trouble = probe(options)
    if trouble is None:
        yield ok("language model", f"{options.model} at {options.base_url}")
    else:
        hint = "Mend ARGUS_LLM_BASE_URL or ARGUS_LLM_API_KEY, or unset the first to do without"
        yield fail("language model", f"{options.base_url}: {trouble}", hint)
