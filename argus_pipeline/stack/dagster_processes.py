"""Dagster's three processes: the code server, the webserver and the daemon.

The root's `workspace.yaml` says what to load. Webserver and daemon do not load it each for itself,
they share one code server on a unix socket: its gRPC port would let everybody on this machine run
code. It is a proxy before the process with the code, so the UI's "reload" loads changed code.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from argus_pipeline.engine.instance_file import instance_config
from argus_pipeline.engine.options import engine_from
from argus_pipeline.errors import ArgusError, Unavailable
from argus_pipeline.stack import processes
from argus_pipeline.stack.files import make_private_folder
from argus_pipeline.stack.permissions import claim_private_folder, socket_folder
from argus_pipeline.stack.ports import HOST
from argus_pipeline.stack.processes import Command, ProcessRecord

CODE_SERVER: Final = "code-server"
WEBSERVER: Final = "webserver"
DAEMON: Final = "daemon"
READ_ONLY: Final = "read-only-webserver"
"""A second webserver, in which nobody can start, stop or change anything; where it is asked for."""

# In the order of starting; stopping goes backwards.
NAMES: Final = (CODE_SERVER, WEBSERVER, READ_ONLY, DAEMON)
READY_S: Final = 120.0
STOP_S: Final = 10.0
RUN_STOP_S: Final = 20.0
RECONNECT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class CodeLocation:
    """What the root's `workspace.yaml` names."""

    module: str
    name: str
    folder: Path


class DagsterProcesses:
    """Starts and stops them.

    Args:
        home: the stack's folder.
        root: the project's root, with `dagster.yaml` and `workspace.yaml`.
        environment: what they get on top of this process's environment.
    """

    def __init__(self, home: Path, root: Path, environment: Mapping[str, str]) -> None:
        self.home = home
        self.root = root
        self.dagster_home = home / "dagster"
        self._environment = environment
        # The socket's folder belongs to the user who runs Dagster, unlike the one of Postgres.
        self._socket = socket_folder(home / "code") / "s"

    def prepare(self) -> None:
        """Put the configuration where the processes look for it.

        Raises:
            ArgusError: the root is not the project's root.
        """
        location = code_location(self.root)
        make_private_folder(self.dagster_home)
        claim_private_folder(self._socket.parent)
        import yaml

        base = yaml.safe_load((self.root / "dagster.yaml").read_text())
        environment = {**os.environ, **self._environment}
        config = instance_config(base, engine_from(environment), environment)
        (self.dagster_home / "dagster.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        workspace = {
            "load_from": [
                {"grpc_server": {"socket": str(self._socket), "location_name": location.name}}
            ]
        }
        # JSON is YAML.
        (self.dagster_home / "workspace.yaml").write_text(json.dumps(workspace, indent=1))

    def record(self, name: str) -> ProcessRecord | None:
        """One of the processes, if it runs; a code server without its code does not."""
        found = processes.load(self._file(name))
        if found is None or not processes.is_running(found):
            return None
        return None if name == CODE_SERVER and not _children(found) else found

    def start_code_server(self) -> ProcessRecord:
        """Start it; it answers once the code is loaded, or has failed to load."""
        location = code_location(self.root)
        self._socket.unlink(missing_ok=True)
        return self._start(
            CODE_SERVER,
            [
                *("dagster", "code-server", "start"),
                *("--socket", str(self._socket)),
                *("--module-name", location.module),
                *("--working-directory", str(location.folder)),
                *("--location-name", location.name),
            ],
            address=str(self._socket),
        )

    def start_webserver(self, port: int) -> ProcessRecord:
        """Start the UI."""
        return self._start(
            WEBSERVER,
            ["dagster_webserver", "--host", HOST, "--port", str(port), *self._workspace()],
            address=f"http://{HOST}:{port}",
        )

    def start_read_only(self, port: int) -> ProcessRecord:
        """Start the UI for those who may look only."""
        return self._start(
            READ_ONLY,
            [
                *("dagster_webserver", "--read-only", "--host", HOST, "--port", str(port)),
                *self._workspace(),
            ],
            address=f"http://{HOST}:{port}",
        )

    def start_daemon(self) -> ProcessRecord:
        """Start what runs sensors, schedules and the queue of runs."""
        return self._start(DAEMON, ["dagster._daemon", "run", *self._workspace()], address="")

    def wait_for_code_server(self, record: ProcessRecord) -> None:
        """Wait until it answers.

        Raises:
            Unavailable: it ended or did not answer; the last lines of its log are in the error.
        """
        processes.wait_ready(record, self.ask_code_server, patience_s=READY_S)

    def ask_code_server(self) -> None:
        """Ask for its health by gRPC.

        Raises:
            Unavailable: it does not serve.
            grpc.RpcError: it does not answer.
        """
        import grpc  # type: ignore[import-untyped]
        from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

        with grpc.insecure_channel(f"unix:{self._socket}") as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service="DagsterApi"), timeout=2
            )
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise Unavailable("it is not serving yet", where=CODE_SERVER)

    def stop(self) -> list[str]:
        """Stop all of them, and the runs that are going on; return the names of what was stopped.

        The daemon goes first, so that it starts nothing new. Then runs are asked to end while the
        database is still there for them to say so: they count as failed and are run again later.
        """
        stopped = []
        for name in reversed(NAMES):
            record = processes.load(self._file(name))
            if record is not None:
                if name == CODE_SERVER:
                    _end_runs(record)
                if processes.stop(record, patience_s=STOP_S):
                    stopped.append(name)
            self._file(name).unlink(missing_ok=True)
        self._socket.unlink(missing_ok=True)
        return stopped

    def stop_one(self, name: str) -> None:
        """Stop what is left of one process whose leader died."""
        record = processes.load(self._file(name))
        if record is not None:
            processes.stop(record, patience_s=STOP_S)

    def _workspace(self) -> list[str]:
        return ["--workspace", str(self.dagster_home / "workspace.yaml")]

    def _start(self, name: str, module: list[str], *, address: str) -> ProcessRecord:
        record = processes.start(
            Command(
                name,
                [sys.executable, "-m", *module],
                log=self.home / "logs" / f"{name}.log",
                cwd=self.root,
                environment={**os.environ, **self._environment, "PYTHONUNBUFFERED": "1"},
            ),
            address=address,
        )
        processes.save(record, self._file(name))
        return record

    def _file(self, name: str) -> Path:
        return self.home / "run" / f"{name}.json"


def code_location(root: Path) -> CodeLocation:
    """Read which module `workspace.yaml` names.

    Raises:
        ArgusError: this is not the project's root, or the file names no module.
    """
    import yaml

    path = root / "workspace.yaml"
    if not path.exists() or not (root / "dagster.yaml").exists():
        raise ArgusError(
            "this is not the project's root: there is no dagster.yaml and workspace.yaml",
            where=str(root),
            hint="Go to the root of the clone, or name it with ARGUS_ROOT",
        )
    try:
        target = yaml.safe_load(path.read_text())["load_from"][0]["python_module"]
        if isinstance(target, str):
            target = {"module_name": target}
        module = target["module_name"]
    except (yaml.YAMLError, KeyError, IndexError, TypeError) as error:
        raise ArgusError(
            "names no module", where=str(path), expected="load_from: [python_module: ...]"
        ) from error
    return CodeLocation(
        module=module,
        name=target.get("location_name", module),
        folder=(root / target.get("working_directory", ".")).resolve(),
    )


def _end_runs(code_server: ProcessRecord) -> None:
    """Ask the run workers to end, and wait for them.

    They are what the process with the code started: two below the leader. What they started
    themselves is theirs to end.
    """
    with_code = _children(code_server)
    workers = [child for pid in with_code for child in _children_of(pid)]
    for pid in workers:
        processes.send(pid, signal.SIGTERM)
    processes.wait_until(lambda: not any(map(processes.is_alive, workers)), RUN_STOP_S)


def _children(record: ProcessRecord) -> list[int]:
    return _children_of(record.pid) if processes.is_running(record) else []


def _children_of(pid: int) -> list[int]:
    """What a process started and what still runs, without Python's own bookkeeper of semaphores.

    That one ends by itself, after all others.
    """
    found = []
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(pid).children():
            with contextlib.suppress(psutil.Error):
                helper = any("multiprocessing.resource_tracker" in p for p in child.cmdline())
                if not helper and processes.is_alive(child.pid):
                    found.append(child.pid)
    return found
