"""CPU time, wall time and memory of one piece of work, in a process of its own each time.

A fresh process for each repetition: no heap that an earlier one warmed, no memory that it left.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NoReturn, TypeVar

T = TypeVar("T")
Facts = dict[str, int]
"""What the work says about itself: messages, bytes written."""


class WorkFailed(RuntimeError):
    """The work in the other process ended badly."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One repetition. Times in seconds, over all threads; memory in bytes.

    `memory` is the peak above what was resident at the start; of a command it is the whole peak.
    """

    user: float
    system: float
    wall: float
    memory: int
    facts: Facts = field(default_factory=dict)

    @property
    def cpu(self) -> float:
        """User and system time."""
        return self.user + self.system

    @property
    def system_share(self) -> float:
        """How much of the CPU time the system took, from 0 to 1."""
        return self.system / self.cpu if self.cpu else 0.0


def in_child(work: Callable[[T], Facts], prepare: Callable[[], T]) -> Measure:
    """Measure a function in a forked process; what `prepare` does there is not measured."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _measure_and_leave(work, prepare, writing)
    os.close(writing)
    with open(reading, "rb") as answer:
        text = answer.read()
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise WorkFailed(f"the measured process ended with status {status}")
    return Measure(*json.loads(text))


def _measure_and_leave(
    work: Callable[[T], Facts], prepare: Callable[[], T], answer: int
) -> NoReturn:
    status = 1
    try:
        prepared = prepare()
        resident = _status_bytes("VmRSS")
        begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        facts = work(prepared)
        wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
        user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
        memory = max(0, _status_bytes("VmHWM") - resident)
        os.write(answer, json.dumps([user, system, wall, memory, facts]).encode())
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def of_command(
    command: Sequence[str | Path], *, out: Path | None = None, accept: Sequence[int] = (0,)
) -> Measure:
    """Measure a whole process; its standard output goes to `out`, or is thrown away.

    Raises:
        WorkFailed: it ended with a status that is not among `accept`.
    """
    with open(out or os.devnull, "wb") as target:
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=target, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in accept:
        raise WorkFailed(f"{command[0]} ended with status {process.returncode}")
    return Measure(usage.ru_utime, usage.ru_stime, wall, usage.ru_maxrss * 1024)


def memory_floor() -> int:
    """Peak of a command that cannot be told apart: what it was forked from counts as its own."""
    return _status_bytes("VmHWM")


def of_others() -> Callable[[], float]:
    """How busy anything else keeps the machine: call what comes back at the end, from 0 to 1."""
    begun, own, busy = time.perf_counter(), _own_seconds(), _busy_seconds()

    def share() -> float:
        others = (_busy_seconds() - busy) - (_own_seconds() - own)
        cores = os.cpu_count() or 1
        return max(0.0, others / (time.perf_counter() - begun) / cores)

    return share


def warm(path: Path, buffer_bytes: int = 1024 * 1024) -> None:
    """Read a file once, so that it lies in the page cache."""
    with path.open("rb", buffering=0) as stream:
        read_through(stream, bytearray(buffer_bytes))


def read_through(stream: IO[bytes], buffer: bytearray) -> int:
    """Read to the end into one buffer, and nothing else."""
    total = 0
    while got := os.readv(stream.fileno(), [buffer]):
        total += got
    return total


def _own_seconds() -> float:
    """CPU time of this process and of everything that it started and that has ended."""
    own = os.times()
    return own.user + own.system + own.children_user + own.children_system


def _busy_seconds() -> float:
    """CPU time of everything on the machine, and what its host took away."""
    user, nice, system, _idle, _iowait, *interrupts = (
        int(ticks) for ticks in Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]
    )
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def _status_bytes(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None:
        raise WorkFailed(f"/proc/self/status says nothing of {name}; Linux is needed")
    return int(found[1]) * 1024
