"""What strikes while the fleet runs, each at random moments."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dagster import DagsterRunStatus, RunsFilter

from argus_pipeline.run_records import WORKER_TAG
from argus_pipeline.stack import dagster_processes as dagster
from argus_pipeline.stack import processes
from benchmarks.chaos import lost_runs
from benchmarks.chaos.ground import ROOT, Ground, eventually
from benchmarks.measuring.saying import say_now
from benchmarks.scale.control import Control
from benchmarks.scale.hosts import Host

if TYPE_CHECKING:
    from dagster import DagsterRun

CUT_S: Final = 60.0
_BUSY_S: Final = 60.0
_ELSEWHERE_S: Final = 300.0
LEADS: Final = 2
"""Of each worker, as `argus worker` has it."""


@dataclass
class Scene:
    """What the strikes have at hand.

    `told` says what they did, `hits` how often each met runs that went on, and `elsewhere_s` how
    long it took until the batches of a destroyed host ran on another one.
    """

    control: Control
    hosts: Sequence[Host]
    slots: int
    dice: random.Random
    told: list[str] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    elsewhere_s: list[float] = field(default_factory=list)
    watchers: list[threading.Thread] = field(default_factory=list)

    def boot(self, host: Host) -> None:
        """Start a host with its worker."""
        command = [
            *Ground.command("worker", "--name", "w"),
            *("--slots", str(self.slots), "--leads", str(LEADS)),
        ]
        log = self.control.home / "logs" / f"{host.name}.log"
        environment = {**self.control.worker_environment(), "PYTHONPATH": str(ROOT)}
        host.boot(command, environment, log)

    def say(self, text: str) -> None:
        """Note what was done."""
        self.told.append(text)
        say_now(text)

    def going_on(self) -> list[DagsterRun]:
        """The runs that go on."""
        return list(
            self.control.instance.get_runs(
                RunsFilter(statuses=[DagsterRunStatus.STARTED]), limit=200
            )
        )

    def runs_on(self, host: Host) -> list[DagsterRun]:
        """Those of one host."""
        return [r for r in self.going_on() if r.tags.get(WORKER_TAG, "").endswith(f"@{host.name}")]

    def some_host(self) -> Host:
        """A host by chance, if possible one that has a run in hand."""
        busy: list[Host] = eventually(
            lambda: [host for host in self.hosts if self.runs_on(host)], _BUSY_S, 0.5
        )
        return self.dice.choice(busy or list(self.hosts))

    def meets_runs(self) -> bool:
        """Whether a run goes on, asked until one does or nothing more comes."""
        return bool(eventually(self.going_on, _BUSY_S, 0.5))


def kill_process(scene: Scene) -> bool:
    """Kill one of a worker's processes: of the pool, of Celery, or what looks after them."""
    host = scene.some_host()
    runs = len(scene.runs_on(host))
    pids = [pid for pid in host.processes() if "python" in _program(pid)]
    pid = scene.dice.choice(pids)
    os.kill(pid, signal.SIGKILL)
    scene.say(f"killed process {pid} of {host.name} with {runs} runs in hand")
    time.sleep(5)
    if not [one for one in host.processes() if "python" in _program(one)]:
        # As systemd does when `argus worker` itself has died.
        host.destroy()
        scene.boot(host)
    return runs > 0


def destroy_host(scene: Scene) -> bool:
    """Destroy a host; another takes its place after a while."""
    host = scene.some_host()
    before = scene.runs_on(host)
    host.destroy()
    # What ended in the last moment is not lost.
    now = [scene.control.instance.get_run_by_id(run.run_id) for run in before]
    lost = [run for run in now if run is not None and not run.is_finished]
    scene.say(f"destroyed {host.name} with {len(lost)} runs in hand")
    watcher = threading.Thread(target=_time_elsewhere, args=(scene, lost))
    watcher.start()
    scene.watchers.append(watcher)
    time.sleep(scene.dice.uniform(20, 60))
    scene.boot(host)
    return bool(lost)


def cut_network(scene: Scene) -> bool:
    """Cut a host off for a minute."""
    host = scene.some_host()
    runs = len(scene.runs_on(host))
    host.cut()
    time.sleep(CUT_S)
    host.heal()
    scene.say(f"cut {host.name} off for {CUT_S:.0f} s with {runs} runs in hand")
    return runs > 0


def restart_redis(scene: Scene) -> bool:
    """Kill Redis, and start it again after some seconds."""
    met = scene.meets_runs()
    scene.control.stop_redis()
    away = scene.dice.uniform(1, 15)
    time.sleep(away)
    scene.control.start_redis()
    scene.say(f"Redis was away for {away:.0f} s")
    return met


def restart_daemon(scene: Scene) -> bool:
    """Kill Dagster's daemon, and start it again."""
    met = scene.meets_runs()
    record = scene.control.stack.dagster().record(dagster.DAEMON)
    if record is None:
        raise RuntimeError("the daemon does not run")
    processes.send(record.pid, signal.SIGKILL)
    time.sleep(scene.dice.uniform(1, 10))
    scene.control.mend()
    scene.say("restarted the daemon")
    return met


STRIKES: Final[dict[str, Callable[[Scene], bool]]] = {
    "a worker's process killed": kill_process,
    "a worker's host destroyed": destroy_host,
    "a host's network cut for a minute": cut_network,
    "Redis restarted": restart_redis,
    "the daemon restarted": restart_daemon,
}
"""Each says whether it met runs that went on."""


def _time_elsewhere(scene: Scene, lost: Sequence[DagsterRun]) -> None:
    """How long until each of these batches runs, or ran, on another host."""
    try:
        for again in lost_runs.watch(scene.control.instance, lost, _ELSEWHERE_S, scene.over.is_set):
            scene.elsewhere_s.append(_ELSEWHERE_S if again.seconds is None else again.seconds)
            scene.say(f"{again.batch}: {again.story}")
            if again.problem:
                scene.problems.append(again.problem)
    except Exception as error:  # of a thread, where nobody would see it
        scene.problems.append(f"where lost runs went: {type(error).__name__}: {error}")


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
    except OSError:
        return ""
