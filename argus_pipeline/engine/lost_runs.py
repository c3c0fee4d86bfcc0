"""The end of a run that its worker can no longer carry out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argus_pipeline.engine.log_tails import end_left_tails

if TYPE_CHECKING:
    from argus_pipeline.run_records import DagsterInstance, DagsterRun


def report_lost(
    instance: DagsterInstance, run_id: str, worker: str, exception: BaseException
) -> None:
    """Tell Dagster that a run is over, unless it is: then it is requested again."""
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        _report(instance, run, worker, exception)
    end_left_tails(instance)


def _report(
    instance: DagsterInstance, run: DagsterRun, worker: str, exception: BaseException
) -> None:
    message = f"Worker {worker} lost it: {type(exception).__name__}: {exception}"
    if run.status.value == "CANCELING":
        instance.report_run_canceled(run, message)
    else:
        instance.report_run_failed(run, message)
