"""The app that `celery -A` loads in a worker: its tasks, and what it says of itself.

argus.run      a whole run: of a small batch, or of a large one whose steps it hands to others
execute_plan   a step of a large batch, as Dagster defines it
"""

from __future__ import annotations

import ctypes
import signal
import socket
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from celery import Task, signals
from celery.worker.control import inspect_command
from dagster import BetaWarning, DagsterInstance
from dagster._cli.api import _execute_run_command_body
from dagster._utils.interrupts import capture_interrupts
from dagster_celery.tasks import create_task

from argus_pipeline.dagster_parts.celery_launcher import RUN_TASK
from argus_pipeline.engine import versions
from argus_pipeline.engine.broker import make_app
from argus_pipeline.engine.checked_task import CheckedTask
from argus_pipeline.engine.lost_runs import report_lost
from argus_pipeline.engine.options import broker_url
from argus_pipeline.run_records import WORKER_TAG

if TYPE_CHECKING:
    from celery.worker.state import State

_PR_SET_PDEATHSIG: Final = 1
_began = time.time()

app = make_app(broker_url())
# What runs need, once for all processes of the pool, which are forked from this one.
import_module("argus_pipeline.definitions")
# Dagster says these once a run.
warnings.filterwarnings("ignore", category=BetaWarning)
create_task(app, base=CheckedTask)


@app.task(name=RUN_TASK, bind=True, ignore_result=True, base=CheckedTask)
def carry_out(self: Task, run_id: str) -> None:
    """Carry out a run in this process, as Dagster's own run worker does in a fresh one."""
    instance = _instance()
    instance.add_run_tags(run_id, {WORKER_TAG: self.request.hostname})
    with _interruptible():
        _execute_run_command_body(run_id, instance, _forget, set_exit_code_on_failure=False)


@signals.task_failure.connect(sender=carry_out)
def _tell_of_its_end(
    sender: Task, kwargs: Mapping[str, Any], exception: BaseException, **_: object
) -> None:
    """Tell Dagster at once of a run that nobody carries out any more.

    Called in the worker's own process where one of its pool was killed, and in that of the pool
    where the database went away. It would be found without this, too, but half a minute later: by
    Dagster's monitoring once the run began, and before that by the recovery sensor.
    """
    # A new one: what the worker's own process opens must not be inherited by the pool.
    with DagsterInstance.get() as instance:
        report_lost(instance, kwargs["run_id"], sender.request.hostname, exception)


@inspect_command()
def argus(state: State) -> Mapping[str, Any]:
    """What `argus workers` asks for."""
    return {
        "versions": versions.own_versions(),
        "since": _began,
        "host": socket.gethostname(),
        "slots": state.consumer.pool.num_processes,
    }


@cache
def _instance() -> DagsterInstance:
    # One for all runs of this process: connecting anew takes longer than a small step.
    return DagsterInstance.get()


def _forget(event: object) -> None:
    """Dagster's events are in its database already."""


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let a run end in order when it is terminated; the pool's own handlers return after it."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with capture_interrupts():
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@signals.worker_init.connect
def _end_with_the_supervisor(**_: object) -> None:
    """Finish what was begun when `argus worker` was killed, and take no more."""
    _when_the_parent_dies(signal.SIGTERM)


@signals.worker_process_init.connect
def _end_with_the_worker(**_: object) -> None:
    """A process of the pool must not outlive a worker that was killed: nobody would end it."""
    _when_the_parent_dies(signal.SIGKILL)


def _when_the_parent_dies(sent: signal.Signals) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, sent)
