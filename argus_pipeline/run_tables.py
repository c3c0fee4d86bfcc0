"""Dagster's tables, read by SQL where many batches are asked for at once.

`run_records` reads one batch through Dagster itself. For a list that would be several statements a
batch, each over a new connection; here it is one for all, and bounded. What sensors and checks ask
(the second half) is told by any of Dagster's databases, the rest by Postgres.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, DateTime, String, TextClause, bindparam, column, text

from argus_pipeline.batches.stages import PLAN_STEP
from argus_pipeline.run_records import (
    JOB,
    PARTITION_TAG,
    PARTITIONS_NAME,
    RANGE_START_TAG,
    RUN_KEY_TAG,
)

GOING_ON: Final = ("QUEUED", "NOT_STARTED", "MANAGED", "STARTING", "STARTED", "CANCELING")
FAILED: Final = ("FAILURE", "CANCELED")
STEP_STATES: Final = {
    "STEP_START": "IN_PROGRESS",
    "STEP_RESTARTED": "IN_PROGRESS",
    "STEP_SUCCESS": "SUCCESS",
    "STEP_FAILURE": "FAILURE",
    "STEP_SKIPPED": "SKIPPED",
}
RUN_STATES: Final = {
    "PIPELINE_ENQUEUED": "QUEUED",
    "PIPELINE_STARTING": "STARTING",
    "PIPELINE_START": "STARTED",
    "PIPELINE_SUCCESS": "SUCCESS",
    "PIPELINE_FAILURE": "FAILURE",
    "PIPELINE_CANCELING": "CANCELING",
    "PIPELINE_CANCELED": "CANCELED",
}
EVENT_TYPES: Final = (*RUN_STATES, *STEP_STATES)
SHARD: Final = "STEP_OUTPUT"
"""What Dagster calls each value of the step `PLAN_STEP`; those of other steps are left out."""
MOST_RUNS: Final = 1000
MOST_EVENTS: Final = 20_000
MOST_LOOKS: Final = 1000
"""More than all sensors together have in the ten minutes by which they count as failing."""

_WANTED: Final = (
    "(dagster_event_type IN :kinds"
    f" OR (dagster_event_type = '{SHARD}' AND step_key = '{PLAN_STEP}'))"
)
_AFTER: Final = text(
    "SELECT id, run_id, dagster_event_type, step_key, timestamp FROM event_logs"
    f" WHERE id > :place AND {_WANTED} ORDER BY id LIMIT :most"
).bindparams(bindparam("kinds", expanding=True))
_OF_RUNS: Final = text(
    "SELECT id, run_id, dagster_event_type, step_key, timestamp FROM event_logs"
    f" WHERE run_id = ANY(:runs) AND {_WANTED} ORDER BY id LIMIT :most"
).bindparams(bindparam("kinds", expanding=True))


@dataclass(frozen=True, slots=True)
class Run:
    """The newest run of a batch; times in seconds since 1970."""

    batch: str
    run_id: str
    status: str
    start: float | None
    end: float | None


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a run that says something of its stage; `id` is its place in the event log."""

    id: int
    run_id: str
    kind: str
    step: str | None
    at: datetime | None


def newest_runs(connection: Connection, batches: Sequence[str]) -> dict[str, Run]:
    """By batch, its newest run; batches without one are left out."""
    if not batches:
        return {}
    rows = connection.execute(
        text(
            "SELECT DISTINCT ON (t.value) t.value, r.run_id, r.status, r.start_time, r.end_time"
            " FROM run_tags t JOIN runs r ON r.run_id = t.run_id"
            " WHERE t.key = :key AND t.value = ANY(:batches) ORDER BY t.value, r.id DESC"
        ),
        {"key": PARTITION_TAG, "batches": list(batches)},
    )
    return {row[0]: Run(*row) for row in rows}


def newest_batches(connection: Connection, most: int) -> list[str]:
    """The batches of the newest runs, the newest first; `most` runs are looked at."""
    rows = connection.execute(
        text(
            "WITH newest AS (SELECT id, run_id FROM runs ORDER BY id DESC LIMIT :most)"
            " SELECT t.value FROM newest n JOIN run_tags t ON t.run_id = n.run_id AND t.key = :key"
            " ORDER BY n.id DESC"
        ),
        {"key": PARTITION_TAG, "most": most},
    )
    return list(dict.fromkeys(row[0] for row in rows))


def partitions_of(connection: Connection, names: Sequence[str]) -> set[str]:
    """Those of these names that are partitions."""
    rows = connection.scalars(
        text(
            "SELECT partition FROM dynamic_partitions"
            " WHERE partitions_def_name = :definition AND partition = ANY(:names)"
        ),
        {"definition": PARTITIONS_NAME, "names": list(names)},
    )
    return set(rows)


def batches_going_on(connection: Connection) -> list[str]:
    """The batches of runs that have not ended, the newest first."""
    return _batches_of(connection, GOING_ON, MOST_RUNS)


def batches_failed(connection: Connection) -> list[str]:
    """The batches of the newest runs that failed or were canceled, without a later run."""
    rows = connection.execute(
        text(
            "WITH failed AS (SELECT id, run_id FROM runs WHERE status IN :states"
            " ORDER BY id DESC LIMIT :most)"
            " SELECT t.value FROM failed f JOIN run_tags t ON t.run_id = f.run_id AND t.key = :key"
            " WHERE NOT EXISTS (SELECT 1 FROM run_tags n JOIN runs r ON r.run_id = n.run_id"
            " WHERE n.key = :key AND n.value = t.value AND r.id > f.id) ORDER BY f.id DESC"
        ).bindparams(bindparam("states", expanding=True)),
        {"states": FAILED, "most": MOST_RUNS, "key": PARTITION_TAG},
    )
    return list(dict.fromkeys(row[0] for row in rows))


def ranges_go_on(connection: Connection) -> bool:
    """Whether a run of many batches has not ended."""
    statement = text(
        "SELECT EXISTS (SELECT 1 FROM runs r JOIN run_tags t ON t.run_id = r.run_id"
        " WHERE t.key = :key AND r.status IN :states)"
    ).bindparams(bindparam("states", expanding=True))
    return bool(connection.scalar(statement, {"key": RANGE_START_TAG, "states": GOING_ON}))


def looks_failed(connection: Connection) -> bool:
    """Whether one of the newest looks of all sensors and schedules failed."""
    statement = text(
        "SELECT 'FAILURE' IN (SELECT status FROM job_ticks ORDER BY id DESC LIMIT :most)"
    )
    return bool(connection.scalar(statement, {"most": MOST_LOOKS}))


def steps_of(connection: Connection, run_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """By run, the states of the steps that have begun, as `stage_of` takes them."""
    found: dict[str, dict[str, str]] = {run_id: {} for run_id in run_ids}
    if run_ids:
        rows = connection.execute(
            text(
                "SELECT run_id, step_key, dagster_event_type FROM event_logs"
                " WHERE run_id = ANY(:runs) AND dagster_event_type IN :kinds"
                " AND step_key IS NOT NULL ORDER BY id LIMIT :most"
            ).bindparams(bindparam("kinds", expanding=True)),
            {"runs": list(run_ids), "kinds": tuple(STEP_STATES), "most": MOST_EVENTS},
        )
        for run_id, step, kind in rows:
            found[run_id][step] = STEP_STATES[kind]
    return found


def shards_of(connection: Connection, run_ids: Sequence[str]) -> dict[str, int]:
    """By run, how many shards its parsing has, where that is known by now."""
    if not run_ids:
        return {}
    rows = connection.execute(
        text(
            "SELECT run_id, count(*) FROM event_logs WHERE run_id = ANY(:runs)"
            " AND dagster_event_type = :kind AND step_key = :step GROUP BY run_id"
        ),
        {"runs": list(run_ids), "kind": SHARD, "step": PLAN_STEP},
    )
    return {row[0]: row[1] for row in rows}


def newest_event(connection: Connection) -> int:
    """The place of the newest event of all; 0 where there is none."""
    return int(connection.scalar(text("SELECT coalesce(max(id), 0) FROM event_logs")) or 0)


def count_between(connection: Connection, after: int, last: int) -> int:
    """How many events of any kind lie behind a place, up to another."""
    statement = text("SELECT count(*) FROM event_logs WHERE id > :after AND id <= :last")
    return int(connection.scalar(statement, {"after": after, "last": last}) or 0)


def events_after(connection: Connection, place: int, most: int) -> list[Event]:
    """What came after a place of the event log, in order, at most `most`."""
    return _events(connection, _AFTER, {"place": place}, most)


def events_of(connection: Connection, run_ids: Sequence[str]) -> list[Event]:
    """All that is known of some runs, in order."""
    if not run_ids:
        return []
    return _events(connection, _OF_RUNS, {"runs": list(run_ids)}, MOST_EVENTS)


def runs_of(connection: Connection, batch: str, most: int = 10) -> list[str]:
    """The ids of a batch's newest runs, the newest first."""
    rows = connection.execute(
        text(
            "SELECT r.run_id FROM run_tags t JOIN runs r ON r.run_id = t.run_id"
            " WHERE t.key = :key AND t.value = :batch ORDER BY r.id DESC LIMIT :most"
        ),
        {"key": PARTITION_TAG, "batch": batch, "most": most},
    )
    return [row[0] for row in rows]


def batches_by_run(connection: Connection, run_ids: Sequence[str]) -> Mapping[str, str]:
    """By run, its batch; runs of no batch are left out."""
    if not run_ids:
        return {}
    rows = connection.execute(
        text("SELECT run_id, value FROM run_tags WHERE key = :key AND run_id = ANY(:runs)"),
        {"key": PARTITION_TAG, "runs": list(run_ids)},
    )
    return {row[0]: row[1] for row in rows}


def failed_lately(connection: Connection, since: datetime) -> dict[str, str]:
    """By batch, its newest run, where that failed or was ended since then."""
    rows = connection.execute(
        text(
            "SELECT t.value, r.run_id FROM runs r"
            " JOIN run_tags t ON t.run_id = r.run_id AND t.key = :key"
            " JOIN (SELECT max(n.id) AS id FROM runs n"
            " JOIN run_tags m ON m.run_id = n.run_id AND m.key = :key"
            " WHERE n.pipeline_name = :job AND n.update_timestamp > :since GROUP BY m.value"
            ") newest ON newest.id = r.id WHERE r.status IN :states"
        ).bindparams(bindparam("states", expanding=True), bindparam("since", type_=DateTime)),
        {"key": PARTITION_TAG, "job": JOB, "since": _stored(since), "states": FAILED},
    )
    return {row[0]: row[1] for row in rows}


def run_keys_taken(connection: Connection, run_keys: Collection[str]) -> set[str]:
    """Those of these run keys that a run has."""
    statement = text("SELECT value FROM run_tags WHERE key = :key AND value IN :run_keys")
    return set(
        connection.scalars(
            # Typed: of an empty list SQLAlchemy makes numbers otherwise, which Postgres refuses.
            statement.bindparams(bindparam("run_keys", type_=String, expanding=True)),
            {"key": RUN_KEY_TAG, "run_keys": list(run_keys)},
        )
    )


def newest_created(connection: Connection, most: int) -> list[float]:
    """When the newest runs of batches were created, in seconds by the database's clock."""
    statement = text(
        "SELECT create_timestamp FROM runs WHERE pipeline_name = :job ORDER BY id DESC LIMIT :most"
    ).columns(column("create_timestamp", DateTime))
    times = connection.scalars(statement, {"job": JOB, "most": most})
    return [_read(at).timestamp() for at in times]


def database_now(connection: Connection) -> float:
    """The database's clock, by which `newest_created` tells times."""
    now = connection.scalar(text("SELECT CURRENT_TIMESTAMP").columns(column("now", DateTime)))
    assert isinstance(now, datetime)
    return (now.astimezone(UTC) if now.tzinfo else _read(now)).timestamp()


def count_attempts(connection: Connection) -> int:
    """How many runs of batches are further attempts that the recovery sensor requested."""
    statement = text("SELECT count(*) FROM run_tags WHERE key = :key AND value LIKE :attempt")
    return int(connection.scalar(statement, {"key": RUN_KEY_TAG, "attempt": "%:attempt%"}) or 0)


def partitions_added(
    connection: Connection, since: datetime, until: datetime
) -> dict[str, datetime]:
    """The batches that became known to Dagster in that time, and when."""
    statement = text(
        "SELECT partition, create_timestamp FROM dynamic_partitions"
        " WHERE partitions_def_name = :definition"
        " AND create_timestamp > :since AND create_timestamp < :until"
    ).bindparams(bindparam("since", type_=DateTime), bindparam("until", type_=DateTime))
    rows = connection.execute(
        statement.columns(column("partition"), column("create_timestamp", DateTime)),
        {"definition": PARTITIONS_NAME, "since": _stored(since), "until": _stored(until)},
    )
    return {row[0]: _read(row[1]) for row in rows}


def newest_partition(connection: Connection) -> datetime | None:
    """When the newest batch became known to Dagster; None where there is none.

    The newest run may be another attempt at an old one.
    """
    statement = text(
        "SELECT max(create_timestamp) AS newest FROM dynamic_partitions"
        " WHERE partitions_def_name = :definition"
    ).columns(column("newest", DateTime))
    at: datetime | None = connection.scalar(statement, {"definition": PARTITIONS_NAME})
    return None if at is None else _read(at)


def _stored(moment: datetime) -> datetime:
    """As Dagster's tables have it: UTC, without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _read(stored: datetime) -> datetime:
    return stored.replace(tzinfo=UTC)


def _batches_of(connection: Connection, states: Sequence[str], most: int) -> list[str]:
    rows = connection.execute(
        text(
            "SELECT t.value FROM runs r JOIN run_tags t ON t.run_id = r.run_id AND t.key = :key"
            " WHERE r.status IN :states ORDER BY r.id DESC LIMIT :most"
        ).bindparams(bindparam("states", expanding=True)),
        {"states": tuple(states), "most": most, "key": PARTITION_TAG},
    )
    return list(dict.fromkeys(row[0] for row in rows))


def _events(
    connection: Connection, statement: TextClause, values: Mapping[str, object], most: int
) -> list[Event]:
    rows = connection.execute(statement, {**values, "kinds": EVENT_TYPES, "most": most})
    return [Event(*row) for row in rows]
