"""Starts and stops the whole local stack, in order, under one lock."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final, Protocol

from argus_pipeline.errors import ArgusError, Unavailable
from argus_pipeline.settings import ENVIRONMENT_FILE, Settings, load, with_driver
from argus_pipeline.stack import dagster_processes as dagster
from argus_pipeline.stack import plan as plans
from argus_pipeline.stack import ports, processes
from argus_pipeline.stack.dagster_processes import DagsterProcesses
from argus_pipeline.stack.files import make_private_folder, read_json, write_private
from argus_pipeline.stack.minio import Minio
from argus_pipeline.stack.plan import Plan, StackState
from argus_pipeline.stack.postgres import PostgresServer
from argus_pipeline.stack.seaweedfs import SeaweedFS
from argus_pipeline.stack.stores import LocalStore

DATABASE: Final = "argus"
LOCK_S: Final = 180.0
HEARTBEAT_S: Final = 60.0
UPKEEP_S: Final = 120.0


class Progress(Protocol):
    """Who shows how far it is."""

    def began(self, part: str) -> None:
        """A part is being started or stopped."""

    def ended(self, part: str, what: str, seconds: float, detail: str = "") -> None:
        """It is done: what was done, how long it took, and an address or a remark."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The folders of one local stack and the parts below them."""

    home: Path
    root: Path

    @property
    def postgres(self) -> PostgresServer:
        """The database server, running or not."""
        return PostgresServer(self.home / "postgres", log=self.home / "logs" / "postgres.log")

    @property
    def seaweedfs(self) -> SeaweedFS:
        """The default store, running or not."""
        return SeaweedFS(self.home / "seaweedfs", log=self.home / "logs" / "seaweedfs.log")

    @property
    def minio(self) -> Minio:
        """The other store, running or not."""
        return Minio(self.home / "minio", log=self.home / "logs" / "minio.log")

    @property
    def state_file(self) -> Path:
        """What one `argus up` leaves for the next."""
        return self.home / "state.json"

    @property
    def environment_file(self) -> Path:
        """What other commands need."""
        return self.home / ENVIRONMENT_FILE

    def store(self, name: str) -> LocalStore:
        """One of the two stores by its name."""
        return self.minio if name == plans.MINIO else self.seaweedfs

    def dagster(self, environment: Mapping[str, str] | None = None) -> DagsterProcesses:
        """Dagster's processes."""
        return DagsterProcesses(self.home, self.root, environment or {})

    def running(self) -> list[processes.ProcessRecord]:
        """The processes that run now."""
        own = [self.postgres.running(), self.seaweedfs.running(), self.minio.running()]
        ours = self.dagster()
        return [r for r in (*own, *map(ours.record, dagster.NAMES)) if r is not None]


def up(
    stack: Stack,
    progress: Progress,
    *,
    store: str | None = None,
    ui_port: int | None = None,
    with_dagster: bool = True,
    wait: bool = True,
) -> dict[str, str]:
    """Start what does not run yet.

    Args:
        stack: where.
        progress: is told of each part.
        store: `seaweedfs` or `minio`; by default the one that was used before.
        ui_port: a port for the UI that must be free; by default one that is.
        with_dagster: False starts database and store only.
        wait: whether to wait until UI and daemon answer.

    Returns:
        What was written to `environment.json`.

    Raises:
        ArgusError: a part cannot be started; what runs already goes on running.
    """
    if with_dagster:
        dagster.code_location(stack.root)
    make_private_folder(stack.home)
    with _lock(stack.home):
        state = StackState.load(stack.state_file)
        plan = plans.make_plan(
            os.environ,
            asked_store=store,
            state=state,
            local_environment=read_json(stack.environment_file),
        )
        with ThreadPoolExecutor(2) as threads:
            database = threads.submit(_start_database, stack, plan, progress)
            objects = threads.submit(_start_store, stack, plan, progress)
        environment = {
            **objects.result(),
            **database.result(),
            "DAGSTER_HOME": str(stack.home / "dagster"),
        }
        state = replace(state, store=plan.store, own_postgres=plan.database_url is None)
        if state.ui_port is not None:
            environment["ARGUS_UI_URL"] = _ui_url(state.ui_port)
        _save(stack, state, environment)
        if with_dagster:
            environment = _start_dagster(
                stack, plan, state, environment, progress, ui_port=ui_port, wait=wait
            )
        return environment


def down(stack: Stack, progress: Progress) -> list[str]:
    """Stop everything, in the order that loses nothing; return what was stopped."""
    if not stack.home.is_dir():
        return []
    with _lock(stack.home):
        stopped = []
        for part, stop in (
            ("dagster", stack.dagster().stop),
            (plans.SEAWEEDFS, stack.seaweedfs.stop),
            (plans.MINIO, stack.minio.stop),
            ("postgres", stack.postgres.stop),
        ):
            began = time.monotonic()
            progress.began(part)
            done = stop()
            if done:
                stopped.append(part)
                detail = ", ".join(done) if isinstance(done, list) else ""
                progress.ended(part, "stopped", time.monotonic() - began, detail)
        return stopped


def _start_database(stack: Stack, plan: Plan, progress: Progress) -> dict[str, str]:
    from argus_pipeline.database.migrate import migrate

    if plan.database_url is None:
        server = stack.postgres
        with _part(progress, "postgres", server.running, server.address) as running:
            if not running:
                server.start()
            server.ensure_database(DATABASE)
        url = server.url(DATABASE)
    else:
        url = with_driver(plan.database_url, "psycopg")
        progress.ended("postgres", "external", 0, "named by ARGUS_DATABASE_URL")
    with _part(progress, "schema", done="up to date"):
        migrate(url)
    dagster_url = os.environ.get("ARGUS_DAGSTER_DATABASE_URL") if plan.database_url else None
    return {
        "ARGUS_DATABASE_URL": url,
        "ARGUS_DAGSTER_DATABASE_URL": with_driver(dagster_url or url, "psycopg2"),
    }


def _start_store(stack: Stack, plan: Plan, progress: Progress) -> dict[str, str]:
    from argus_pipeline.storage.object_store import ObjectStore

    if plan.store == plans.EXTERNAL:
        with _part(progress, "store", done="external"):
            # A bucket that is there must not be asked for rights to make one.
            ObjectStore(load(os.environ)).ensure_bucket()
        return {
            **plans.external_store_environment(os.environ),
            "ARGUS_S3_BUCKET": plan.bucket,
        }
    for other in (plans.SEAWEEDFS, plans.MINIO):
        if other != plan.store and stack.store(other).stop():
            progress.ended(other, "stopped", 0, f"{plan.store} takes its place; its data stays")
    server = stack.store(plan.store)
    with _part(progress, plan.store, server.running) as running:
        if not running:
            server.start()
        settings = server.settings(plan.bucket, plan.prefix)
        ObjectStore(settings).ensure_bucket()
    return _store_environment(settings)


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


def _start_dagster(
    stack: Stack,
    plan: Plan,
    state: StackState,
    environment: Mapping[str, str],
    progress: Progress,
    *,
    ui_port: int | None,
    wait: bool,
) -> dict[str, str]:
    now = plans.fingerprint(
        {**os.environ, **environment, "ARGUS_UI_URL": ""}, sys.executable, str(stack.root)
    )
    ours = stack.dagster()
    if state.fingerprint != now and any(map(ours.record, dagster.NAMES)):
        progress.began("dagster")
        began = time.monotonic()
        ours.stop()
        progress.ended("dagster", "stopped", time.monotonic() - began, "the settings have changed")
    port = _choose_ui_port(ours.record(dagster.WEBSERVER), state.ui_port, ui_port)
    url = _ui_url(port)
    environment = {**environment, "ARGUS_UI_URL": url}
    ours = stack.dagster(
        {
            **environment,
            "ARGUS_HOME": str(stack.home),
            "ARGUS_ROOT": str(stack.root),
            "HAYSTACK_TELEMETRY_ENABLED": "false",
        }
    )
    ours.prepare()
    _save(stack, replace(state, ui_port=port, fingerprint=now), environment)

    with _part(progress, dagster.CODE_SERVER, _known(ours, dagster.CODE_SERVER)) as running:
        if not running:
            # Orphans of a killed one would go on writing beside those that take their place.
            ours.stop_one(dagster.CODE_SERVER)
            record = ours.start_code_server()
            _keep_up(stack, state, environment, own_database=plan.database_url is None)
            ours.wait_for_code_server(record)
    with _part(progress, dagster.WEBSERVER, _known(ours, dagster.WEBSERVER), url) as running:
        server = ours.record(dagster.WEBSERVER) or ours.start_webserver(port)
        # They take their seconds at the same time.
        daemon_ran = ours.record(dagster.DAEMON) is not None
        daemon = ours.record(dagster.DAEMON) or ours.start_daemon()
        if wait:
            processes.wait_ready(server, lambda: _loaded(url), patience_s=dagster.READY_S)
    with _part(progress, dagster.DAEMON, lambda: daemon if daemon_ran else None):
        if wait and not daemon_ran:
            processes.wait_ready(daemon, lambda: _beats(url, daemon.since), patience_s=HEARTBEAT_S)
    _save(
        stack,
        replace(state, ui_port=port, fingerprint=now, dagster_version=version("dagster")),
        environment,
    )
    if wait:
        _refuse_broken_code(url, ours)
    return environment


def _keep_up(
    stack: Stack, state: StackState, environment: Mapping[str, str], *, own_database: bool
) -> None:
    """Bring Dagster's tables up to date, and end the runs that died with the last stack.

    In a process of its own, while the code server loads: only there Dagster has to be imported.
    """
    wanted = []
    if state.dagster_version != version("dagster"):
        wanted.append("--migrate")
    if own_database:  # others may have runs in a database that is not ours alone
        wanted.append("--end-lost-runs")
    if not wanted:
        return
    done = subprocess.run(
        [sys.executable, "-m", "argus_pipeline.cli.dagster_upkeep", *wanted],
        env={**os.environ, **environment, "ARGUS_HOME": str(stack.home)},
        capture_output=True,
        text=True,
        timeout=UPKEEP_S,
        cwd=stack.root,
    )
    if done.returncode:
        raise Unavailable(
            f"its tables cannot be brought up to date:\n{done.stderr.strip()[-2000:]}",
            where="dagster",
        )


def _choose_ui_port(
    running: processes.ProcessRecord | None, before: int | None, asked: int | None
) -> int:
    if running is not None:
        port = int(running.address.rpartition(":")[2])
        if asked not in {None, port}:
            raise ArgusError(
                f"the UI runs on port {port} already", hint="Run `argus down` before you move it"
            )
        return port
    if asked is not None:
        if not ports.is_free(asked):
            raise ArgusError(
                f"port {asked} of {ports.HOST} is in use by another program",
                where="--ui-port",
                hint="Leave it away and a free one is chosen",
            )
        return asked
    for wish in (before, plans.DEFAULT_UI_PORT):
        if wish is not None and ports.is_free(wish):
            return wish
    return ports.free_ports(1)[0]


def _known(ours: DagsterProcesses, name: str) -> Callable[[], processes.ProcessRecord | None]:
    return lambda: ours.record(name)


def _loaded(url: str) -> None:
    if not dagster.load_errors(url):
        raise Unavailable("the code location is still loading", where=dagster.WEBSERVER)


def _beats(url: str, since: float) -> None:
    late = [
        part.kind
        for part in dagster.daemon_health(url)
        if part.required and (not part.healthy or (part.heartbeat or 0) < since)
    ]
    if late:
        raise Unavailable(f"no heartbeat yet of {', '.join(late)}", where=dagster.DAEMON)


def _refuse_broken_code(url: str, ours: DagsterProcesses) -> None:
    for name, error in dagster.load_errors(url).items():
        if error is not None:
            record = ours.record(dagster.CODE_SERVER)
            raise Unavailable(
                f"its code does not load: {error.strip()[-2000:]}",
                where=f"code location {name}",
                hint=f"Mend it and press Reload in {url}/locations, or see "
                f"{record.log if record else 'the log'}",
            )


def _ui_url(port: int) -> str:
    return f"http://{ports.HOST}:{port}"


def _save(stack: Stack, state: StackState, environment: Mapping[str, str]) -> None:
    state.save(stack.state_file)
    write_private(stack.environment_file, json.dumps(dict(environment), indent=1))


@contextmanager
def _part(
    progress: Progress,
    name: str,
    running: Callable[[], object | None] = lambda: None,
    detail: str = "",
    done: str = "started",
) -> Iterator[bool]:
    """Report one part around its start; gives whether it ran before."""
    began = time.monotonic()
    progress.began(name)
    before = running()
    yield before is not None
    what = "already running" if before is not None else done
    address = getattr(running(), "address", "") if running() is not None else ""
    progress.ended(name, what, time.monotonic() - began, detail or address)


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
