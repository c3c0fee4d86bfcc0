"""The one reader of Dagster's own records: what the runs of a batch say, and why they failed.

Nothing here is stored. Whoever needs a type of Dagster's takes it from here.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

import psutil

from argus_pipeline import settings
from argus_pipeline.automation import A_WEEK_S, LATELY_S, Failing, Look, Looks, failing
from argus_pipeline.batches.limits import Limits
from argus_pipeline.batches.recovery import Attempt, Outcome, standstill
from argus_pipeline.batches.stages import Stage, stage_of
from argus_pipeline.errors import ArgusError, BadInput, Unavailable

if TYPE_CHECKING:
    from dagster import DagsterInstance as DagsterInstance
    from dagster import DagsterRun as DagsterRun
    from dagster import RunRecord as RunRecord
    from dagster._core.scheduler.instigation import InstigatorTick
    from sqlalchemy import Connection

DATABASE: Final = "Dagster's database"
"""What errors call it."""
PARTITION_TAG: Final = "dagster/partition"
PARTITIONS_NAME: Final = "batch"
RANGE_START_TAG: Final = "dagster/asset_partition_range_start"
_RANGE_END_TAG: Final = "dagster/asset_partition_range_end"
MANIFEST_KEY_TAG: Final = "argus/manifest_key"
MANIFEST_ETAG_TAG: Final = "argus/manifest_etag"
CODE_VERSION_TAG: Final = "dagster/code_version"
RETRY_NUMBER_TAG: Final = "dagster/retry_number"
WILL_RETRY_TAG: Final = "dagster/will_retry"
PERMANENT: Final = "permanent"
"""Metadata of a failure that the same data will have again."""
ASKED_TAG: Final = "argus/asked"
STUCK_TAG: Final = "argus/stuck"
SIZE_TAG: Final = "argus/bytes"
WORKER_TAG: Final = "argus/worker"
"""Tag of a run that a Celery worker began: the worker's name."""
LEFT_OUT_TAG: Final = "argus/left_out"
"""Tag of a run of many batches: those that it could not make, with spaces between."""
JOB: Final = "batch"
_LOOKS_LATELY: Final = 150
"""More than a sensor has in the time that counts as lately."""
# Dagster starts a lost run again within seconds; what it said that it would and did not is over.
_RESTARTED_WITHIN: Final = timedelta(minutes=3)
RUN_KEY_TAG: Final = "dagster/run_key"
_ATTEMPT: Final = re.compile(r":attempt(\d+)$")
_MOST_RUNS: Final = 100
_MOST_RESTARTS: Final = 10
# What Dagster's default launcher notes when the process of a run begins.
_WORKER: Final = re.compile(r"Started process for run \(pid: (\d+)\)")
# The code server reports a dead worker within a second, unless the database was away just then.
_REPORTED_WITHIN: Final = timedelta(seconds=20)
_QUEUED_WITHIN: Final = timedelta(minutes=10)


def connect() -> DagsterInstance:
    """The Dagster instance that the environment or the local stack names.

    Raises:
        ArgusError: there is none.
        Unavailable: its database does not answer.
    """
    from dagster import DagsterInstance

    settings.complete_environment()
    if not os.environ.get("DAGSTER_HOME"):
        raise ArgusError(
            "no Dagster instance is known",
            hint="Start the local stack with `argus up`, or set DAGSTER_HOME",
        )
    with answering():
        return DagsterInstance.get()


@contextmanager
def answering() -> Iterator[None]:
    """Turn errors of the connection to Dagster's database into `Unavailable`."""
    from dagster_postgres.utils import DagsterPostgresException

    from argus_pipeline.database.engine import translated_at

    try:
        with translated_at(DATABASE):
            yield
    except DagsterPostgresException as error:  # after some attempts of its own
        raise Unavailable(
            "the database does not answer",
            where=DATABASE,
            hint="`argus doctor` checks it; `argus up` starts the local one",
        ) from error


def run_rows(instance: DagsterInstance) -> AbstractContextManager[Connection]:
    """A connection to Dagster's tables of runs, for `run_tables`."""
    from dagster._core.storage.runs import SqlRunStorage

    return cast("SqlRunStorage", instance.run_storage).connect()


def event_rows(instance: DagsterInstance) -> AbstractContextManager[Connection]:
    """A connection to its tables of events and partitions; in Postgres the same database."""
    from dagster._core.storage.event_log import SqlEventLogStorage

    return cast("SqlEventLogStorage", instance.event_log_storage).index_connection()


def stage_now(instance: DagsterInstance, run: DagsterRun) -> tuple[Stage, str]:
    """The stage that a run is at; see `stage_of`."""
    steps = {
        step.step_key: step.status.value
        for step in instance.get_run_step_stats(run.run_id)
        if step.status is not None
    }
    return stage_of(run.status.value, steps)


def run_url(run_id: str) -> str | None:
    """The page of a run in the Dagster UI, where its address is known."""
    base = settings.ui_url()
    return f"{base.rstrip('/')}/runs/{run_id}" if base else None


@dataclass(frozen=True, slots=True)
class RunFailure:
    """Why a run failed, in its first failure's own words and without the stack.

    `permanent`: by what the data is, so the same data fails again.
    """

    reason: str
    permanent: bool


def read_failure(instance: DagsterInstance, run: DagsterRun) -> RunFailure:
    """Why a run failed; without a reason where nothing says so."""
    from dagster import DagsterEventType

    wanted = {DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE}
    for record in instance.get_records_for_run(run.run_id, of_type=wanted, limit=20).records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        data = event.event_specific_data
        failure = getattr(data, "user_failure_data", None)
        if failure is not None and failure.description:
            return RunFailure(
                f"{event.step_key}: {failure.description}", PERMANENT in failure.metadata
            )
        error = getattr(data, "error", None)
        kinds = set()
        while error is not None:
            kinds.add(error.cls_name)
            if error.cause is None:
                break
            error = error.cause
        text = error.message.strip() if error is not None else event.message or ""
        reason = f"{event.step_key}: {text}" if event.step_key else text
        return RunFailure(reason, BadInput.__name__ in kinds)
    return RunFailure("", permanent=False)


def newest_run(instance: DagsterInstance, batch: str) -> RunRecord | None:
    """The newest run of a batch, be it of all its assets or of some."""
    from dagster import RunsFilter

    records = instance.get_run_records(RunsFilter(tags={PARTITION_TAG: batch}), limit=1)
    return records[0] if records else None


def batches_with_runs(instance: DagsterInstance, limit: int) -> Sequence[str]:
    """The batches of the newest runs, the newest first; `limit` runs are looked at."""
    records = instance.get_run_records(limit=limit)
    named = (record.dagster_run.tags.get(PARTITION_TAG) for record in records)
    return list(dict.fromkeys(name for name in named if name))


def known_batches(instance: DagsterInstance) -> set[str]:
    """All partitions."""
    return set(instance.get_dynamic_partitions(PARTITIONS_NAME))


def going_on(instance: DagsterInstance) -> set[str]:
    """The batches of which a run has not ended."""
    from dagster import RunsFilter
    from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

    runs = instance.get_runs(RunsFilter(statuses=list(NOT_FINISHED_STATUSES)))
    alone = {batch for run in runs if (batch := run.tags.get(PARTITION_TAG))}
    return alone | batches_of_ranges(instance, runs)


def batches_of_ranges(instance: DagsterInstance, runs: Sequence[DagsterRun]) -> set[str]:
    """The batches of runs that have a range of them, in the order in which Dagster lists them."""
    ranges = [
        (run.tags[RANGE_START_TAG], run.tags.get(_RANGE_END_TAG))
        for run in runs
        if RANGE_START_TAG in run.tags
    ]
    if not ranges:
        return set()
    in_order = list(instance.get_dynamic_partitions(PARTITIONS_NAME))
    place = {batch: number for number, batch in enumerate(in_order)}
    return {
        batch
        for first, last in ranges
        if first in place and last in place
        for batch in in_order[place[first] : place[last] + 1]
    }


def seconds_a_batch(instance: DagsterInstance) -> float | None:
    """What a batch took lately, by the newest runs that ended well; None before the first."""
    from dagster import DagsterRunStatus, RunsFilter

    found = instance.get_run_records(
        RunsFilter(job_name=JOB, statuses=[DagsterRunStatus.SUCCESS]), limit=20
    )
    took = [r.end_time - r.start_time for r in found if r.end_time and r.start_time]
    return sum(took) / len(took) if took else None


def newest_report(instance: DagsterInstance, batch: str) -> tuple[str, float] | None:
    """The run that made a batch's newest report, and when (seconds since 1970)."""
    from dagster import AssetKey, AssetRecordsFilter

    found = instance.fetch_materializations(
        AssetRecordsFilter(AssetKey("report"), asset_partitions=[batch]), limit=1
    ).records
    return (found[0].run_id, found[0].timestamp) if found else None


def failed_since(instance: DagsterInstance, moment: datetime, most: int) -> set[str]:
    """The batches whose newest run failed since a moment; `most` failed runs are looked at."""
    from dagster import DagsterRunStatus, RunsFilter

    failed = instance.get_run_records(
        RunsFilter(job_name=JOB, statuses=[DagsterRunStatus.FAILURE], updated_after=moment),
        limit=most,
    )
    runs = {r.dagster_run.run_id: r.dagster_run.tags.get(PARTITION_TAG) for r in failed}
    newest = {b: newest_run(instance, b) for b in set(runs.values()) if b}
    return {b for b, record in newest.items() if record and record.dagster_run.run_id in runs}


def newest_materializations(instance: DagsterInstance, asset: str) -> dict[str, int]:
    """By batch, the place of its newest materialization of an asset in Dagster's event log."""
    from dagster import AssetKey, DagsterEventType

    return dict(
        instance.get_latest_storage_id_by_partition(
            AssetKey(asset), DagsterEventType.ASSET_MATERIALIZATION
        )
    )


def made_by(instance: DagsterInstance, asset: str, places: Sequence[int]) -> dict[str, str]:
    """By batch, the code version of the materializations at these places of the event log."""
    from dagster import AssetKey, AssetRecordsFilter

    if not places:
        return {}
    found = instance.fetch_materializations(
        AssetRecordsFilter(AssetKey(asset), storage_ids=places), limit=len(places)
    )
    versions: dict[str, str] = {}
    for record in found.records:
        made = record.asset_materialization
        version = (made.tags or {}).get(CODE_VERSION_TAG) if made else None
        if record.partition_key and version:
            versions[record.partition_key] = version
    return versions


def newest_outcome(instance: DagsterInstance, batch: str) -> tuple[Outcome | None, dict[str, str]]:
    """How the newest run of a batch stands, None where it has none, and the run's tags."""
    record = newest_run(instance, batch)
    if record is None:
        return None, {}
    return _outcome(record, restarts=True), dict(record.dagster_run.tags)


def runs_of(instance: DagsterInstance, batch: str) -> Sequence[RunRecord]:
    """The runs of a batch from upload to report, the newest first; of single assets none."""
    from dagster import RunsFilter

    return instance.get_run_records(
        RunsFilter(job_name=JOB, tags={PARTITION_TAG: batch}), limit=_MOST_RUNS
    )


def next_attempt(runs: Sequence[RunRecord]) -> int:
    """The number of a batch's next attempt: above that of every run that is still there.

    Their count alone would name one twice where older ones were pruned, and Dagster would take the
    request for one that it has answered.
    """
    named = (_ATTEMPT.search(one.dagster_run.tags.get(RUN_KEY_TAG, "")) for one in runs)
    return 1 + max([len(runs), *(int(found[1]) for found in named if found)])


def count_runs(instance: DagsterInstance) -> dict[str, int]:
    """How many runs of batches there are, by status."""
    from dagster import DagsterRunStatus, RunsFilter

    return {
        status.value.lower(): instance.get_runs_count(RunsFilter(job_name=JOB, statuses=[status]))
        for status in DagsterRunStatus
    }


def count_restarts(instance: DagsterInstance) -> int:
    """How many of them Dagster started again by itself."""
    from dagster import RunsFilter

    numbers = [str(number) for number in range(1, _MOST_RESTARTS + 1)]
    return instance.get_runs_count(RunsFilter(job_name=JOB, tags={RETRY_NUMBER_TAG: numbers}))


def failing_automation(instance: DagsterInstance) -> list[Failing]:
    """The sensors and schedules that run and fail, by name; one short query for each of them."""
    now = time.time()
    return failing(_looks(instance, now), now)


def _looks(instance: DagsterInstance, now: float) -> Iterator[Looks]:
    from dagster._core.definitions.run_request import InstigatorType
    from dagster._core.scheduler.instigation import InstigatorStatus, TickStatus

    if instance.schedule_storage is None:
        return
    for state in instance.all_instigator_state():
        if state.status is InstigatorStatus.STOPPED:
            continue
        is_sensor = state.instigator_type is InstigatorType.SENSOR
        ticks = instance.get_ticks(
            state.instigator_origin_id,
            state.selector_id,
            after=now - (LATELY_S if is_sensor else A_WEEK_S),
            limit=_LOOKS_LATELY if is_sensor else 1,
            statuses=[TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE],
        )
        ended = [
            Look(tick.timestamp, _reason(tick) if tick.status is TickStatus.FAILURE else None)
            for tick in ticks
        ]
        yield Looks(state.instigator_name, is_sensor, ended)


def _reason(tick: InstigatorTick) -> str:
    error = tick.error
    while error is not None and error.cause is not None:
        error = error.cause
    line = error.message.strip().partition("\n")[0] if error is not None else ""
    return line or "the reason is not known"


def goes_on(record: RunRecord) -> bool:
    """Whether a run has not ended, or Dagster itself is about to start it again."""
    run = record.dagster_run
    if not run.is_finished:
        return True
    if run.tags.get(WILL_RETRY_TAG) != "true" or record.end_time is None:
        return False
    ended = datetime.fromtimestamp(record.end_time, UTC)
    return datetime.now(UTC) - ended < _RESTARTED_WITHIN


def read_attempts(
    instance: DagsterInstance, runs: Sequence[RunRecord], manifest_etag: str | None
) -> Sequence[Attempt]:
    """The attempts among `runs` that were made under one manifest, the newest first.

    Only the newest says why it failed.
    """
    own = [r for r in runs if r.dagster_run.tags.get(MANIFEST_ETAG_TAG) == manifest_etag]
    attempts = []
    for record in own:
        run = record.dagster_run
        # Only the newest run may be about to start again: a later one answered the others.
        outcome = _outcome(record, restarts=record is runs[0])
        ended = None if record.end_time is None else datetime.fromtimestamp(record.end_time, UTC)
        failure = RunFailure(run.tags.get(STUCK_TAG, ""), permanent=False)
        if record is own[0] and outcome is Outcome.FAILED and not failure.reason:
            failure = read_failure(instance, run)
        attempts.append(
            Attempt(
                run.run_id,
                outcome,
                ended,
                failure.permanent,
                failure.reason or "its run was lost",
                ASKED_TAG in run.tags,
            )
        )
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
        heard = last_heard(instance, run)
        if heard is None:
            continue
        stage, _ = stage_now(instance, run)
        size = run.tags.get(SIZE_TAG, "0")
        reason = standstill(
            stage,
            heard,
            now,
            int(size) if size.isdecimal() else 0,
            limits,
        )
        if reason is not None:
            yield run, reason


def silent_for(instance: DagsterInstance, run: DagsterRun, now: datetime) -> timedelta:
    """For how long nothing was noted of a run; no time where nothing ever was."""
    return now - (last_heard(instance, run) or now)


def last_heard(instance: DagsterInstance, run: DagsterRun) -> datetime | None:
    """When anything was last noted of a run; None where nothing was."""
    newest = instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
    return datetime.fromtimestamp(newest[0].timestamp, UTC) if newest else None


def lost_runs(
    instance: DagsterInstance, now: datetime, most: int
) -> Iterator[tuple[DagsterRun, str]]:
    """Runs of any job that have begun and whose worker is gone, with the reason to say so.

    Dagster's default launcher leaves this to the code server, which stops looking once the
    database was away at the wrong moment: the run would stay STARTED and keep its place until its
    time limit. To be asked by a process that lives where the workers of that launcher live. Other
    launchers are asked by Dagster itself, but for runs that were handed out and did not begin.
    """
    from dagster import DagsterRunStatus, RunsFilter

    if not _runs_are_here(instance):
        yield from _lost_before_they_began(instance, now, most)
        return
    for record in instance.get_run_records(
        RunsFilter(statuses=[DagsterRunStatus.STARTED]), limit=most
    ):
        run = record.dagster_run
        pids = worker_pids(instance, run)
        silent = silent_for(instance, run, now)
        if pids and silent > _REPORTED_WITHIN and not any(map(_is_worker, pids)):
            current = instance.get_run_by_id(run.run_id)
            if current is not None and not current.is_finished:
                yield run, f"its worker (process {pids[-1]}) is gone"


def _lost_before_they_began(
    instance: DagsterInstance, now: datetime, most: int
) -> Iterator[tuple[DagsterRun, str]]:
    """Runs that will not begin: never queued, or handed out to nobody who has them in hand."""
    from dagster import DagsterRunStatus, RunsFilter
    from dagster._core.launcher import WorkerStatus

    if not instance.run_launcher.supports_check_run_worker_health:
        return
    for record in instance.get_run_records(
        RunsFilter(statuses=[DagsterRunStatus.NOT_STARTED], created_before=now - _QUEUED_WITHIN),
        limit=most,
    ):
        yield record.dagster_run, "it was made and never queued: whoever made it is gone"
    for run in instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTING]), limit=most):
        health = instance.run_launcher.check_run_worker_health(run)
        if health.status is WorkerStatus.FAILED:
            yield run, health.msg or "its worker is gone"


def _runs_are_here(instance: DagsterInstance) -> bool:
    """Whether the launcher begins runs on this machine: only then their pids mean anything."""
    from dagster._core.launcher import DefaultRunLauncher

    return isinstance(instance.run_launcher, DefaultRunLauncher)


def worker_pids(instance: DagsterInstance, run: DagsterRun) -> Sequence[int]:
    """The processes that the default launcher began for a run, the newest last."""
    return [pid for pid, _ in _workers_named(instance, run)]


def _workers_named(instance: DagsterInstance, run: DagsterRun) -> Sequence[tuple[int, float]]:
    """The same, each with the time at which Dagster named it."""
    from dagster import DagsterEventType

    notes = instance.get_records_for_run(
        run.run_id, of_type=DagsterEventType.ENGINE_EVENT, limit=20
    ).records
    said = ((_WORKER.search(note.event_log_entry.message), note.timestamp) for note in notes)
    return [(int(found[1]), at) for found, at in said if found]


def _is_worker(pid: int) -> bool:
    """Whether a process may be a run worker. Another Python that got its pid is taken for it."""
    try:
        process = psutil.Process(pid)
        is_python = any("python" in part for part in process.cmdline()[:1])
        return process.status() != psutil.STATUS_ZOMBIE and is_python
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def end_stuck(instance: DagsterInstance, run: DagsterRun, reason: str) -> None:
    """End a run that stands still, whether its worker still answers or not.

    The tag says why, so that nobody takes it for one that a person ended.
    """
    instance.add_run_tags(run.run_id, {STUCK_TAG: reason})
    try:
        unanswered = "" if instance.run_launcher.terminate(run.run_id) else "its worker is gone"
    except Exception as error:  # whatever the launcher says, the run has to end
        unanswered = f"its launcher cannot end it: {type(error).__name__}: {error}"
    if _runs_are_here(instance) and end_workers(instance, run):
        unanswered = "its worker did not end when it was asked to, and was killed"
    current = instance.get_run_by_id(run.run_id)
    if unanswered and current is not None and not current.is_finished:
        instance.report_run_failed(run, f"Ended by the recovery sensor: {reason}; {unanswered}")


def end_workers(instance: DagsterInstance, run: DagsterRun, patience_s: float = 3.0) -> int:
    """Kill the processes of a run that do not end by themselves; returns how many it killed.

    One that hangs would go on for ever, beside the next attempt.
    """
    found = (_process_of(pid, at) for pid, at in _workers_named(instance, run))
    running = [process for process in found if process is not None]
    _, alive = psutil.wait_procs(running, timeout=patience_s)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return len(alive)


def _process_of(pid: int, named_at: float) -> psutil.Process | None:
    """The process that had this pid then, if it still runs: a later one is another's."""
    try:
        process = psutil.Process(pid)
        is_it = process.create_time() <= named_at and _is_worker(pid)
    except psutil.Error:
        return None
    return process if is_it else None


def _outcome(record: RunRecord, *, restarts: bool) -> Outcome:
    run = record.dagster_run
    if goes_on(record) if restarts else not run.is_finished:
        return Outcome.GOING_ON
    if run.status.value == "SUCCESS":
        return Outcome.SUCCEEDED
    if run.status.value == "CANCELED" and STUCK_TAG not in run.tags:
        return Outcome.CANCELED
    return Outcome.FAILED
