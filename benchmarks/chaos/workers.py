"""Finds the processes of a stack by what they are: run workers, steps, and what is left over."""

from __future__ import annotations

import contextlib

import psutil

from argus_pipeline.stack import dagster_processes as dagster
from argus_pipeline.stack import processes
from argus_pipeline.stack.layout import Stack


def run_workers(stack: Stack) -> list[psutil.Process]:
    """The processes that execute runs: what the process with the code started."""
    record = stack.dagster().record(dagster.CODE_SERVER)
    if record is None:
        return []
    with_code = _children(psutil.Process(record.pid))
    return [worker for code in with_code for worker in _children(code)]


def steps(stack: Stack) -> list[psutil.Process]:
    """The processes of single steps: what the forkservers of run workers forked."""
    servers = [one for worker in run_workers(stack) for one in _children(worker)]
    return [step for server in servers for step in _children(server)]


def code_processes(stack: Stack) -> list[psutil.Process]:
    """The process with the code, and the proxy before it."""
    record = stack.dagster().record(dagster.CODE_SERVER)
    if record is None:
        return []
    leader = psutil.Process(record.pid)
    return [leader, *_children(leader)]


def strays(stack: Stack) -> list[str]:
    """Processes of this stack's home that belong to no part which is known to run."""
    known = {record.pid for record in stack.running()}
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if not processes.is_alive(process.pid) or _helper(process):
                continue
            if process.environ().get("ARGUS_HOME") != str(stack.home):
                continue
            family = {process.pid, *(parent.pid for parent in process.parents())}
            if not family & known:
                found.append(f"{process.pid} {' '.join(process.cmdline())[:90]}")
    return found


def resident_bytes(stack: Stack, part: str) -> int:
    """Memory (RSS) of a part of Dagster without the run workers."""
    record = processes.load(stack.home / "run" / f"{part}.json")
    if record is None or not processes.is_running(record):
        return 0
    leader = psutil.Process(record.pid)
    members = [leader, *_children(leader)] if part == dagster.CODE_SERVER else [leader]
    total = 0
    for one in members:
        with contextlib.suppress(psutil.Error):
            total += one.memory_info().rss
    return total


def _children(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return [
            child
            for child in process.children()
            if processes.is_alive(child.pid) and not _helper(child)
        ]
    return []


def _helper(process: psutil.Process) -> bool:
    """Python's own bookkeeper of semaphores, which ends by itself after all others."""
    with contextlib.suppress(psutil.Error):
        return any("multiprocessing.resource_tracker" in part for part in process.cmdline())
    return False
