"""Tells people what they should know: in this sensor's log, and by a webhook where there is one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from typing import Final, TypeAlias

from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunsFilter,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from argus_pipeline.alerts.alert import Alert, Event, Kind
from argus_pipeline.alerts.outbox import Describe, tell
from argus_pipeline.alerts.webhook import read_webhook, send
from argus_pipeline.batches.given_up import list_given_up_records, read_given_up
from argus_pipeline.batches.limits import read_limits
from argus_pipeline.fleet.campaign import read_health
from argus_pipeline.fleet.verdict import Verdict
from argus_pipeline.run_records import (
    PARTITION_TAG,
    event_rows,
    failing_automation,
    read_failure,
    run_url,
)
from argus_pipeline.run_tables import newest_partition
from argus_pipeline.storage.object_store import ObjectStore
from resources.object_store import ObjectStoreResource

SECONDS_BETWEEN_TICKS: Final = 30
# A failed run is told of within that time, or never: the daemon may have been away.
RUNS_FAILED_WITHIN: Final = timedelta(hours=6)
RUNS_A_TICK: Final = 200
Happened: TypeAlias = tuple[Event, Describe]


@sensor(minimum_interval_seconds=SECONDS_BETWEEN_TICKS, default_status=DefaultSensorStatus.RUNNING)
def alerts(context: SensorEvaluationContext, object_store: ObjectStoreResource) -> SkipReason:
    """Failed runs and sensors, batches given up, campaigns on hold, a silent feed; each once."""
    store, now = object_store.store(), datetime.now(UTC)
    webhook = read_webhook()
    found = tell(
        store,
        dict(
            chain(
                _failed_runs(context.instance, now),
                _given_up(store),
                _held(store),
                _silent(context.instance, now),
                _failing(context.instance),
            )
        ),
        partial(send, webhook) if webhook else None,
    )
    for alert in found.told:
        context.log.warning(f"{alert.event.kind.value}: {alert.title}. {alert.text}")
    for alert, reason in found.waiting:
        context.log.error(f"not sent yet: {alert.event.kind.value}: {alert.title} ({reason})")
    waiting = len(found.waiting) + found.later
    return SkipReason(f"{len(found.told)} alerts told, {waiting} waiting.")


def _failed_runs(instance: DagsterInstance, now: datetime) -> Iterator[Happened]:
    records = instance.get_run_records(
        RunsFilter(statuses=[DagsterRunStatus.FAILURE], updated_after=now - RUNS_FAILED_WITHIN),
        limit=RUNS_A_TICK,
    )
    for record in records:
        run = record.dagster_run
        event = Event(Kind.RUN_FAILED, run.run_id, run.run_id)
        yield event, partial(_failed_run, instance, run, event)


def _failed_run(instance: DagsterInstance, run: DagsterRun, event: Event) -> Alert:
    batch = run.tags.get(PARTITION_TAG)
    name = f"a run of {batch}" if batch else f"a run of {run.job_name}"
    return Alert(
        event,
        f"{name} failed",
        read_failure(instance, run).reason or "the run was lost",
        run_url(run.run_id),
        {"run": run.run_id, "batch": batch, "job": run.job_name},
    )


def _given_up(store: ObjectStore) -> Iterator[Happened]:
    for batch, token in list_given_up_records(store):
        event = Event(Kind.BATCH_GIVEN_UP, batch, token)
        yield event, partial(_given_up_batch, store, event)


def _given_up_batch(store: ObjectStore, event: Event) -> Alert | None:
    record = read_given_up(store, event.subject)
    if record is None:
        return None
    return Alert(
        event,
        f"{record.batch} was given up",
        f"{record.reason}. Try it again by: {record.command}",
        run_url(record.run_id),
        {"batch": record.batch, "campaign": record.campaign, "attempts": record.attempts},
    )


def _held(store: ObjectStore) -> Iterator[Happened]:
    for health in read_health(store):
        if health["verdict"] == Verdict.HOLD.value:
            name = health["campaign"]
            alert = Alert(
                Event(Kind.CAMPAIGN_ON_HOLD, name),
                f"hold the campaign {name}",
                f"{health['reason']}. Its page: argus open {name}",
                None,
                {"campaign": name, "target": health["target"]},
            )
            yield alert.event, partial(_as_it_is, alert)


def _silent(instance: DagsterInstance, now: datetime) -> Iterator[Happened]:
    with event_rows(instance) as connection:
        newest = newest_partition(connection)
    hours = read_limits().feed_silent_hours
    # A stack that has never seen a batch is new, not silent.
    if newest and now - newest > timedelta(hours=hours):
        alert = Alert(
            Event(Kind.FEED_SILENT, "feed"),
            f"no batch for more than {hours} hours",
            f"The last one came {newest:%Y-%m-%d %H:%M} UTC",
        )
        yield alert.event, partial(_as_it_is, alert)


def _failing(instance: DagsterInstance) -> Iterator[Happened]:
    for one in failing_automation(instance):
        alert = Alert(
            Event(Kind.AUTOMATION_FAILING, one.name),
            f"{one.name} fails",
            f"{one.reason}. Nothing that it should start is started until that is mended",
        )
        yield alert.event, partial(_as_it_is, alert)


def _as_it_is(alert: Alert) -> Alert:
    return alert
