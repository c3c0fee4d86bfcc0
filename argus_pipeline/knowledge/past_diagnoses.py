"""The second level of retrieval: have we seen this before?

Past diagnoses that share a code with a batch, or whose words are near to it. Those that a person
confirmed or corrected come first, and a corrected one says what the person found. Machine verdicts
come from the same platform only; what a person said of another platform comes last and marked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    Engine,
    Float,
    Select,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased
from sqlalchemy.sql.elements import ColumnElement

from argus_pipeline.database.engine import session
from argus_pipeline.database.models import Batch, Diagnosis, DiagnosisFeedback
from argus_pipeline.database.records import storable
from argus_pipeline.errors import ArgusError
from argus_pipeline.knowledge.codes import normal_code
from argus_pipeline.knowledge.embedding import Embedder
from argus_pipeline.knowledge.matches import MAX_CODES, MAX_QUERY, MAX_TOP_K, Question

# The newest so many machine verdicts of a platform are looked at, however many there are.
CANDIDATES: Final = 1000
# Such a verdict is no answer to "what was it then?".
_NO_FAULT: Final = "no fault found%"


class Standing(StrEnum):
    """Whose word a past diagnosis is."""

    CONFIRMED = "confirmed by a person"
    CORRECTED = "corrected by a person"
    MACHINE = "not judged"


@dataclass(frozen=True, slots=True)
class PastDiagnosis:
    """One batch of before that was like this one.

    Args:
        batch: the batch.
        platform: of its vehicle.
        firmware: of its vehicle.
        cause: what it was: the person's words where one corrected it, else the verdict.
        standing: whose word that is.
        code: the code that a person named, if one did.
        article_id: the article that a person named, if one did.
        note: what the person noted.
        codes: the codes of that batch.
        shared_codes: those of them that were asked for.
        distance: cosine distance of its words, 0 to 2; None where it is not known.
        caveat: why it may not hold for this vehicle; None where nothing speaks against it.
    """

    batch: str
    platform: str
    firmware: str
    cause: str
    standing: Standing
    code: str | None
    article_id: str | None
    note: str | None
    codes: tuple[str, ...]
    shared_codes: tuple[str, ...]
    distance: float | None
    caveat: str | None


@dataclass(frozen=True, slots=True)
class SeenBefore:
    """The past diagnoses, what a person said first, and what could not be done."""

    diagnoses: tuple[PastDiagnosis, ...]
    notes: tuple[str, ...]


def seen_before(
    engine: Engine,
    embedder: Embedder,
    question: Question,
    *,
    batch: str | None = None,
    distance_limit: float | None = None,
) -> SeenBefore:
    """Find at most `top_k` past diagnoses that are like this one.

    Args:
        engine: of a migrated database.
        embedder: the one that the vectors of diagnoses were made with.
        question: codes, vehicle and words of the batch at hand.
        batch: its id; a diagnosis is never evidence for itself.
        distance_limit: the largest cosine distance of one without a common code; by default the
            embedder's.

    Raises:
        Unavailable: the database does not answer.
    """
    codes = list(dict.fromkeys(normal_code(storable(c)) for c in question.codes))[:MAX_CODES]
    notes: list[str] = []
    vector: list[float] | None = None
    query = storable(question.query[:MAX_QUERY]).strip()
    if query:
        try:
            vector = embedder.embed([query])[0].tolist()
        except ArgusError as error:
            notes.append(f"past diagnoses were found by code only: {error}")
    if not codes and vector is None:
        return SeenBefore((), tuple(notes))
    limit = embedder.distance_limit if distance_limit is None else distance_limit
    statement = _statement(
        codes, question.platform, embedder.name, vector, batch, limit, question.top_k
    )
    with session(engine) as opened:
        rows = opened.execute(statement).all()
    return SeenBefore(tuple(_past(row, codes, question.platform) for row in rows), tuple(notes))


def _statement(
    codes: Sequence[str],
    platform: str | None,
    embedder: str,
    vector: Sequence[float] | None,
    batch: str | None,
    limit: float,
    top_k: int,
) -> Select[*tuple[Any, ...]]:
    asked = cast(literal(list(codes), ARRAY(Text)), ARRAY(Text))
    shares = Diagnosis.top_codes.op("?|")(asked) if codes else false()
    candidates = [_newest(platform, shares)] if codes else []
    if vector is not None:
        candidates.append(_newest(platform, true()))
    judged = select(DiagnosisFeedback.batch)
    word = (
        select(DiagnosisFeedback)
        .where(DiagnosisFeedback.batch == Diagnosis.batch)
        .order_by(DiagnosisFeedback.id.desc())
        .limit(1)
        .lateral()
    )
    said = aliased(DiagnosisFeedback, word)
    distance: Any = cast(null(), Float)
    if vector is not None:
        near = Diagnosis.embedding.op("<=>", return_type=Float())(list(vector))
        # CASE and not AND: vectors of another length are never compared.
        same = and_(
            Diagnosis.embedder == embedder, func.vector_dims(Diagnosis.embedding) == len(vector)
        )
        distance = case((same, near), else_=null())
    code = func.jsonb_array_elements_text(Diagnosis.top_codes).table_valued("value")
    common = (
        select(func.count()).select_from(code).where(code.c.value == func.any(asked))
    ).scalar_subquery()
    return (
        select(
            Diagnosis.batch,
            Batch.platform,
            Batch.firmware,
            Diagnosis.verdict,
            Diagnosis.top_codes,
            said.judgement,
            said.code,
            said.article_id,
            said.cause,
            said.note,
            said.verdict.label("judged_verdict"),
            distance.label("distance"),
        )
        .join(Batch, Batch.batch == Diagnosis.batch)
        .outerjoin(said, true())
        .where(
            or_(Diagnosis.batch.in_(union(*candidates)), Diagnosis.batch.in_(judged)),
            Diagnosis.batch != (batch or ""),
            or_(shares, distance <= limit),
            # A verdict that a person confirmed may be gone since: what counts is the word.
            or_(said.judgement.is_not(None), Diagnosis.verdict.not_like(_NO_FAULT)),
            or_(
                said.judgement.is_(None),
                func.coalesce(said.cause, said.code, said.verdict).not_like(_NO_FAULT),
            ),
        )
        .order_by(
            # Postgres refuses to sort by a constant.
            *([Batch.platform != platform] if platform is not None else []),
            said.judgement.is_(None),
            common.desc(),
            distance.asc().nulls_last(),
            Diagnosis.batch.desc(),
        )
        .limit(max(1, min(top_k, MAX_TOP_K)))
    )


def _newest(platform: str | None, where: ColumnElement[bool]) -> Select[str]:
    """The newest machine verdicts of a platform, or of all; never all there are."""
    return (
        select(Diagnosis.batch)
        .join(Batch, Batch.batch == Diagnosis.batch)
        .where(
            where,
            Batch.platform == platform if platform is not None else true(),
            Diagnosis.verdict.not_like(_NO_FAULT),
        )
        .order_by(Diagnosis.updated_at.desc())
        .limit(CANDIDATES)
    )


def _past(row: Any, codes: Sequence[str], platform: str | None) -> PastDiagnosis:
    standing, cause = Standing.MACHINE, row.verdict
    if row.judgement == "confirmed":
        standing, cause = Standing.CONFIRMED, row.judged_verdict
    elif row.judgement == "corrected":
        standing = Standing.CORRECTED
        cause = row.cause or " ".join(part for part in (row.code, row.article_id) if part)
    known = row.distance is not None and not math.isnan(row.distance)
    return PastDiagnosis(
        batch=row.batch,
        platform=row.platform,
        firmware=row.firmware,
        cause=cause,
        standing=standing,
        code=row.code,
        article_id=row.article_id,
        note=row.note,
        codes=tuple(row.top_codes),
        shared_codes=tuple(code for code in codes if code in row.top_codes),
        distance=float(row.distance) if known else None,
        caveat=f"on platform {row.platform}, not on {platform}"
        if platform is not None and row.platform != platform
        else None,
    )
