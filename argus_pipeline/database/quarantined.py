"""Recordings that were not decoded whole, and which of them another parser version read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from argus_pipeline.database.models import Batch, Recording


@dataclass(frozen=True, slots=True)
class QuarantinedRecording:
    """A recording of which something is missing. Sizes in bytes; `error` says why none was read."""

    batch: str
    recording: str
    status: str
    size: int
    quarantined_bytes: int
    fault_count: int
    error: str | None
    parser_version: str


def quarantined_recordings(
    session: Session,
    *,
    batches: Collection[str] = (),
    not_by: str | None = None,
    limit: int | None = None,
) -> Sequence[QuarantinedRecording]:
    """The recordings whose status is `partial` or `quarantined`, those of the newest batches first.

    Args:
        session: where to read.
        batches: only of these; of all where empty.
        not_by: only what this parser version did not read.
        limit: at most so many.
    """
    query = (
        select(
            *(
                getattr(Recording, name)
                for name in (
                    *("batch", "recording", "status", "size", "quarantined_bytes"),
                    *("fault_count", "error", "parser_version"),
                )
            )
        )
        .join(Batch)
        .where(Recording.status != "parsed")
        .order_by(Batch.created.desc(), Recording.batch, Recording.recording)
        .limit(limit)
    )
    if batches:
        query = query.where(Recording.batch.in_(batches))
    if not_by is not None:
        query = query.where(Recording.parser_version != not_by)
    return [QuarantinedRecording(*row) for row in session.execute(query)]
