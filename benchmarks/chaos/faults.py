"""The faults: what is killed, jammed, filled up or set back, and when."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import Final

import psutil
from dagster import DagsterRunStatus, RunsFilter

from argus_pipeline.run_records import JOB, worker_pids
from argus_pipeline.stack import dagster_processes as dagster
from argus_pipeline.stack import processes
from benchmarks.chaos import clock, workers
from benchmarks.chaos.fleet import Fleet
from benchmarks.chaos.ground import eventually
from benchmarks.chaos.own_ground import OwnGround
from benchmarks.chaos.proxy import Mood
from benchmarks.chaos.turn import Fault, Turn
from benchmarks.chaos.uploads import UPLOAD_FAULTS

# The first strike waits for runs to begin; later there may be none left.
_PATIENCE_S: Final = (90.0, 15.0)
_EARLY: Final = (0.0, 10.0)
_MEANWHILE: Final = (0.0, 15.0)
_AWAY: Final = (0.5, 6.0)
_JAMMED: Final = (5.0, 15.0)
_SET_BACK_S: Final = 60


def _own(turn: Turn) -> OwnGround:
    """The stack, where a fault is about what only a stack of our own has."""
    assert isinstance(turn.ground, OwnGround)
    return turn.ground


def _nothing(turn: Turn) -> None:
    """The undisturbed run."""


def _moment(turn: Turn) -> None:
    """A random moment: mostly while batches run, sometimes while they are uploaded and queued."""
    if turn.dice.random() < 0.25:
        turn.some_time(*_EARLY)
        return
    eventually(lambda: _batch_workers(turn), _patience(turn), 0.5)
    turn.some_time(*_MEANWHILE)


def _patience(turn: Turn) -> float:
    return _PATIENCE_S[min(turn.strike, 1)]


def _kill(turn: Turn, pid: int, what: str) -> None:
    processes.send(pid, signal.SIGKILL)
    turn.told.append(f"killed {what}")


def _some(turn: Turn, find: Callable[[], Sequence[psutil.Process]], most: float) -> int | None:
    """One of the processes, at a random moment after the first of them was there."""
    if not eventually(find, _patience(turn)):
        return None
    for _ in range(50):
        turn.some_time(0, most)
        if found := find():
            return turn.dice.choice(list(found)).pid
    return None


def _batch_workers(turn: Turn) -> list[psutil.Process]:
    """The workers of batches that run, and none of roll-ups."""
    instance = turn.ground.instance
    running = instance.get_runs(RunsFilter(job_name=JOB, statuses=[DagsterRunStatus.STARTED]))
    pids = {pid for run in running for pid in worker_pids(instance, run)}
    return [one for one in workers.run_workers(turn.ground.stack) if one.pid in pids]


def _kill_run_worker(turn: Turn) -> None:
    pid = _some(turn, lambda: _batch_workers(turn), 6)
    if pid is None:
        turn.told.append("there was no run worker")
    else:
        _kill(turn, pid, "a run worker")


def _kill_step(turn: Turn) -> None:
    pid = _some(turn, lambda: workers.steps(turn.ground.stack), 3)
    if pid is None:
        turn.told.append("there was no step process")
    else:
        _kill(turn, pid, "a step process")


def _kill_code_server(turn: Turn) -> None:
    _moment(turn)
    found = workers.code_processes(turn.ground.stack)
    if found:
        chosen = turn.dice.randrange(len(found))
        _kill(turn, found[chosen].pid, ("the proxy", "the process with the code")[min(chosen, 1)])
    turn.some_time(*_AWAY)


def _kill_part(name: str) -> Callable[[Turn], None]:
    def strike(turn: Turn) -> None:
        _moment(turn)
        record = turn.ground.stack.dagster().record(name)
        if record is not None:
            _kill(turn, record.pid, name)
        turn.some_time(*_AWAY)

    return strike


def _kill_postgres(turn: Turn) -> None:
    _moment(turn)
    record = turn.ground.stack.postgres.running()
    if record is None:
        return
    backends = psutil.Process(record.pid).children()
    if backends and turn.dice.random() < 0.5:
        # Postgres then ends all sessions and recovers by itself.
        _kill(turn, turn.dice.choice(backends).pid, "a process of Postgres")
    else:
        _kill(turn, record.pid, "the postmaster")
    turn.some_time(*_AWAY)


def _kill_store(turn: Turn) -> None:
    _moment(turn)
    record = _own(turn).server.running()
    if record is not None:
        _kill(turn, record.pid, _own(turn).store_name)
    turn.some_time(*_AWAY)


def _jam(mood: Mood) -> Callable[[Turn], None]:
    def strike(turn: Turn) -> None:
        _moment(turn)
        proxy = _own(turn).proxy
        before = proxy.struck
        proxy.mood = mood
        seconds = turn.some_time(*_JAMMED)
        proxy.mood = Mood.WELL
        turn.told.append(f"{mood.value} for {seconds:.0f} s, {proxy.struck - before} times")

    return strike


def _fill_disk(turn: Turn) -> None:
    _moment(turn)
    _own(turn).scratch.fill()
    seconds = turn.some_time(*_JAMMED)
    _own(turn).scratch.clear()
    turn.told.append(f"full for {seconds:.0f} s")


def _no_small_disk(ground: OwnGround) -> str | None:
    return None if ground.scratch.is_small else "a small file system cannot be mounted here"


def _set_clock_back(turn: Turn) -> None:
    _moment(turn)
    _own(turn).clock.set_back(_SET_BACK_S)
    turn.told.append(f"set back by {_SET_BACK_S} s")


def _set_clock_right(turn: Turn) -> None:
    _own(turn).clock.set_back(0)


def _no_clock(ground: OwnGround) -> str | None:
    return None if ground.clock.library else clock.HINT


def _with_many(fleet: Fleet) -> Sequence[int]:
    return [fleet.many, *range(min(2, fleet.count))]


UNDISTURBED: Final = Fault("nothing", "nothing, a second time", _nothing, most=lambda fleet: 1)
FAULTS: Final = {
    fault.name: fault
    for fault in (
        Fault("run-worker", "kill -9 of a run worker", _kill_run_worker),
        Fault("step", "kill -9 of a step process", _kill_step, cases=_with_many),
        Fault("code-server", "kill -9 of the code server", _kill_code_server),
        Fault("daemon", "kill -9 of the daemon", _kill_part(dagster.DAEMON)),
        Fault("webserver", "kill -9 of the webserver", _kill_part(dagster.WEBSERVER)),
        Fault("postgres", "kill -9 of Postgres", _kill_postgres),
        Fault("store", "kill -9 of the S3 server", _kill_store),
        Fault("s3-503", "S3 answers 503", _jam(Mood.BUSY)),
        Fault("s3-slow", "S3 is slow", _jam(Mood.SLOW)),
        Fault("s3-cut", "S3 cuts connections", _jam(Mood.CUTTING)),
        Fault("disk", "the work folder is full", _fill_disk, skip=_no_small_disk),
        Fault(
            "clock", "the clock jumps back", _set_clock_back, after=_set_clock_right, skip=_no_clock
        ),
        *UPLOAD_FAULTS,
    )
}
