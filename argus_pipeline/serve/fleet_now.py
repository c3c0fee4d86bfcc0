"""The fleet now: what goes on, what stopped, what got worse, which campaigns hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Engine, Select, case, func, select, text
from sqlalchemy.orm import Session

from argus_pipeline.batches.limits import read_limits
from argus_pipeline.batches.stages import Stage
from argus_pipeline.database.engine import translated
from argus_pipeline.database.models import CampaignHealth, FirmwareComparison
from argus_pipeline.database.overdue import count_overdue
from argus_pipeline.serve.batch_lists import (
    ACTIVE,
    STOPPED,
    Bucket,
    Exact,
    Filters,
    Line,
    candidates,
    lines_of,
    list_batches,
)

SHOWN: Final = 12
MOST_ROWS: Final = 500
_ORDER: Final = {"new": 0, "worse": 1, "gone": 2, "better": 3, "unchanged": 4}
_LOUD: Final = ("fatal", "error")


@dataclass(frozen=True, slots=True)
class FleetNow:
    """What a person wants to know first."""

    going_on: Sequence[Line]
    stopped: Sequence[Line]
    overdue: int
    newest: Sequence[Line]
    worse: Sequence[Mapping[str, Any]]
    campaigns: Sequence[Mapping[str, Any]]
    batches: int
    last_arrival: datetime | None

    @property
    def held(self) -> Sequence[Mapping[str, Any]]:
        """The campaigns that are to be held."""
        return [one for one in self.campaigns if one["verdict"] == "hold"]

    @property
    def wrong(self) -> bool:
        """Whether anything needs a person."""
        return bool(self.stopped or self.overdue or self.worse or self.held)


def fleet_now(
    engine: Engine, runs: Engine | None, bucket: Bucket, exact: Exact, overdue: int
) -> FleetNow:
    """Look at everything once; what it costs does not grow with the archive.

    Args:
        engine: reads the schema `argus`.
        runs: reads Dagster's tables.
        bucket: what lies in it.
        exact: for stages that take asking.
        overdue: how many batches are past their time; see `overdue_now`.

    Raises:
        Unavailable: a database does not answer.
    """
    names = candidates(runs, bucket)[:200]
    lines = lines_of(engine, runs, bucket, exact, names)
    newest = list_batches(engine, runs, bucket, exact, Filters(stage=Stage.DONE), limit=SHOWN)
    with translated(engine), Session(engine) as opened:
        total = _estimate(opened)
        last = opened.scalar(text("SELECT max(registered_at) FROM argus.batches"))
        worse = _rows(opened, _worse())
        campaigns = _rows(opened, select(CampaignHealth).order_by(CampaignHealth.campaign))
    return FleetNow(
        [line for line in lines if line.stage in ACTIVE],
        [line for line in lines if line.stage in STOPPED],
        overdue,
        newest.lines,
        worse,
        campaigns,
        total,
        last,
    )


def overdue_now(engine: Engine) -> int:
    """How many batches are past their time without a report; goes over all of them.

    Raises:
        Unavailable: the database does not answer.
    """
    with translated(engine), Session(engine) as opened:
        return count_overdue(opened, datetime.now(UTC), read_limits())


def comparison(
    engine: Engine,
    *,
    platform: str | None = None,
    before: str | None = None,
    after: str | None = None,
    fault: str | None = None,
    class_: str | None = None,
    limit: int = MOST_ROWS,
) -> list[dict[str, Any]]:
    """Rows of `firmware_comparison`, what got worse first.

    Raises:
        Unavailable: the database does not answer.
    """
    given = (
        (FirmwareComparison.platform, platform),
        (FirmwareComparison.firmware_before, before),
        (FirmwareComparison.firmware_after, after),
        (FirmwareComparison.fault, fault),
        (FirmwareComparison.class_, class_),
    )
    where = [column == value for column, value in given if value is not None]
    rank = case(_ORDER, value=FirmwareComparison.class_, else_=9)
    loud = FirmwareComparison.severity.not_in(_LOUD)
    query = (
        select(FirmwareComparison)
        .where(*where)
        .order_by(rank, loud, FirmwareComparison.messages_after.desc(), FirmwareComparison.fault)
        .limit(limit)
    )
    with translated(engine), Session(engine) as opened:
        return _rows(opened, query)


def pairs(engine: Engine) -> list[dict[str, Any]]:
    """The pairs of versions that are compared, with how many faults are new or worse.

    Raises:
        Unavailable: the database does not answer.
    """
    one = FirmwareComparison
    bad = func.count().filter(one.class_.in_(("new", "worse")))
    query = (
        select(one.platform, one.firmware_before, one.firmware_after, bad.label("worse"),
               func.count().label("faults"))
        .group_by(one.platform, one.firmware_before, one.firmware_after)
        .order_by(bad.desc(), one.platform, one.firmware_after.desc())
        .limit(MOST_ROWS)
    )  # fmt: skip
    with translated(engine), engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(query)]


def campaigns(engine: Engine, campaign: str | None = None) -> list[dict[str, Any]]:
    """How campaigns are doing; one, or all.

    Raises:
        Unavailable: the database does not answer.
    """
    query = select(CampaignHealth).order_by(CampaignHealth.campaign).limit(MOST_ROWS)
    if campaign is not None:
        query = query.where(CampaignHealth.campaign == campaign)
    with translated(engine), Session(engine) as opened:
        return _rows(opened, query)


def _worse() -> Select[Any]:
    one = FirmwareComparison
    return (
        select(one)
        .where(one.class_.in_(("new", "worse")))
        .order_by(one.severity.not_in(_LOUD), one.messages_after.desc(), one.fault)
        .limit(SHOWN)
    )


def _rows(opened: Session, query: Select[Any]) -> list[dict[str, Any]]:
    found = []
    for row in opened.scalars(query):
        names = row.__mapper__.column_attrs
        found.append({
            "class" if name.key == "class_" else name.key: getattr(row, name.key) for name in names
        })  # fmt: skip
    return found


def _estimate(opened: Session) -> int:
    """How many batches there are: counted while they are few, else as Postgres keeps it."""
    known = opened.scalar(
        text("SELECT reltuples::bigint FROM pg_class WHERE oid = 'argus.batches'::regclass")
    )
    if known is not None and known > 50_000:
        return int(known)
    return int(opened.scalar(text("SELECT count(*) FROM argus.batches")) or 0)
