"""Prunes Dagster's own records: events and runs that nobody asks for any more.

Dagster keeps every event of every run for ever, about a hundred a batch, and its own way to delete
a run (`DagsterInstance.delete_run`) takes the materializations along, so that partitions turn
missing. This keeps what the state of an asset follows from: of each asset and partition the newest
event of each kind, of each check and partition the newest result. So partition status, health,
freshness and automation are the same before and after.

A run goes with all of its events, unless it holds one of those, or is the newest of its batch:
that one stays without its other events, which `PRUNED_TAG` says, and without the pictures inside
those it keeps: they are nine tenths of their bytes, and the bucket has them. Of a batch that is not
done nothing is touched: how often it was tried is told by its runs, and why it failed by their
events.

The statements are over Dagster's tables as dagster-postgres 0.29 has them; each is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Final

from sqlalchemy import Connection, Engine, TextClause, text

from argus_pipeline.database.engine import translated

PRUNED_TAG: Final = "argus/pruned"
"""Tag of a run whose events were pruned but for the newest of its assets; the day (UTC)."""

MATERIALIZED: Final = "ASSET_MATERIALIZATION"
PLANNED: Final = "ASSET_MATERIALIZATION_PLANNED"
KEPT_KINDS: Final = (
    *(MATERIALIZED, PLANNED, "ASSET_OBSERVATION", "ASSET_FAILED_TO_MATERIALIZE"),
    *("FRESHNESS_STATE_CHANGE", "ASSET_HEALTH_CHANGED"),
)
"""Kinds of events that the state of an asset or partition follows from, by the newest of each."""

_RUNS_A_COMMIT: Final = 200
_SCANNED_AT_ONCE: Final = 2_000
_SHOWN: Final = 100


class Fate(StrEnum):
    """What becomes of a run that has ended long ago."""

    LEAVE = "leave"
    THIN = "thin"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class OldRun:
    """A run past its time. `batch` is None where it belongs to none, or to many."""

    place: int
    run_id: str
    batch: str | None


@dataclass(frozen=True, slots=True)
class BatchRuns:
    """Of a batch: its newest run, the newest from upload to report, and whether it is done.

    Done: it has a report, and its newest run ended well.
    """

    newest: str
    newest_whole: str | None
    done: bool


@dataclass
class Pruned:
    """What was pruned, in rows; `objects` are values between steps in the bucket.

    Attributes:
        deleted: runs that went with all their events.
        thinned: runs that stayed without their other events.
        left: runs past their time that were left alone, since their batch is not done.
        events: of the event log.
        pictures: events that stayed without the pictures inside them.
        checks: results of checks that newer ones have replaced.
        backfills: records of backfills that have ended.
        objects: values between steps, and logs of steps, that went with the runs.
        names: the first runs that went or were thinned.
        more: whether the bound was reached, so that the next night goes on.
    """

    deleted: int = 0
    thinned: int = 0
    left: int = 0
    events: int = 0
    pictures: int = 0
    checks: int = 0
    backfills: int = 0
    objects: int = 0
    names: list[str] = field(default_factory=list)
    more: bool = False

    @property
    def runs(self) -> int:
        """Runs that went or were thinned."""
        return self.deleted + self.thinned


def fate(run: OldRun, batches: Mapping[str, BatchRuns]) -> Fate:
    """What becomes of a run, before it is known whether it holds the newest event of anything.

    Args:
        run: past its time.
        batches: at least the run's own batch, where it has one.
    """
    if run.batch is None:
        return Fate.DELETE
    own = batches.get(run.batch)
    if own is None or not own.done:
        return Fate.LEAVE
    # By these `argus status` and the recovery know the batch.
    return Fate.THIN if run.run_id in {own.newest, own.newest_whole} else Fate.DELETE


def prune(
    engine: Engine,
    *,
    before: datetime,
    most: int,
    job: str,
    dry_run: bool = False,
    on_runs: Callable[[Sequence[str]], int] = lambda runs: 0,
) -> Pruned:
    """Prune runs that ended before a moment, the oldest first; interrupted, it just goes on later.

    Args:
        engine: of Dagster's database.
        before: runs that changed after it are left alone.
        most: how many runs are pruned at the most.
        job: name of the job that makes everything of a batch.
        dry_run: count only: each transaction is rolled back.
        on_runs: called with the ids of pruned runs for what of them lies elsewhere; returns how
            much it removed. Not called in a dry run.

    Raises:
        Unavailable: the database does not answer.
    """
    done = Pruned()
    limit = {"before": before.astimezone(UTC).replace(tzinfo=None)}
    with translated(engine), engine.connect() as connection:
        due = _due(connection, limit, job, done, most)
        while chunk := list(islice(due, _RUNS_A_COMMIT)):
            ids = [run.run_id for run, _ in chunk]
            thin = [run.run_id for run, its in chunk if its is Fate.THIN]
            if not dry_run:
                # Before the rows: what is interrupted here is found again by them.
                done.objects += on_runs(ids)
            _prune_runs(connection, ids, thin, done)
            connection.rollback() if dry_run else connection.commit()
        done.backfills = _prune_backfills(connection, limit, most)
        connection.rollback() if dry_run else connection.commit()
    return done


def cutoff(now: datetime, days: int) -> datetime:
    """The moment before which a run has to have ended to be past its time."""
    return now - timedelta(days=days)


_DUE: Final = text(
    """
    SELECT r.id, r.run_id, p.value
    FROM runs r LEFT JOIN run_tags p ON p.run_id = r.run_id AND p.key = 'dagster/partition'
    WHERE r.status IN ('SUCCESS', 'FAILURE', 'CANCELED')
      AND r.update_timestamp < :before AND r.id > :after
      AND NOT EXISTS (SELECT FROM run_tags t WHERE t.run_id = r.run_id AND t.key = :pruned)
    ORDER BY r.id LIMIT :most
    """
)
_BATCHES: Final = text(
    """
    SELECT t.value, r.run_id, r.status, r.pipeline_name = :job,
      EXISTS (SELECT FROM event_logs e WHERE e.asset_key = '["report"]'
              AND e.dagster_event_type = 'ASSET_MATERIALIZATION' AND e.partition = t.value)
    FROM run_tags t JOIN runs r ON r.run_id = t.run_id
    WHERE t.key = 'dagster/partition' AND t.value = ANY(:batches)
    ORDER BY t.value, r.id DESC
    """
)


def _due(
    connection: Connection, limit: Mapping[str, datetime], job: str, done: Pruned, most: int
) -> Iterator[tuple[OldRun, Fate]]:
    after, found = 0, 0
    while True:
        given = {**limit, "after": after, "pruned": PRUNED_TAG, "most": _SCANNED_AT_ONCE}
        runs = [OldRun(*row) for row in connection.execute(_DUE, given)]
        batches = _batches(connection, {run.batch for run in runs if run.batch}, job)
        for run in runs:
            its = fate(run, batches)
            if its is Fate.LEAVE:
                done.left += 1
            elif found >= most:
                done.more = True
                return
            else:
                found += 1
                yield run, its
        if len(runs) < _SCANNED_AT_ONCE:
            return
        after = runs[-1].place


def _batches(connection: Connection, names: Iterable[str], job: str) -> dict[str, BatchRuns]:
    found: dict[str, BatchRuns] = {}
    rows = connection.execute(_BATCHES, {"batches": sorted(names), "job": job})
    for batch, run_id, status, whole, reported in rows:
        known = found.get(batch)
        if known is None:
            done = status == "SUCCESS" and reported
            found[batch] = BatchRuns(run_id, run_id if whole else None, done)
        elif whole and known.newest_whole is None:
            found[batch] = BatchRuns(known.newest, run_id, known.done)
    return found


# The newest of its kind, of its asset and partition; a plan only while nothing came of it since.
# Rows with and without a partition apart: the index serves `=` and not `IS NOT DISTINCT FROM`.
_NEWEST: Final = """
    SELECT e.id, e.run_id FROM event_logs e
    WHERE e.run_id = ANY(:runs) AND e.asset_key IS NOT NULL AND {own}
      AND e.dagster_event_type = ANY(:kinds)
      AND NOT EXISTS (
        SELECT FROM event_logs l WHERE l.asset_key = e.asset_key AND {same} AND l.id > e.id
          AND l.dagster_event_type = e.dagster_event_type)
      AND (e.dagster_event_type <> 'ASSET_MATERIALIZATION_PLANNED' OR NOT EXISTS (
        SELECT FROM event_logs l WHERE l.asset_key = e.asset_key AND {same} AND l.id > e.id
          AND l.dagster_event_type = 'ASSET_MATERIALIZATION'))
"""
_STAYS: Final = text(
    _NEWEST.format(own="e.partition IS NOT NULL", same="l.partition = e.partition")
    + " UNION ALL "
    + _NEWEST.format(own="e.partition IS NULL", same="l.partition IS NULL")
    + """
    UNION ALL
    SELECT coalesce(c.evaluation_event_storage_id, 0), c.run_id FROM asset_check_executions c
    WHERE c.run_id = ANY(:runs)
    """
)
_OLDER_CHECKS: Final = text(
    """
    DELETE FROM asset_check_executions c
    WHERE c.run_id = ANY(:runs) AND EXISTS (
      SELECT FROM asset_check_executions l
      WHERE l.asset_key = c.asset_key AND l.check_name = c.check_name
        AND l.partition IS NOT DISTINCT FROM c.partition AND l.id > c.id
        AND l.execution_status <> 'PLANNED')
    """
)
_EVENTS: Final = text(
    """
    DELETE FROM event_logs e
    WHERE e.run_id = ANY(:runs)
      AND NOT EXISTS (SELECT FROM unnest(CAST(:stays AS bigint[])) AS s (id) WHERE s.id = e.id)
    RETURNING e.id, e.dagster_event_type
    """
)
# A picture inside Markdown, in the JSON of an event; what stands beside it stays.
PICTURE: Final = r'!\[[^]\["]*\]\(data:image/[a-z+.-]+;base64,[A-Za-z0-9+/=]*\)'
"""Regular expression of Postgres; it never leaves a string of JSON."""
_PICTURES: Final = text(
    """
    UPDATE event_logs SET event = regexp_replace(event, :picture, '', 'g')
    WHERE run_id = ANY(:runs) AND strpos(event, '](data:image/') > 0
    """
)
_EVENT_TAGS: Final = text("DELETE FROM asset_event_tags WHERE event_id = ANY(:events)")
_RUNS: Final = text("DELETE FROM runs WHERE run_id = ANY(:runs)")  # tags go with them
_MARK: Final = text(
    "INSERT INTO run_tags (run_id, key, value) SELECT run, :pruned, :day"
    " FROM unnest(CAST(:runs AS text[])) AS r (run)"
)
_BACKFILLS: Final = text(
    """
    DELETE FROM bulk_actions WHERE id IN (
      SELECT id FROM bulk_actions
      WHERE status IN ('COMPLETED', 'COMPLETED_SUCCESS', 'COMPLETED_FAILED', 'FAILED', 'CANCELED')
        AND timestamp < :before ORDER BY id LIMIT :most)
    RETURNING key
    """
)
_BACKFILL_TAGS: Final = text("DELETE FROM backfill_tags WHERE backfill_id = ANY(:backfills)")


def _prune_runs(
    connection: Connection, runs: Sequence[str], thin: Sequence[str], done: Pruned
) -> None:
    done.checks += _count(connection, _OLDER_CHECKS, runs=list(runs))
    stays = connection.execute(_STAYS, {"runs": list(runs), "kinds": list(KEPT_KINDS)}).all()
    given = {"runs": list(runs), "stays": [row[0] for row in stays]}
    gone = connection.execute(_EVENTS, given).all()
    tagged = [event for event, kind in gone if kind in {MATERIALIZED, "ASSET_OBSERVATION"}]
    if tagged:
        connection.execute(_EVENT_TAGS, {"events": tagged})
    done.pictures += _count(connection, _PICTURES, runs=list(runs), picture=PICTURE)
    kept = {row[1] for row in stays}.union(thin)
    whole = [run for run in runs if run not in kept]
    if whole:
        connection.execute(_RUNS, {"runs": whole})
    rest = [run for run in runs if run in kept]
    if rest:
        day = f"{datetime.now(UTC):%Y-%m-%d}"
        connection.execute(_MARK, {"runs": rest, "pruned": PRUNED_TAG, "day": day})
    done.events += len(gone)
    done.deleted += len(whole)
    done.thinned += len(rest)
    done.names += list(runs)[: max(_SHOWN - len(done.names), 0)]


def _prune_backfills(connection: Connection, limit: Mapping[str, datetime], most: int) -> int:
    gone = connection.scalars(_BACKFILLS, {**limit, "most": most}).all()
    if gone:
        connection.execute(_BACKFILL_TAGS, {"backfills": list(gone)})
    return len(gone)


def _count(connection: Connection, statement: TextClause, **given: object) -> int:
    return int(connection.execute(statement, given).rowcount)
