"""Lists of batches, with filters and their stages, at a cost that does not grow with the archive.

The rows come from `argus.batches` by keyset, the newest arrival first. A stage is in no column:
it follows from Dagster's tables (`run_tables`), the diagnosis and two short listings of the bucket,
for the rows that are shown. A stage that few batches are at is looked for among its runs.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine, Select, Text, exists, func, literal_column, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from argus_pipeline import run_tables
from argus_pipeline.batches.stages import Stage, stage_of
from argus_pipeline.database.engine import translated
from argus_pipeline.database.models import OUTCOME_EXPRESSION, Batch, Diagnosis, EventCount
from argus_pipeline.errors import BadInput
from argus_pipeline.run_tables import Run

MOST: Final = 200
# Where a stage is looked for row by row, so many rows are looked at for one page.
_LOOKED_AT: Final = 1000
ACTIVE: Final = frozenset(
    {
        *(Stage.UPLOADING, Stage.QUEUED, Stage.VERIFYING, Stage.PARSING, Stage.STATISTICS),
        *(Stage.CHARTS, Stage.DIAGNOSING, Stage.REPORTING),
    }
)
STOPPED: Final = frozenset({Stage.FAILED, Stage.GIVEN_UP, Stage.REJECTED})


@dataclass(frozen=True, slots=True)
class Filters:
    """What a reader looks for; None does not matter. `since` and `until` are times of arrival."""

    vehicle: str | None = None
    platform: str | None = None
    firmware: str | None = None
    campaign: str | None = None
    stage: Stage | None = None
    outcome: str | None = None
    code: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One batch in a list. What only its manifest says is None before that was verified."""

    batch: str
    stage: Stage
    detail: str = ""
    run_id: str | None = None
    vehicle: str | None = None
    platform: str | None = None
    firmware: str | None = None
    firmware_from: str | None = None
    campaign: str | None = None
    priority: str | None = None
    created: datetime | None = None
    arrived: datetime | None = None
    files: int | None = None
    bytes: int | None = None
    outcome: str | None = None
    verdict: str | None = None
    label: str | None = None
    codes: tuple[str, ...] = ()
    confirmed: bool | None = None
    diagnosed: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines, and where the next ones begin; None after the last."""

    lines: Sequence[Line]
    next: str | None = None


Exact = Callable[[Mapping[str, str | None]], Mapping[str, tuple[Stage, str]]]
"""Stages as `argus status` has them, for batches that SQL cannot decide; see `exact_stages`."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What the bucket says of batches, read together: given up, asked to be tried again, new."""

    given_up: Collection[str] = ()
    retries: Collection[str] = ()
    arriving: Sequence[str] = ()
    """Folders of the last days that no row and no run is known of yet, the newest first."""


def list_batches(
    engine: Engine,
    runs: Engine | None,
    bucket: Bucket,
    exact: Exact,
    filters: Filters,
    *,
    cursor: str | None = None,
    limit: int = 50,
) -> Page:
    """One page of the batches that match, the newest arrival first.

    Args:
        engine: reads the schema `argus`.
        runs: reads Dagster's tables; None where they are not known: stages come from the rest.
        bucket: what lies in it.
        exact: for the few whose stage needs more than SQL.
        filters: what is looked for.
        cursor: where the page before ended.
        limit: 1 to `MOST` lines.

    Raises:
        BadInput: the cursor is none of ours.
        Unavailable: a database does not answer.
    """
    after = _read_cursor(engine, cursor)
    wanted = filters.stage
    if wanted is None or wanted is Stage.DONE:
        return _walk(engine, runs, bucket, exact, filters, after, limit)
    names = candidates(runs, bucket, wanted)
    lines = _lines(engine, filters, names, after)
    known = {line.batch for line in lines}
    if after is None and _nothing_but_stage(filters):
        lines = [*(Line(name, Stage.QUEUED) for name in names if name not in known), *lines]
    staged = with_stages(lines, runs, bucket, exact)
    return _page(engine, [line for line in staged if line.stage is wanted], limit)


def candidates(runs: Engine | None, bucket: Bucket, wanted: Stage | None = None) -> list[str]:
    """The batches that may be at a stage which is not `done`, of a bounded number."""
    active: list[str] = []
    failed: list[str] = []
    if runs is not None:
        with translated(runs), runs.connect() as connection:
            if wanted is None or wanted in ACTIVE:
                active = run_tables.batches_going_on(connection)
            # A failed batch may be waiting for its next attempt.
            if wanted is None or wanted in STOPPED or wanted is Stage.QUEUED:
                failed = run_tables.batches_failed(connection)
    if wanted is Stage.GIVEN_UP:
        return list(bucket.given_up)
    return list(dict.fromkeys([*bucket.arriving, *active, *failed, *bucket.given_up]))


def find_line(
    engine: Engine, runs: Engine | None, bucket: Bucket, exact: Exact, batch: str
) -> Line:
    """One batch, with its stage; also one that is being uploaded.

    Raises:
        BadInput: nobody knows it.
        Unavailable: a database does not answer.
    """
    lines = _lines(engine, Filters(), [batch], None)
    found = with_stages(lines or [Line(batch, Stage.QUEUED)], runs, bucket, exact)[0]
    if not lines and found.run_id is None:
        stages = exact({batch: None})
        if batch not in stages:
            raise BadInput("there is no such batch", where=batch)
        stage, detail = stages[batch]
        return replace(found, stage=stage, detail=detail)
    return found


def lines_of(
    engine: Engine, runs: Engine | None, bucket: Bucket, exact: Exact, batches: Sequence[str]
) -> list[Line]:
    """Some batches with their stages, those without a row too, the newest first."""
    lines = _lines(engine, Filters(), batches, None)
    known = {line.batch for line in lines}
    new = [Line(name, Stage.QUEUED) for name in batches if name not in known]
    return with_stages([*new, *lines], runs, bucket, exact)


def unknown_of(engine: Engine, runs: Engine | None, names: Sequence[str]) -> list[str]:
    """Of these, the ones that neither a row nor a run is known of."""
    with translated(engine), engine.connect() as connection:
        found = connection.scalars(select(Batch.batch).where(Batch.batch.in_(names)))
        known = set(found)
    if runs is not None:
        with translated(runs), runs.connect() as connection:
            known |= run_tables.newest_runs(connection, names).keys()
    return [name for name in names if name not in known]


def with_stages(
    lines: Sequence[Line], runs: Engine | None, bucket: Bucket, exact: Exact
) -> list[Line]:
    """The same lines, each at its stage."""
    names = [line.batch for line in lines]
    newest: dict[str, Run] = {}
    steps: dict[str, dict[str, str]] = {}
    shards: dict[str, int] = {}
    if runs is not None and names:
        with translated(runs), runs.connect() as connection:
            newest = run_tables.newest_runs(connection, names)
            going = [r.run_id for r in newest.values() if r.status in run_tables.GOING_ON]
            steps = run_tables.steps_of(connection, going)
            shards = run_tables.shards_of(connection, going)
    staged = [_staged(line, newest.get(line.batch), steps, shards, bucket) for line in lines]
    open_ = {line.batch: line.run_id for line in staged if line.detail == _ASK}
    found = exact(open_) if open_ else {}
    return [
        replace(line, stage=found[line.batch][0], detail=found[line.batch][1])
        if line.batch in found
        else replace(line, detail="")
        if line.detail == _ASK
        else line
        for line in staged
    ]


_ASK: Final = "?"


def _staged(
    line: Line,
    run: Run | None,
    steps: Mapping[str, Mapping[str, str]],
    shards: Mapping[str, int],
    bucket: Bucket,
) -> Line:
    has_report = line.verdict is not None
    if run is None:
        if has_report:
            return replace(line, stage=Stage.DONE, detail="its runs were deleted")
        if line.batch in bucket.given_up:
            return replace(line, stage=Stage.GIVEN_UP)
        return replace(line, stage=Stage.QUEUED, detail=_ASK)
    line = replace(line, run_id=run.run_id)
    if run.status == "SUCCESS":
        return replace(line, stage=Stage.DONE if has_report else Stage.FAILED,
                       detail="" if has_report else _ASK)  # fmt: skip
    if run.status in run_tables.FAILED:
        if line.batch in bucket.given_up:
            return replace(line, stage=Stage.GIVEN_UP)
        if line.batch in bucket.retries:
            return replace(line, stage=Stage.QUEUED, detail="another attempt was asked for")
        return replace(line, stage=Stage.FAILED, detail=_ASK)
    known = steps.get(run.run_id, {}), shards.get(run.run_id, 0)
    stage, detail = stage_of(run.status, *known)
    return replace(line, stage=stage, detail=detail)


def _walk(
    engine: Engine,
    runs: Engine | None,
    bucket: Bucket,
    exact: Exact,
    filters: Filters,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Page:
    """Rows in order, until the page is full or enough were looked at."""
    found: list[Line] = []
    looked = 0
    while True:
        rows = _lines(engine, filters, None, after, limit + 1)
        looked += len(rows)
        staged = with_stages(rows, runs, bucket, exact)
        found += [line for line in staged if filters.stage in (None, line.stage)]
        if len(found) > limit or len(rows) <= limit:
            return _page(engine, found, limit)
        last = rows[-1]
        assert last.arrived is not None
        after = (last.arrived, last.batch)
        if looked >= _LOOKED_AT:
            return Page(found, _cursor(engine, last))


def _lines(
    engine: Engine,
    filters: Filters,
    names: Sequence[str] | None,
    after: tuple[datetime, str] | None,
    limit: int = MOST + 1,
) -> list[Line]:
    if names is not None and not names:
        return []
    with translated(engine), engine.connect() as connection:
        return [_line(row) for row in connection.execute(_query(filters, names, after, limit))]


def _query(
    filters: Filters,
    names: Sequence[str] | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Select[*tuple[Any, ...]]:
    where: list[Any] = []
    for column, value in (
        (Batch.vehicle, filters.vehicle),
        (Batch.platform, filters.platform),
        (Batch.firmware, filters.firmware),
        (Batch.campaign, filters.campaign),
    ):
        if value is not None:
            where.append(column == value)
    if filters.since is not None:
        where.append(Batch.registered_at >= filters.since)
    if filters.until is not None:
        where.append(Batch.registered_at < filters.until)
    if filters.outcome is not None:
        where.append(filters.outcome == _OUTCOME)
    elif filters.stage is Stage.DONE:
        where.append(Diagnosis.batch.is_not(None))
    if filters.code is not None:
        counted = exists().where(EventCount.batch == Batch.batch, EventCount.code == filters.code)
        where.append(counted)
    if names is not None:
        where.append(Batch.batch.in_(names))
    if after is not None:
        where.append(tuple_(Batch.registered_at, Batch.batch) < tuple_(*after))
    return (
        select(
            *(Batch.batch, Batch.vehicle, Batch.platform, Batch.firmware, Batch.firmware_from),
            *(Batch.campaign, Batch.priority, Batch.created, Batch.registered_at),
            *(Batch.files, Batch.bytes),
            *(_OUTCOME.label("outcome"), Diagnosis.verdict, Diagnosis.label, Diagnosis.top_codes),
            *(Diagnosis.confirmed, Diagnosis.updated_at),
        )
        .outerjoin(Diagnosis, Diagnosis.batch == Batch.batch)
        .where(*where)
        .order_by(Batch.registered_at.desc(), Batch.batch.desc())
        .limit(limit)
    )


# Spelled as the index has it, so that Postgres knows it again.
_OUTCOME: Final[ColumnElement[str]] = literal_column(
    OUTCOME_EXPRESSION.replace("content", "argus.diagnoses.content"), Text()
)


def _line(row: Any) -> Line:
    return Line(
        batch=row.batch,
        stage=Stage.QUEUED,
        vehicle=row.vehicle,
        platform=row.platform,
        firmware=row.firmware,
        firmware_from=row.firmware_from,
        campaign=row.campaign,
        priority=row.priority,
        created=row.created,
        arrived=row.registered_at,
        files=row.files,
        bytes=row.bytes,
        outcome=row.outcome,
        verdict=row.verdict,
        label=row.label,
        codes=tuple(row.top_codes or ()),
        confirmed=row.confirmed,
        diagnosed=row.updated_at,
    )


def _nothing_but_stage(filters: Filters) -> bool:
    return replace(filters, stage=None) == Filters()


def _page(engine: Engine, lines: Sequence[Line], limit: int) -> Page:
    if len(lines) <= limit:
        return Page(lines)
    shown = lines[:limit]
    return Page(shown, _cursor(engine, shown[-1]))


def _cursor(engine: Engine, line: Line) -> str | None:
    """Where a page ends. Lines without a row come first and are few: no page ends in them.

    It says when the last line arrived, and which of those of that moment it is: an id would tell
    the vehicle's name.
    """
    if line.arrived is None:
        return None
    same = select(func.count()).where(
        Batch.registered_at == line.arrived, Batch.batch >= line.batch
    )
    with translated(engine), engine.connect() as connection:
        which = connection.execute(same).scalar_one()
    place = json.dumps([line.arrived.isoformat(), which])
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _read_cursor(engine: Engine, cursor: str | None) -> tuple[datetime, str] | None:
    if not cursor:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        moment, which = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        arrived = datetime.fromisoformat(moment)
        if arrived.tzinfo is None or type(which) is not int or not 0 < which < 2**31:
            raise ValueError
    except (ValueError, TypeError):
        raise BadInput(
            "the cursor is none", where="cursor", expected="`next` of the page before"
        ) from None
    same = select(Batch.batch).where(Batch.registered_at == arrived).order_by(Batch.batch.desc())
    with translated(engine), engine.connect() as connection:
        batch = connection.execute(same.offset(which - 1).limit(1)).scalar_one_or_none()
    return arrived, batch or ""
