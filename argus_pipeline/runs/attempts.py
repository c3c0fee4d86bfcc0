"""The runs of a batch as attempts, read from Dagster's records, and the end of those that hang."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from argus_pipeline.batches.limits import Limits
from argus_pipeline.batches.recovery import Attempt, Outcome, standstill
from argus_pipeline.runs.records import (
    MANIFEST_ETAG_TAG,
    PARTITION_TAG,
    WILL_RETRY_TAG,
    read_failure,
    stage_now,
)

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun, RunRecord

ASKED_TAG: Final = "argus/asked"
STUCK_TAG: Final = "argus/stuck"
SIZE_TAG: Final = "argus/bytes"
JOB: Final = "batch"
# Dagster starts a lost run again within seconds; what it said that it would and did not is over.
_RESTARTED_WITHIN: Final = timedelta(minutes=3)
_MOST_RUNS: Final = 100

Attempts: TypeAlias = Sequence[Attempt]


def runs_of(instance: DagsterInstance, batch: str) -> Sequence[RunRecord]:
    """The runs of a batch from upload to report, the newest first; of single assets none."""
    from dagster import RunsFilter

    return instance.get_run_records(
        RunsFilter(job_name=JOB, tags={PARTITION_TAG: batch}), limit=_MOST_RUNS
    )


def goes_on(record: RunRecord, now: datetime | None = None) -> bool:
    """Whether a run has not ended, or Dagster itself is about to start it again."""
    run = record.dagster_run
    if not run.is_finished:
        return True
    if run.tags.get(WILL_RETRY_TAG) != "true" or record.end_time is None:
        return False
    ended = datetime.fromtimestamp(record.end_time, UTC)
    return (now or datetime.now(UTC)) - ended < _RESTARTED_WITHIN


def read_attempts(
    instance: DagsterInstance, runs: Sequence[RunRecord], manifest_etag: str | None
) -> Attempts:
    """The attempts among `runs` that were made under one manifest, the newest first."""
    newest = True
    attempts: list[Attempt] = []
    for position, record in enumerate(runs):
        run = record.dagster_run
        if run.tags.get(MANIFEST_ETAG_TAG) != manifest_etag:
            continue
        # Only the newest may be about to start again: a later run answered the others.
        outcome = _outcome(record, restarts=position == 0)
        ended = None if record.end_time is None else datetime.fromtimestamp(record.end_time, UTC)
        permanent, reason = False, run.tags.get(STUCK_TAG, "")
        if outcome is Outcome.FAILED and newest and not reason:
            failure = read_failure(instance, run)
            permanent, reason = failure.permanent, failure.reason or "its run was lost"
        attempts.append(
            Attempt(run.run_id, outcome, ended, permanent, reason, ASKED_TAG in run.tags)
        )
        newest = False
    return attempts


def stuck_runs(
    instance: DagsterInstance, now: datetime, limits: Limits, most: int
) -> Iterator[tuple[DagsterRun, str]]:
    """Runs that have begun and stand still, with the reason to say so."""
    from dagster import DagsterRunStatus, RunsFilter

    for record in instance.get_run_records(
        RunsFilter(job_name=JOB, statuses=[DagsterRunStatus.STARTED]), limit=most
    ):
        run = record.dagster_run
        events = instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
        heard = events[0].timestamp if events else record.start_time
        if heard is None:
            continue
        stage, _ = stage_now(instance, run)
        size = run.tags.get(SIZE_TAG, "0")
        reason = standstill(
            stage.value,
            datetime.fromtimestamp(heard, UTC),
            now,
            int(size) if size.isdecimal() else 0,
            limits,
        )
        if reason is not None:
            yield run, reason


def end_stuck(instance: DagsterInstance, run: DagsterRun, reason: str) -> None:
    """End a run that stands still, whether its worker still answers or not.

    The tag says why, so that nobody takes it for one that a person ended.
    """
    instance.add_run_tags(run.run_id, {STUCK_TAG: reason})
    try:
        answered = instance.run_launcher.terminate(run.run_id)
    except Exception:
        answered = False
    if not answered:
        instance.report_run_failed(run, f"Ended by the recovery sensor: {reason}")


def _outcome(record: RunRecord, *, restarts: bool) -> Outcome:
    run = record.dagster_run
    if goes_on(record) if restarts else not run.is_finished:
        return Outcome.GOING_ON
    if run.status.value == "SUCCESS":
        return Outcome.SUCCEEDED
    if run.status.value == "CANCELED" and STUCK_TAG not in run.tags:
        return Outcome.CANCELED
    return Outcome.FAILED
