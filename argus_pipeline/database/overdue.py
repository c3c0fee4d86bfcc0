"""Which batches have no diagnosis although their time is up."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Subquery, exists, func, select
from sqlalchemy.orm import Session

from argus_pipeline.batches.limits import Limits
from argus_pipeline.database.models import Batch, Diagnosis


@dataclass(frozen=True, slots=True)
class Overdue:
    """A batch past its limit: since when it is known, and how long it may take."""

    batch: str
    since: datetime
    limit: timedelta


def overdue_batches(
    session: Session, now: datetime, limits: Limits, most: int
) -> tuple[list[Overdue], int]:
    """The batches past their limit, the oldest first, at most `most` of them, and their number."""
    late = _late(now, limits)
    oldest = select(late).order_by(late.c.registered_at, late.c.batch).limit(most)
    base = timedelta(minutes=limits.report_minutes)
    return [
        Overdue(row.batch, row.registered_at, base + limits.allowance(row.bytes))
        for row in session.execute(oldest)
    ], count_overdue(session, now, limits)


def count_overdue(session: Session, now: datetime, limits: Limits) -> int:
    """How many batches are past their limit."""
    return session.scalar(select(func.count()).select_from(_late(now, limits))) or 0


def without_rows(session: Session, batches: Collection[str], since: datetime) -> set[str]:
    """Those of these batches that were never verified, so that nothing else here knows them.

    Args:
        session: of the database.
        batches: names.
        since: they all came after that; it only makes the answer quicker.
    """
    lately = select(Batch.batch).where(Batch.registered_at > since)
    rest = set(batches) - set(session.scalars(lately))
    # A batch whose key was archived comes back under the row that it has.
    return rest - set(session.scalars(select(Batch.batch).where(Batch.batch.in_(rest))))


def _late(now: datetime, limits: Limits) -> Subquery:
    """A batch may take `limits.report_minutes` from its registration on, longer for its size."""
    # Few have no diagnosis: only their limits are computed.
    open_ = (
        select(Batch.batch, Batch.registered_at, Batch.bytes)
        .where(~exists().where(Diagnosis.batch == Batch.batch))
        .cte("open")
        .prefix_with("MATERIALIZED")
    )
    per_byte = 1 / 1e6 / limits.megabytes_per_second
    limit = func.make_interval(0, 0, 0, 0, 0, limits.report_minutes, open_.c.bytes * per_byte)
    return select(open_).where(open_.c.registered_at + limit < now).subquery()
