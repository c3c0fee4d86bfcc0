"""Starts Dagster's processes in order, and keeps its records in order before that."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import Final

from argus_pipeline.engine.options import Engine
from argus_pipeline.errors import ArgusError, Unavailable
from argus_pipeline.stack import dagster_processes as dagster
from argus_pipeline.stack import dagster_queries as queries
from argus_pipeline.stack import plan as plans
from argus_pipeline.stack import ports, processes
from argus_pipeline.stack.dagster_processes import DagsterProcesses
from argus_pipeline.stack.layout import Stack
from argus_pipeline.stack.plan import Plan, StackState
from argus_pipeline.stack.progress import Progress, part

# The scheduler's part beats once a minute, and not before 30 s after a heartbeat that could not be
# written: where the first one failed, the next comes up to 90 s later.
HEARTBEAT_S: Final = 120.0
UPKEEP_S: Final = 120.0


def start_dagster(
    stack: Stack,
    plan: Plan,
    state: StackState,
    environment: Mapping[str, str],
    progress: Progress,
    *,
    ui_port: int | None,
    wait: bool,
    read_only_ui: bool = False,
) -> dict[str, str]:
    """Start what does not run yet; return the environment with the UI's address in it.

    Raises:
        ArgusError: a process does not come up, the code does not load, or the port is in use.
    """
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
    url = ui_url(port)
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
    stack.save(replace(state, ui_port=port, fingerprint=now), environment)

    started = time.time()
    with part(progress, dagster.CODE_SERVER, _known(ours, dagster.CODE_SERVER)) as running:
        if not running:
            # Orphans of a killed one would go on writing beside those that take their place.
            ours.stop_one(dagster.CODE_SERVER)
            record = ours.start_code_server()
            try:
                _keep_up(
                    stack,
                    state,
                    environment,
                    # Workers go on without the code server; their runs are not lost.
                    end_lost_runs=plan.database_url is None and plan.engine is Engine.LOCAL,
                )
                ours.wait_for_code_server(record)
            except ArgusError:
                ours.stop_one(dagster.CODE_SERVER)  # else the next start would believe in it
                raise
    with part(progress, dagster.WEBSERVER, _known(ours, dagster.WEBSERVER), url):
        server = ours.record(dagster.WEBSERVER) or ours.start_webserver(port)
        # They take their seconds at the same time.
        daemon_ran = ours.record(dagster.DAEMON) is not None
        daemon = ours.record(dagster.DAEMON) or ours.start_daemon()
        if wait:
            processes.wait_ready(server, lambda: _loaded(url), patience_s=dagster.READY_S)
    looking = ours.record(dagster.READ_ONLY)
    if looking is None and read_only_ui:
        looking = ours.start_read_only(ports.free_ports(1)[0])
        if wait:
            processes.wait_ready(
                looking, partial(_loaded, looking.address), patience_s=dagster.READY_S
            )
        progress.ended(dagster.READ_ONLY, "started", time.time() - looking.since, looking.address)
    if looking is not None:
        environment = {**environment, "ARGUS_READ_ONLY_UI_URL": looking.address}
    with part(progress, dagster.DAEMON, lambda: daemon if daemon_ran else None):
        if wait and not daemon_ran:
            processes.wait_ready(daemon, lambda: _beats(url, daemon.since), patience_s=HEARTBEAT_S)
    stack.save(
        replace(state, ui_port=port, fingerprint=now, dagster_version=version("dagster")),
        environment,
    )
    if wait:
        # A webserver that ran before notices a new code server by itself, after a while.
        patience_s = dagster.RECONNECT_S if server.since < started else 0.0
        _refuse_broken_code(url, ours, patience_s)
    return environment


def _keep_up(
    stack: Stack, state: StackState, environment: Mapping[str, str], *, end_lost_runs: bool
) -> None:
    """Bring Dagster's tables up to date, and end the runs that died with the last stack.

    In a process of its own, while the code server loads: only there Dagster has to be imported.
    """
    wanted = []
    if state.dagster_version != version("dagster"):
        wanted.append("--migrate")
    if end_lost_runs:  # others may have runs in a database that is not ours alone
        wanted.append("--end-lost-runs")
    if not wanted:
        return
    try:
        done = subprocess.run(
            [sys.executable, "-m", "argus_pipeline.cli.dagster_upkeep", *wanted],
            env={**os.environ, **environment, "ARGUS_HOME": str(stack.home)},
            capture_output=True,
            text=True,
            timeout=UPKEEP_S,
            cwd=stack.root,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(
            f"bringing its tables up to date took longer than {UPKEEP_S:.0f} s", where="dagster"
        ) from error
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
    if not queries.load_errors(url):
        raise Unavailable("the code location is still loading", where=dagster.WEBSERVER)


def _beats(url: str, since: float) -> None:
    late = [
        health.kind
        for health in queries.daemon_health(url)
        if health.required and (not health.healthy or (health.heartbeat or 0) < since)
    ]
    if late:
        raise Unavailable(f"no heartbeat yet of {', '.join(late)}", where=dagster.DAEMON)


def _refuse_broken_code(url: str, ours: DagsterProcesses, patience_s: float) -> None:
    processes.wait_until(lambda: not any(queries.load_errors(url).values()), patience_s)
    for name, error in queries.load_errors(url).items():
        if error is not None:
            record = ours.record(dagster.CODE_SERVER)
            raise Unavailable(
                f"its code does not load: {error.strip()[-2000:]}",
                where=f"code location {name}",
                hint=f"Mend it and press Reload in {url}/locations, or see "
                f"{record.log if record else 'the log'}",
            )


def ui_url(port: int) -> str:
    """Address of the UI."""
    return f"http://{ports.HOST}:{port}"
