"""What people say of diagnoses: confirmed, or corrected with what it really was.

Nothing is ever overwritten: the newest word on a batch counts, and the older ones stay to be read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session, undefer

from argus_pipeline.database import models
from argus_pipeline.database.engine import session
from argus_pipeline.database.models import DiagnosisFeedback, KnowledgeArticle
from argus_pipeline.database.records import storable
from argus_pipeline.diagnosis.model import Diagnosis
from argus_pipeline.errors import ArgusError, BadInput
from argus_pipeline.knowledge.codes import CODE_RULE, is_code, normal_code

MAX_TEXT: Final = 4000


@dataclass(frozen=True, slots=True)
class Feedback:
    """One word of one person on the diagnosis of one batch.

    `verdict` is the one that was judged. `code`, `article_id` and `cause` are what it was instead,
    of a corrected one: at least one of them.
    """

    batch: str
    judgement: str
    code: str | None
    article_id: str | None
    cause: str | None
    note: str | None
    author: str
    verdict: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Labelled:
    """A diagnosis as it was judged, and whether the person found it right."""

    batch: str
    diagnosis: Diagnosis
    right: bool


def confirm(engine: Engine, batch: str, *, author: str, note: str | None = None) -> Feedback:
    """Keep that a person found the diagnosis of a batch right.

    Raises:
        ArgusError: the batch has no diagnosis.
        BadInput: the author is empty or a text is too long.
        Unavailable: the database does not answer.
    """
    with session(engine) as opened:
        return _keep(opened, batch, "confirmed", author, note)


def correct(
    engine: Engine,
    batch: str,
    *,
    author: str,
    code: str | None = None,
    article_id: str | None = None,
    cause: str | None = None,
    note: str | None = None,
) -> Feedback:
    """Keep that a person found another cause than the diagnosis of a batch did.

    Args:
        engine: of a migrated database.
        batch: whose diagnosis was wrong.
        author: who says so.
        code: the fault code that it came from; by default that of the article.
        article_id: the article of the knowledge base that describes it.
        cause: what it was, in words.
        note: how it was found, and whatever else helps.

    Raises:
        ArgusError: the batch has no diagnosis.
        BadInput: nothing says what it was, or a code or an article is not one.
        Unavailable: the database does not answer.
    """
    if code is not None:
        if not is_code(code.strip()):
            raise BadInput(f"the code is {code!r}", where=batch, expected=CODE_RULE)
        code = normal_code(code)
    with session(engine) as opened:
        if article_id is not None:
            of_article = opened.scalar(
                select(KnowledgeArticle.code).where(KnowledgeArticle.article_id == article_id)
            )
            if of_article is None:
                raise BadInput(
                    f"there is no article {article_id!r}",
                    where=batch,
                    hint="`argus knowledge list` shows all; `argus knowledge import` adds yours",
                )
            if code not in {None, of_article}:
                raise BadInput(
                    f"the article {article_id} is about {of_article}, and the code is {code}",
                    where=batch,
                    expected="one of the two, or both alike",
                )
            code = of_article
        if code is None and not (cause and cause.strip()):
            raise BadInput(
                "nothing says what it was",
                where=batch,
                expected="a code, an article or a cause in words",
            )
        return _keep(opened, batch, "corrected", author, note, code, article_id, cause)


def feedback_on(engine: Engine, batch: str | None = None, *, limit: int = 100) -> list[Feedback]:
    """What people said, of one batch or of all, the newest first.

    Raises:
        Unavailable: the database does not answer.
    """
    query = select(DiagnosisFeedback).order_by(DiagnosisFeedback.id.desc()).limit(limit)
    if batch is not None:
        query = query.where(DiagnosisFeedback.batch == batch)
    with session(engine) as opened:
        return [_feedback(row) for row in opened.scalars(query)]


def labelled(engine: Engine) -> Iterator[Labelled]:
    """All judged diagnoses with what people found, for a calibration; in the order of batches.

    The newest word on each verdict of a batch counts. Diagnoses of a schema that is not read any
    more are left out.

    Raises:
        Unavailable: the database does not answer.
    """
    newest = (
        select(func.max(DiagnosisFeedback.id))
        .group_by(DiagnosisFeedback.batch, DiagnosisFeedback.verdict)
        .scalar_subquery()
    )
    query = (
        select(DiagnosisFeedback)
        .where(DiagnosisFeedback.id.in_(newest))
        .order_by(DiagnosisFeedback.batch, DiagnosisFeedback.id)
        .options(undefer(DiagnosisFeedback.judged))
    )
    with session(engine) as opened:
        for row in opened.scalars(query.execution_options(yield_per=100)):
            try:
                diagnosis = Diagnosis.from_json(json.dumps(row.judged))
            except ValueError:
                continue
            yield Labelled(row.batch, diagnosis, row.judgement == "confirmed")


def features(diagnosis: Diagnosis) -> dict[str, float]:
    """What a calibration may learn from: numbers of the first cause; zeros where there is none.

    `margin` is how far its score leads that of the next cause, `article_firmware` and the like say
    by which step its article was found, `distance` how near that lies to the log's words (2, the
    largest, where it is not known).
    """
    causes = diagnosis.likely_causes
    first = causes[0] if causes else None
    used = {article.id: article for article in diagnosis.articles}
    article = used.get(first.articles[0]) if first and first.articles else None
    step = first.step if first else ""
    return {
        "has_cause": float(first is not None),
        "points": diagnosis.confidence.points / max(diagnosis.confidence.of, 1),
        "score": first.score if first else 0.0,
        "margin": first.score - causes[1].score if first and len(causes) > 1 else 0.0,
        "alone": float(len(causes) == 1),
        "article_firmware": float(step == "code+platform+firmware"),
        "article_platform": float(step == "code+platform"),
        "article_any": float(step == "code"),
        "distance": 2.0 if article is None or article.distance is None else article.distance,
        "fatal": float(first is not None and first.severity == "fatal"),
        "error": float(first is not None and first.severity == "error"),
        "codes": float(len(diagnosis.top_codes)),
        "damaged": float(len(diagnosis.damaged) + diagnosis.damaged_omitted),
    }


def _keep(
    opened: Session,
    batch: str,
    judgement: str,
    author: str,
    note: str | None,
    code: str | None = None,
    article_id: str | None = None,
    cause: str | None = None,
) -> Feedback:
    # Held until the end, so that nobody replaces it between the look and the word on it.
    judged = opened.scalar(
        select(models.Diagnosis).where(models.Diagnosis.batch == batch).with_for_update()
    )
    if judged is None:
        raise ArgusError(f"the batch {batch!r} has no diagnosis", hint="`argus status` shows all")
    row = DiagnosisFeedback(
        batch=batch,
        judgement=judgement,
        code=code,
        article_id=article_id,
        cause=_text(cause, "cause", batch),
        note=_text(note, "note", batch),
        author=_text(author, "author", batch),
        verdict=judged.verdict,
        judged=judged.content,
    )
    if not row.author:
        raise BadInput("nobody says so", where=batch, expected="the name of who judges it")
    opened.add(row)
    opened.flush()
    opened.refresh(row)
    opened.execute(
        update(models.Diagnosis)
        .where(models.Diagnosis.id == judged.id)
        .values(confirmed=judgement == "confirmed")
    )
    return _feedback(row)


def _text(text: str | None, what: str, batch: str) -> str | None:
    said = storable(text).strip() if text is not None else ""
    if len(said) > MAX_TEXT:
        raise BadInput(
            f"the {what} has {len(said):,} characters", where=batch, expected=f"up to {MAX_TEXT:,}"
        )
    return said or None


def _feedback(row: DiagnosisFeedback) -> Feedback:
    return Feedback(
        batch=row.batch,
        judgement=row.judgement,
        code=row.code,
        article_id=row.article_id,
        cause=row.cause,
        note=row.note,
        author=row.author,
        verdict=row.verdict,
        created_at=row.created_at,
    )
