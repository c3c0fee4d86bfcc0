"""Batches by how long they have been known."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from argus_pipeline.database.models import Batch


def batches_before(session: Session, moment: datetime) -> list[str]:
    """The batches that were registered before a moment, the oldest first.

    By our own clock: the one of a vehicle may be years off.
    """
    older = select(Batch.batch).where(Batch.registered_at < moment)
    return list(session.scalars(older.order_by(Batch.registered_at, Batch.batch)))
