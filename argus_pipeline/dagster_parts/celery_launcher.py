"""Dagster's launcher of runs on Celery workers, with a health check that asks the workers."""

from __future__ import annotations

import logging
import time
import uuid
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from celery import Celery
from celery.result import AsyncResult
from dagster import DagsterRun, DagsterRunStatus
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from kombu.exceptions import OperationalError
from typing_extensions import override

from argus_pipeline.engine import versions
from argus_pipeline.engine.broker import is_waiting, make_app
from argus_pipeline.engine.checked_task import headers
from argus_pipeline.engine.options import BROKER_VARIABLE
from argus_pipeline.engine.queues import queue_of_run
from argus_pipeline.engine.roll_call import RollCall, asking
from argus_pipeline.errors import Unavailable
from argus_pipeline.patience import patiently
from argus_pipeline.run_records import WORKER_TAG, silent_for

RUN_TASK: Final = "argus.run"
# Meanwhile nothing else could be handed out, and the run counts as starting.
_LAUNCH_WAIT_S: Final = 2.0
# Its task is named at once, before it is sent.
_SENT_WITHIN: Final = timedelta(minutes=2)
_log = logging.getLogger(__name__)


class CeleryLauncher(CeleryRunLauncher):
    """Hands each run to a worker by its queue, and finds the runs whose worker is gone.

    The original believes Celery's record of a task, which says "started" for ever once the host of
    its worker is lost.
    """

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.celery, self._roll_call = _at(str(self.broker))
        self._published = False

    @override
    def launch_run(self, context: LaunchRunContext) -> None:
        """Put a run into its queue, and wait for the broker while it is away.

        Raises:
            Unavailable: it was away for too long. For Dagster the run has failed by that.
        """
        run = context.dagster_run
        if not self._published:
            versions.publish(self._instance)
            self._published = True
        queue = queue_of_run(run.tags)
        # Before it is sent: Dagster writes all tags of a run at once, and a worker that has it the
        # same moment writes its own. The one or the other would be gone.
        task = str(uuid.uuid4())
        self._instance.add_run_tags(run.run_id, {DAGSTER_CELERY_TASK_ID_TAG: task})

        def send() -> AsyncResult:
            try:
                return self.celery.send_task(
                    RUN_TASK,
                    task_id=task,
                    kwargs={"run_id": run.run_id},
                    queue=queue.value,
                    headers=headers(),
                    # Nobody asks for what it returns.
                    ignore_result=True,
                )
            except OperationalError as error:
                _log.warning("the broker is away: %s", error)
                raise Unavailable(
                    f"the broker does not answer: {error}", where=BROKER_VARIABLE
                ) from error

        # Dagster fails a run whose launch fails, and so do the two that it starts instead: all
        # attempts at a batch would be over within seconds.
        patiently(send, longest_wait_s=_LAUNCH_WAIT_S)
        self._instance.report_engine_event(
            f"Waits in queue {queue} for a worker (task {task}).", run, cls=type(self)
        )

    @override
    def terminate(self, run_id: str) -> bool:
        """Ask the worker to end a run; False where there is nothing to end."""
        run = self._instance.get_run_by_id(run_id)
        task = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG) if run else None
        if run is None or run.is_finished or task is None:
            return False
        self._instance.report_run_canceling(run)
        self.celery.control.revoke(task, terminate=True)
        return True

    @property
    @override
    def supports_resume_run(self) -> bool:
        """A run starts anew with all its steps: finished recordings are kept anyway."""
        return False

    @override
    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the worker that began a run still answers and has it in hand."""
        task = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)
        if task is None:
            silent = silent_for(self._instance, run, datetime.now(UTC))
            if run.status is DagsterRunStatus.STARTING and silent > _SENT_WITHIN:
                gone = "whoever was to hand it out is gone"
                return CheckRunHealthResult(WorkerStatus.FAILED, gone)
            return CheckRunHealthResult(WorkerStatus.RUNNING, "not handed to a worker")
        worker = _worker_of(run)
        if worker is None and is_waiting(self.celery, task):
            self._roll_call.waits(task)
            return CheckRunHealthResult(WorkerStatus.RUNNING, "waits for a worker")
        lost = self._roll_call.why_lost(task, worker, self._seconds_since_start(run))
        if lost is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        now = self._instance.get_run_by_id(run.run_id)
        if now is None or now.is_finished:
            # It ended while the workers were asked.
            return CheckRunHealthResult(WorkerStatus.SUCCESS)
        # Should it still be at work, cut off from here, its next step will see that it is over.
        self.celery.control.revoke(task, terminate=True)
        return CheckRunHealthResult(WorkerStatus.FAILED, lost)

    @override
    def get_run_worker_debug_info(
        self, run: DagsterRun, include_container_logs: bool | None = True
    ) -> str | None:
        """Where the run waits or runs."""
        return (
            f"queue {queue_of_run(run.tags)}, task {run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)}, "
            f"worker {_worker_of(run) or 'none yet'}. `argus workers` shows who is there."
        )

    def _seconds_since_start(self, run: DagsterRun) -> float:
        record = self._instance.get_run_record_by_id(run.run_id)
        if record is None or record.start_time is None:
            return 0.0
        return max(time.time() - float(record.start_time), 0.0)


@cache
def _at(broker: str) -> tuple[Celery, RollCall]:
    """The app and the roll call of a process, at a broker.

    Each tick of the recovery sensor has a launcher of its own, and since when a worker is silent
    has to be remembered from one to the next.
    """
    app = make_app(broker)
    return app, RollCall(asking(app))


def _worker_of(run: DagsterRun) -> str | None:
    """The worker that began a run; None before.

    A run that is tried again has the tags of the lost one, and with them the worker that lost it.
    """
    return None if run.status is DagsterRunStatus.STARTING else run.tags.get(WORKER_TAG)
