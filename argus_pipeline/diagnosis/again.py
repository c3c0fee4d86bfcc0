"""Which diagnoses a language model should have written and did not, since it was away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from argus_pipeline.database.engine import session
from argus_pipeline.database.models import MISSING_EXPRESSION, Diagnosis
from argus_pipeline.diagnosis.writer import AWAY

if TYPE_CHECKING:
    from sqlalchemy import Engine


@dataclass(frozen=True, slots=True)
class Waiting:
    """A batch, and when its diagnosis was written, as ISO 8601 in UTC."""

    batch: str
    written_at: str


def left_without_model(engine: Engine, limit: int) -> list[Waiting]:
    """The newest batches whose diagnosis says that the model did not answer.

    Raises:
        Unavailable: the database does not answer.
    """
    query = (
        select(Diagnosis.batch, Diagnosis.updated_at)
        .where(text(f"{MISSING_EXPRESSION} = :away").bindparams(away=AWAY))
        .order_by(Diagnosis.updated_at.desc(), Diagnosis.batch)
        .limit(limit)
    )
    with session(engine) as opened:
        rows = opened.execute(query).all()
    return [Waiting(batch, at.astimezone(UTC).isoformat()) for batch, at in rows]
