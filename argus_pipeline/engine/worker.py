"""What `argus worker` does: starts Celery for the slots and for the leads, and looks after both."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from argus_pipeline import settings
from argus_pipeline.engine import versions
from argus_pipeline.engine.instance_file import instance_config
from argus_pipeline.engine.options import BROKER_VARIABLE, Engine, broker_url, without_password
from argus_pipeline.engine.queues import LEADING, WORK, Queue
from argus_pipeline.errors import ArgusError, Unavailable

if TYPE_CHECKING:
    from types import FrameType

TASKS: Final = "argus_pipeline.dagster_parts.celery_worker"
"""The module of its tasks, which Celery imports."""
RUNS_A_PROCESS: Final = 500
"""After so many tasks a process is replaced: what leaks in libraries does not add up."""
_AGAIN_AT_MOST_S: Final = 30.0
_WELL_AFTER_S: Final = 60.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What one `argus worker` offers.

    Attributes:
        name: what it is called beside others on its host.
        slots: how many small runs or shards it carries out at once.
        leads: how many large runs it leads at once; each only waits for its shards.
        queues: what its slots serve, the first before the others.
    """

    name: str
    slots: int
    leads: int
    queues: Sequence[Queue] = WORK

    def commands(self) -> dict[str, list[str]]:
        """The command lines of Celery, by what each is for."""
        wanted = {"work": (self.slots, self.queues), "leads": (self.leads, LEADING)}
        return {
            kind: [
                *(sys.executable, "-m", "celery", "-A", TASKS),
                *("worker", "--hostname", f"{self.name}.{kind}@%h"),
                *("--concurrency", str(processes), "--queues", ",".join(queues)),
                *("--loglevel", "INFO", "--max-tasks-per-child", str(RUNS_A_PROCESS)),
                *("--without-gossip", "--without-heartbeat", "-O", "fair"),
            ]
            for kind, (processes, queues) in wanted.items()
            if processes
        }


def prepare(root: Path) -> None:
    """Make the environment that Dagster needs here, and compare versions with the control plane.

    Raises:
        ArgusError: something is not configured, or the control plane has another version.
        Unavailable: Dagster's database does not answer.
    """
    settings.complete_environment()
    os.environ[BROKER_VARIABLE] = broker_url()
    if not os.environ.get("ARGUS_DAGSTER_DATABASE_URL"):
        raise ArgusError(
            "Dagster's database is not named",
            where="ARGUS_DAGSTER_DATABASE_URL",
            expected="postgresql+psycopg2://user:password@host:5432/argus, as on the control plane",
        )
    if not os.environ.get("DAGSTER_HOME"):
        os.environ["DAGSTER_HOME"] = str(_make_dagster_home(root))
    from argus_pipeline.run_records import answering, connect

    with answering(), connect() as instance:
        other = versions.difference(versions.own_versions(), versions.published(instance))
    if other is not None:
        raise ArgusError(f"this worker refuses to work: {other}")


def _once_there(what: Callable[[], None], *, stopped: Callable[[], bool]) -> None:
    """Do it once what it needs is there: however late, asking more and more slowly, saying so."""
    pause = 1.0
    while not stopped():
        try:
            what()
        except Unavailable as error:
            _log.warning("%s; trying again in %.0f s", error, pause)
            time.sleep(pause)
            pause = min(pause * 2, _AGAIN_AT_MOST_S)
        else:
            return


def look_after(options: WorkerOptions, root: Path) -> int:
    """Run the worker until it is told to stop; returns the exit status.

    SIGTERM and Ctrl-C: finish what was begun, take nothing more. Once more: stop at once.
    A part that dies is started again, after a pause that grows while it keeps dying, unless the
    control plane has another version by now: then the whole worker ends with status 1.
    """
    supervisor = _Supervisor(options, root)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, supervisor.told_to_stop)
    _once_there(lambda: prepare(root), stopped=lambda: supervisor.stopping)
    _log.info(
        "worker %s: %d slots for %s; %d leads; broker %s",
        options.name,
        options.slots,
        ", ".join(options.queues),
        options.leads,
        without_password(os.environ.get(BROKER_VARIABLE, "")),
    )
    return supervisor.run()


def _make_dagster_home(root: Path) -> Path:
    """A folder with the `dagster.yaml` of this engine; workers keep nothing else in it."""
    folder = settings.home() / "worker"
    folder.mkdir(parents=True, exist_ok=True)
    base = yaml.safe_load((root / "dagster.yaml").read_text())
    (folder / "dagster.yaml").write_text(yaml.safe_dump(instance_config(base, Engine.CELERY)))
    return folder


class _Supervisor:
    def __init__(self, options: WorkerOptions, root: Path) -> None:
        self._commands = options.commands()
        self._root = root
        self._parts: dict[str, subprocess.Popen[bytes]] = {}
        self._began: dict[str, float] = {}
        self._pause: dict[str, float] = {}
        self._told = 0
        self._refused = False
        self._finishing: set[str] = set()

    @property
    def stopping(self) -> bool:
        return self._told > 0

    def told_to_stop(self, number: int, _frame: FrameType | None) -> None:
        self._told += 1
        first = self._told == 1
        print(
            "argus worker: finishing what was begun; once more to stop at once"
            if first
            else "argus worker: stopping at once; what was begun is requested again",
            file=sys.stderr,
            flush=True,
        )
        # A lead waits for shards, which may be this worker's own: its slots go on until it ended.
        if first and "leads" in self._parts:
            self._finish("leads")
            return
        for kind, part in self._parts.items():
            if first:
                self._finish(kind)
            elif part.poll() is None:
                part.send_signal(signal.SIGQUIT)

    def _finish(self, kind: str) -> None:
        part = self._parts[kind]
        if kind not in self._finishing and part.poll() is None:
            self._finishing.add(kind)
            part.send_signal(signal.SIGTERM)

    def run(self) -> int:
        due = dict.fromkeys(self._commands, 0.0)
        while not self.stopping or any(part.poll() is None for part in self._parts.values()):
            now = time.monotonic()
            for kind, at in list(due.items()):
                if self.stopping or now < at:
                    continue
                if self._may_start(kind):
                    self._start(kind)
                    del due[kind]
                else:
                    due[kind] = now + _AGAIN_AT_MOST_S
            for kind, part in list(self._parts.items()):
                status = part.poll()
                if status is None:
                    continue
                del self._parts[kind]
                if self.stopping:
                    for other in self._parts:
                        self._finish(other)
                else:
                    due[kind] = now + self._next_pause(kind)
                    _log.error(
                        "the part for %s ended with status %s; it starts again in %.0f s",
                        kind,
                        status,
                        due[kind] - now,
                    )
            time.sleep(0.2)
        return 1 if self._refused else 0

    def _may_start(self, kind: str) -> bool:
        """Whether the control plane still has this worker's version, where a part had ended."""
        if kind not in self._began:
            return True
        try:
            prepare(self._root)
        except Unavailable as error:
            _log.warning("%s", error)
            return False
        except ArgusError as error:
            _log.error("%s", error)
            self._refused = True
            self.told_to_stop(signal.SIGTERM, None)
            return False
        return True

    def _start(self, kind: str) -> None:
        self._began[kind] = time.monotonic()
        # A group of its own: Ctrl-C in the terminal reaches this process only, which passes it on.
        self._parts[kind] = subprocess.Popen(
            self._commands[kind],
            cwd=self._root,
            env={**os.environ, "HAYSTACK_TELEMETRY_ENABLED": "false"},
            process_group=0,
        )

    def _next_pause(self, kind: str) -> float:
        well = time.monotonic() - self._began[kind] > _WELL_AFTER_S
        pause = 1.0 if well else min(self._pause.get(kind, 0.5) * 2, _AGAIN_AT_MOST_S)
        self._pause[kind] = pause
        return pause


def default_slots() -> int:
    """As many as there are cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_installed() -> bool:
    """Whether Celery is installed here at all."""
    from importlib.util import find_spec

    return find_spec("dagster_celery") is not None
