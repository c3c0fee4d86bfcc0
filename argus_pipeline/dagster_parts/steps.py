"""Dagster's executor that hands the steps of a large batch to Celery workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from celery import Celery
from celery.result import AsyncResult, allow_join_result
from dagster import DagsterEvent, Executor
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.step import ExecutionStep
from dagster._core.execution.retries import RetryMode
from dagster._grpc.types import ExecuteStepArgs
from dagster._serdes import pack_value
from dagster_celery.config import TASK_EXECUTE_PLAN_NAME
from dagster_celery.core_execution_loop import core_celery_execution_loop

from argus_pipeline.engine.broker import is_waiting, make_app
from argus_pipeline.engine.checked_task import headers
from argus_pipeline.engine.options import broker_url
from argus_pipeline.engine.queues import queue_of_steps
from argus_pipeline.engine.roll_call import RollCall, asking
from argus_pipeline.errors import Unavailable

_LOOKS_AFTER_S: Final = 15.0


class StepsOnWorkers(Executor):
    """Puts the steps into the queue of the run's priority, and notices a worker that is gone.

    Dagster's own loop does the rest. Between steps travel only small values, which the I/O manager
    keeps in the bucket, and through the broker Dagster's events.
    """

    def __init__(self, retries: RetryMode) -> None:
        self._retries = retries
        self._queue = ""

    @property
    def retries(self) -> RetryMode:
        """How steps are tried again."""
        return self._retries

    def app_args(self) -> dict[str, Any]:
        """What Dagster's loop makes an app of, which is asked for the name of the queue only."""
        return {"broker": broker_url(), "config_source": {"task_default_queue": self._queue}}

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        """Carry out the plan, and hand on the events of its steps."""
        app = make_app(broker_url())
        roll_call = RollCall(asking(app))
        self._queue = queue = queue_of_steps(plan_context.dagster_run.tags).value

        def submit(
            _app: Celery,
            context: PlanOrchestrationContext,
            step: ExecutionStep,
            _queue: str,
            _priority: int,
            known: Any,
        ) -> LookedAfter:
            sent = app.send_task(
                TASK_EXECUTE_PLAN_NAME,
                kwargs=_arguments(context, step, known),
                queue=queue,
                headers=headers(),
            )
            return LookedAfter(sent, roll_call, lambda: is_waiting(app, sent.id))

        # A lead is itself a task, and waits by asking, never by blocking.
        with allow_join_result():
            yield from core_celery_execution_loop(plan_context, execution_plan, submit)


def _arguments(
    context: PlanOrchestrationContext, step: ExecutionStep, known: Any
) -> dict[str, Any]:
    """What the task of a step takes, which is Dagster's own."""
    job = context.reconstructable_job
    step_args = ExecuteStepArgs(
        job_origin=job.get_python_origin(),
        run_id=context.dagster_run.run_id,
        step_keys_to_execute=[step.key],
        instance_ref=context.instance.get_ref(),
        retry_mode=context.executor.retries.for_inner_plan(),
        known_state=known,
    )
    return {"execute_step_args_packed": pack_value(step_args), "executable_dict": job.to_dict()}


class LookedAfter:
    """The result of a step on a worker, which is there, too, once that worker is lost."""

    def __init__(self, result: AsyncResult, roll_call: RollCall, waits: Callable[[], bool]) -> None:
        self._result = result
        self._roll_call = roll_call
        self._waits = waits
        self._looked = self._begun = 0.0
        self._lost: str | None = None

    def ready(self) -> bool:
        """Whether the step has ended, well or not."""
        return self._result.ready() or self._is_lost()

    def get(self) -> Any:
        """The events of the step.

        Raises:
            Unavailable: its worker is lost.
        """
        if self._lost is not None and not self._result.ready():
            raise Unavailable(f"the step was lost: {self._lost}", where=self._result.id)
        return self._result.get()

    def revoke(self) -> None:
        """Do not begin it any more."""
        self._result.revoke()

    def _is_lost(self) -> bool:
        now = time.monotonic()
        if now - self._looked < _LOOKS_AFTER_S:
            return self._lost is not None
        self._looked = now
        meta = self._result.backend.get_task_meta(self._result.id)
        if meta["status"] == "STARTED":
            self._begun = self._begun or now
            worker = (meta.get("result") or {}).get("hostname")
            self._lost = self._roll_call.why_lost(self._result.id, worker, now - self._begun)
        elif meta["status"] == "PENDING":
            # A task can be lost on its way: given to a connection whose host is gone.
            if self._waits():
                self._roll_call.waits(self._result.id)
            else:
                self._lost = self._roll_call.why_lost(self._result.id, None)
        return self._lost is not None
