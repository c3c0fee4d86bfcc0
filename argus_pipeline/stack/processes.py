"""Processes that outlive the command that started them, and how they are known again.

A process is recorded with its pid and the moment the kernel says that it started. The two together
never come again, so a stale record is recognised and nobody else's process is ever signalled.
Each is started as the leader of a session of its own: Ctrl-C in the terminal does not reach it, and
whatever it starts can be found by the session even after the leader itself has died.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import psutil

from argus_pipeline.errors import Unavailable
from argus_pipeline.stack.files import write_private

LOG_LIMIT_BYTES: Final = 10 * 1024 * 1024
_POLL_S: Final = 0.05
# Without this reference a child that ends while we still run would stay a zombie.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """A process that we started.

    Attributes:
        name: which part of the stack it is.
        pid: its process id, also the id of its session.
        mark: the moment it started, as the kernel counts it; see `start_mark`.
        since: the same moment for people, seconds since 1970.
        address: where it answers.
        log: where its output goes.
    """

    name: str
    pid: int
    mark: str
    since: float
    address: str
    log: str


@dataclass(frozen=True, slots=True)
class Command:
    """What to start: the program, its environment, folder, log and, as root, another user."""

    name: str
    arguments: Sequence[str]
    log: Path
    cwd: Path
    environment: Mapping[str, str] = field(repr=False)
    user: int | None = None
    group: int | None = None


def start_mark(pid: int) -> str | None:
    """When a process started, in a form that does not change when the clock is set.

    On Linux these are the boot's id and field 22 of `/proc/<pid>/stat` (proc(5)), clock ticks since
    boot; elsewhere the creation time. None where there is no such process.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # The second field is the program's name in brackets and may hold anything.
        return f"{boot}/{stat.rpartition(')')[2].split()[19]}"
    except (FileNotFoundError, ProcessLookupError):
        pass
    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.NoSuchProcess:
        return None


def is_alive(pid: int) -> bool:
    """Whether a process runs. A zombie does not: it only waits for its parent to look."""
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        _children.pop(pid, None)
        return False
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def is_running(record: ProcessRecord | None) -> bool:
    """Whether the very process of the record runs, and not another one that got its pid."""
    return record is not None and is_alive(record.pid) and start_mark(record.pid) == record.mark


def members(record: ProcessRecord) -> list[int]:
    """The living processes of a record's session, the leader among them if it lives.

    While any process is left in a session, the kernel gives the session's id to no new process. So
    when the leader is gone, those that still carry its id are its own orphans.
    """
    now = start_mark(record.pid)
    if now is not None and now != record.mark:
        return []
    found = []
    for pid in psutil.pids():
        try:
            if os.getsid(pid) == record.pid and is_alive(pid):
                found.append(pid)
        except (ProcessLookupError, PermissionError):
            continue
    return found


def start(command: Command, *, address: str) -> ProcessRecord:
    """Start a program in a session of its own, with its output going to its log.

    Raises:
        Unavailable: the program cannot be executed.
    """
    keep_log_small(command.log)
    command.log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with command.log.open("ab") as log:
            child = subprocess.Popen(
                list(command.arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=command.cwd,
                env=dict(command.environment),
                start_new_session=True,
                user=command.user,
                group=command.group,
                extra_groups=None if command.user is None else [],
            )
    except OSError as error:
        raise Unavailable(f"cannot be started: {error}", where=command.name) from error
    _children[child.pid] = child
    return ProcessRecord(
        name=command.name,
        pid=child.pid,
        mark=start_mark(child.pid) or "ended at once",
        since=time.time(),
        address=address,
        log=str(command.log),
    )


def stop(record: ProcessRecord, *, patience_s: float, how: signal.Signals = signal.SIGTERM) -> bool:
    """Stop a process: ask the leader first, then kill what is left of its session.

    Returns:
        Whether there was anything to stop.
    """
    if not members(record):
        return False
    if is_running(record):
        send(record.pid, how)
        wait_until(lambda: not is_running(record), patience_s)
    rest = members(record)
    for pid in rest:
        send(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, rest)), 5)
    return True


def send(pid: int, what: signal.Signals) -> None:
    """Send a signal; a process that has just ended is fine."""
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        return


def wait_until(condition: Callable[[], bool], patience_s: float) -> bool:
    """Ask again and again until it is so or the time is over."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True


def wait_ready(record: ProcessRecord, probe: Callable[[], object], *, patience_s: float) -> None:
    """Wait until a started process really answers.

    Args:
        record: the process; when it ends, waiting ends.
        probe: asks the service for something real; any exception of its own means "not yet".
        patience_s: the most seconds to wait.

    Raises:
        Unavailable: it ended or did not answer in time; the last lines of its log are in the error.
    """
    last = ""

    def answers() -> bool:
        nonlocal last
        try:
            probe()
        except Exception as error:  # a service may fail in any way while it starts
            last = str(error).strip().partition("\n")[0]
            return False
        return True

    if wait_until(lambda: answers() or not is_running(record), patience_s) and is_running(record):
        return
    why = (
        f"did not answer within {patience_s:.0f} s ({last})"
        if is_running(record)
        else "ended while it was starting"
    )
    raise Unavailable(
        f"{why}; the last lines of {record.log} are:\n{tail(Path(record.log))}\n",
        where=record.name,
    )


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, indented."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 64 * 1024))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return "  (no log)"
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (empty)"


def keep_log_small(log: Path) -> None:
    """Put a log aside as `<log>.1` once it has grown large; the one before that goes."""
    try:
        if log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_name(f"{log.name}.1"))
    except FileNotFoundError:
        return


def save(record: ProcessRecord, path: Path) -> None:
    """Write a record for the commands that come later."""
    write_private(path, json.dumps(asdict(record), indent=1))


def load(path: Path) -> ProcessRecord | None:
    """Read a record; one that is absent or damaged is none."""
    try:
        return ProcessRecord(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
