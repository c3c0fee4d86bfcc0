"""Starts and stops the whole local stack, in order, under one lock."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from argus_pipeline.engine.options import BROKER_VARIABLE, ENGINE_VARIABLE, Engine
from argus_pipeline.errors import ArgusError, Unavailable
from argus_pipeline.settings import ARCHIVES_VARIABLE, Settings, load, with_driver
from argus_pipeline.stack import plan as plans
from argus_pipeline.stack import processes
from argus_pipeline.stack.dagster_processes import code_location
from argus_pipeline.stack.files import make_private_folder, read_json
from argus_pipeline.stack.layout import Stack
from argus_pipeline.stack.pages import NAME as PAGES
from argus_pipeline.stack.plan import Plan, StackState
from argus_pipeline.stack.progress import Progress, part
from argus_pipeline.stack.redis import NAME as REDIS
from argus_pipeline.stack.start_dagster import start_dagster, ui_url
from argus_pipeline.stack.stores import REGION

__all__ = ["Stack", "down", "up"]

DATABASE: Final = "argus"
LOCK_S: Final = 180.0
WORKERS_READY_S: Final = 180.0


def up(
    stack: Stack,
    progress: Progress,
    *,
    store: str | None = None,
    engine: Engine | None = None,
    workers: int | None = None,
    ui_port: int | None = None,
    with_dagster: bool = True,
    wait: bool = True,
    read_only_ui: bool = False,
) -> dict[str, str]:
    """Start what does not run yet.

    Args:
        stack: where.
        progress: is told of each part.
        store: `seaweedfs` or `minio`; by default the one that was used before.
        engine: what carries out runs; by default the one that was used before, or this machine.
        workers: how many Celery workers; by default as many as before, or 2.
        ui_port: a port for the UI that must be free; by default one that is.
        with_dagster: False starts database and store only.
        wait: whether to wait until UI and daemon answer.
        read_only_ui: start a second UI, in which nothing can be started or changed.

    Returns:
        What was written to `environment.json`.

    Raises:
        ArgusError: a part cannot be started; what runs already goes on running.
    """
    if with_dagster:
        code_location(stack.root)
    make_private_folder(stack.home)
    with _lock(stack.home):
        state = StackState.load(stack.state_file)
        plan = plans.make_plan(
            os.environ,
            asked_store=store,
            asked_engine=engine,
            asked_workers=workers,
            state=state,
            local_environment=read_json(stack.environment_file),
        )
        with ThreadPoolExecutor(2) as threads:
            database = threads.submit(_start_database, stack, plan, progress)
            objects = threads.submit(_start_store, stack, plan, progress)
        environment = {
            **objects.result(),
            **database.result(),
            **_start_broker(stack, plan, progress),
            "DAGSTER_HOME": str(stack.home / "dagster"),
        }
        if archives := os.environ.get(ARCHIVES_VARIABLE):
            # `argus adopt` has to know what Argus may read.
            environment[ARCHIVES_VARIABLE] = archives
        state = replace(
            state,
            store=plan.store,
            own_postgres=plan.database_url is None,
            own_redis=plan.engine is Engine.CELERY and plan.broker_url is None,
            engine=plan.engine.value,
            workers=plan.workers if plan.engine is Engine.CELERY else state.workers,
        )
        if state.ui_port is not None:
            environment["ARGUS_UI_URL"] = ui_url(state.ui_port)
        stack.save(state, environment)
        if with_dagster:
            environment = start_dagster(
                stack,
                plan,
                state,
                environment,
                progress,
                ui_port=ui_port,
                wait=wait,
                read_only_ui=read_only_ui,
            )
            _start_workers(
                stack,
                plan,
                environment,
                progress,
                settings_before=state.fingerprint,
                wait=wait,
            )
            environment = _start_pages(stack, plan, environment, progress)
        return environment


def _start_pages(
    stack: Stack, plan: Plan, environment: dict[str, str], progress: Progress
) -> dict[str, str]:
    """Start the reader's window. Where that fails the stack goes on without it, and says so."""
    from argus_pipeline.database.engine import create_engine
    from argus_pipeline.database.roles import ensure_roles

    began = time.monotonic()
    progress.began(PAGES)
    running = stack.pages.record()
    try:
        if plan.database_url is None:
            # Dagster's tables are there now, which readers of progress read.
            engine = create_engine(environment["ARGUS_DATABASE_URL"])
            try:
                ensure_roles(engine)
            finally:
                engine.dispose()
        state = StackState.load(stack.state_file)
        found = running or stack.pages.start(environment, state.pages_port)
    except ArgusError as error:
        stack.pages.stop()
        progress.ended(PAGES, "not started", time.monotonic() - began, str(error))
        return environment
    what = "already running" if running else "started"
    progress.ended(PAGES, what, time.monotonic() - began, found.address)
    environment = {**environment, "ARGUS_PAGES_URL": found.address}
    stack.save(replace(state, pages_port=stack.pages.port_of(found)), environment)
    return environment


def _start_broker(stack: Stack, plan: Plan, progress: Progress) -> dict[str, str]:
    """What carries Celery's tasks, where that is the engine."""
    environment = {ENGINE_VARIABLE: plan.engine.value}
    if plan.engine is not Engine.CELERY:
        # Workers of another engine would take nothing more, and Redis with them.
        for name, stop in (("workers", stack.workers.stop), (REDIS, stack.redis.stop)):
            if stop():
                progress.ended(name, "stopped", 0, f"the engine is {plan.engine} now")
        return environment
    if plan.broker_url is not None:
        progress.ended(REDIS, "external", 0, f"named by {BROKER_VARIABLE}")
        return {**environment, BROKER_VARIABLE: plan.broker_url}
    with part(progress, REDIS, stack.redis.running) as running:
        if not running:
            stack.redis.start()
    return {**environment, BROKER_VARIABLE: stack.redis.url}


def _start_workers(
    stack: Stack,
    plan: Plan,
    environment: dict[str, str],
    progress: Progress,
    *,
    settings_before: str | None,
    wait: bool,
) -> None:
    """Start Celery's workers, anew where their settings have changed, and wait for one."""
    if not plan.workers:
        return
    began = time.monotonic()
    if StackState.load(stack.state_file).fingerprint != settings_before:
        stack.workers.stop()
    before = len(stack.workers.records())
    records = stack.workers.start(plan.workers, environment)
    what = "already running" if before == len(records) else "started"
    if wait:
        url = environment[BROKER_VARIABLE]
        processes.wait_ready(records[0], lambda: _require_worker(url), patience_s=WORKERS_READY_S)
    progress.ended("workers", what, time.monotonic() - began, f"{len(records)} of Celery")


def _require_worker(url: str) -> None:
    from argus_pipeline.engine.workers import ask_workers

    if not ask_workers(url).workers:
        raise Unavailable("no worker answers yet", where="workers")


def down(stack: Stack, progress: Progress) -> list[str]:
    """Stop everything, in the order that loses nothing; return what was stopped."""
    if not stack.home.is_dir():
        return []
    with _lock(stack.home):
        stopped = []
        for name, stop in (
            (PAGES, stack.pages.stop),
            ("dagster", stack.dagster().stop),
            ("workers", stack.workers.stop),
            (REDIS, stack.redis.stop),
            (plans.SEAWEEDFS, stack.seaweedfs.stop),
            (plans.MINIO, stack.minio.stop),
            ("postgres", stack.postgres.stop),
        ):
            began = time.monotonic()
            progress.began(name)
            done = stop()
            if done:
                stopped.append(name)
                detail = ", ".join(done) if isinstance(done, list) else ""
                progress.ended(name, "stopped", time.monotonic() - began, detail)
        return stopped


def _start_database(stack: Stack, plan: Plan, progress: Progress) -> dict[str, str]:
    from argus_pipeline.database.engine import create_engine
    from argus_pipeline.database.migrate import migrate
    from argus_pipeline.database.roles import ensure_roles

    if plan.database_url is None:
        server = stack.postgres
        with part(progress, "postgres", server.running, server.address) as running:
            if not running:
                server.start()
            server.ensure_database(DATABASE)
        url = server.url(DATABASE)
    else:
        url = with_driver(plan.database_url, "psycopg")
        progress.ended("postgres", "external", 0, "named by ARGUS_DATABASE_URL")
    with part(progress, "schema", done="up to date"):
        migrate(url)
        if plan.database_url is None:
            # In a database of somebody else's an administrator does it (docs/operations.md).
            engine = create_engine(url)
            try:
                ensure_roles(engine)
            finally:
                engine.dispose()
    _import_knowledge(url, progress)
    dagster_url = os.environ.get("ARGUS_DAGSTER_DATABASE_URL") if plan.database_url else None
    return {
        "ARGUS_DATABASE_URL": url,
        "ARGUS_DAGSTER_DATABASE_URL": with_driver(dagster_url or url, "psycopg2"),
    }


def _import_knowledge(url: str, progress: Progress) -> None:
    """Bring the starter articles in, so that the first batch finds them."""
    from argus_pipeline.database.engine import create_engine
    from argus_pipeline.knowledge.embedding import embedder_from
    from argus_pipeline.knowledge.files import read_articles, starter_articles
    from argus_pipeline.knowledge.store import import_articles

    engine = create_engine(url)
    began = time.monotonic()
    progress.began("knowledge")
    try:
        articles = read_articles([starter_articles()]).articles
        import_articles(engine, articles, embedder_from(load()))
        what, detail = "up to date", f"{len(articles)} articles of the starter set"
    except ArgusError as error:
        # Batches still get a diagnosis; it says that nothing is known.
        what, detail = "not imported", f"{error}. `argus knowledge import` tries again"
    finally:
        engine.dispose()
    progress.ended("knowledge", what, time.monotonic() - began, detail)


def _start_store(stack: Stack, plan: Plan, progress: Progress) -> dict[str, str]:
    from argus_pipeline.storage.object_store import ObjectStore
    from argus_pipeline.storage.stale_uploads import days_until_stale, ensure_rule

    if plan.store == plans.EXTERNAL:
        with part(progress, "store", done="external"):
            ObjectStore(_external_settings(plan)).ensure_bucket()
        return {
            **plans.external_store_environment(os.environ),
            "ARGUS_S3_BUCKET": plan.bucket,
        }
    for other in (plans.SEAWEEDFS, plans.MINIO):
        if other != plan.store and stack.store(other).stop():
            progress.ended(other, "stopped", 0, f"{plan.store} takes its place; its data stays")
    server = stack.store(plan.store)
    with part(progress, plan.store, server.running) as running:
        if not running:
            server.start()
        settings = server.settings(plan.bucket, plan.prefix)
        objects = ObjectStore(settings)
        objects.ensure_bucket()
        # MinIO refuses it; its own setting says the same there.
        ensure_rule(objects.client, plan.bucket, days_until_stale())
    return _store_environment(settings)


def _external_settings(plan: Plan) -> Settings:
    # Not by `settings.load`, which would add what a local store left behind.
    return Settings(
        s3_bucket=plan.bucket,
        s3_prefix=plan.prefix,
        s3_endpoint=os.environ.get("ARGUS_S3_ENDPOINT") or None,
        s3_region=os.environ.get("ARGUS_S3_REGION") or REGION,
        s3_access_key=os.environ.get("ARGUS_S3_ACCESS_KEY") or None,
        s3_secret_key=os.environ.get("ARGUS_S3_SECRET_KEY") or None,
        database_url=None,
    )


def _store_environment(settings: Settings) -> dict[str, str]:
    values = {
        "ARGUS_S3_ENDPOINT": settings.s3_endpoint,
        "ARGUS_S3_BUCKET": settings.s3_bucket,
        "ARGUS_S3_PREFIX": settings.s3_prefix,
        "ARGUS_S3_REGION": settings.s3_region,
        "ARGUS_S3_ACCESS_KEY": settings.s3_access_key,
        "ARGUS_S3_SECRET_KEY": settings.s3_secret_key,
    }
    return {name: value for name, value in values.items() if value}


@contextmanager
def _lock(home: Path) -> Iterator[None]:
    """Keep two commands from starting and stopping at once; the kernel frees it if we die."""
    with (home / "lock").open("w") as file:

        def locked() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not processes.wait_until(locked, LOCK_S):
            raise Unavailable(
                "another `argus up` or `argus down` is still at work",
                where=str(home),
                hint="Wait for it, or end it",
            )
        yield
