"""Finds the articles for some fault codes on one vehicle platform and firmware.

For each code the first of these steps that has an article answers, and each match says which:

1. `code+platform+firmware`: written for this platform, its firmware range holds this firmware;
2. `code+platform`: written for this platform, but for another firmware;
3. `code`: written for any platform;
4. `free text`: no article of the code for this platform; the nearest by meaning;
5. `code, other platform`: written for another platform. Always last, always with a caveat.

Filters are on real columns, and the vector order is exact inside them: with an approximate index
alone the nearest rows are the wrong vehicle's. Only vectors of the same embedder are compared; an
article of another embedder is still found by its code, without a distance.
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
    String,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.elements import ColumnElement

from argus_pipeline.database.engine import session
from argus_pipeline.database.models import KnowledgeArticle
from argus_pipeline.database.records import storable
from argus_pipeline.errors import ArgusError
from argus_pipeline.knowledge.articles import Article
from argus_pipeline.knowledge.codes import normal_code
from argus_pipeline.knowledge.embedding import Embedder
from argus_pipeline.knowledge.store import article_of
from argus_pipeline.knowledge.versions import in_range, version_key

MAX_CODES: Final = 50
MAX_TOP_K: Final = 50
MAX_QUERY: Final = 2000


class Step(StrEnum):
    """Which step of the retrieval answered."""

    CODE_PLATFORM_FIRMWARE = "code+platform+firmware"
    CODE_PLATFORM = "code+platform"
    CODE = "code"
    FREE_TEXT = "free text"
    OTHER_PLATFORM = "code, other platform"


@dataclass(frozen=True, slots=True)
class ArticleMatch:
    """One article that was found.

    Args:
        article: what was found.
        step: which step found it.
        distance: cosine distance between the question and the article, 0 (the same) to 2; None
            where there was no question or the article's vector is another embedder's.
        code: the code that it answers; None for one found by free text.
        caveat: why it may not hold for this vehicle; None when nothing speaks against it.
    """

    article: Article
    step: Step
    distance: float | None
    code: str | None
    caveat: str | None


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What was found, best first within a code, and what could not be done."""

    matches: tuple[ArticleMatch, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: codes (the most important first), the vehicle, and the fault in words.

    A platform or firmware of None is not known: articles that are limited to one then match with a
    caveat.
    """

    codes: tuple[str, ...]
    platform: str | None
    firmware: str | None
    query: str = ""
    top_k: int = 3


def retrieve(
    engine: Engine,
    embedder: Embedder,
    question: Question,
    *,
    distance_limit: float | None = None,
) -> Retrieval:
    """Find at most `top_k` articles for each code, and `top_k` by free text where a code has none.

    An embedder that does not answer costs the order and the free text, and a note says so; codes
    are found without it.

    Args:
        engine: of a migrated database.
        embedder: the one that the articles were imported with.
        question: what is asked. Beyond `MAX_CODES` codes the rest is left out, with a note.
        distance_limit: the largest cosine distance of a free-text match; by default the embedder's.

    Raises:
        Unavailable: the database does not answer.
    """
    notes: list[str] = []
    codes = tuple(dict.fromkeys(normal_code(storable(code)) for code in question.codes))
    if len(codes) > MAX_CODES:
        notes.append(f"only the first {MAX_CODES} of {len(codes)} codes were looked up")
        codes = codes[:MAX_CODES]
    top_k = max(1, min(question.top_k, MAX_TOP_K))
    vector = _vector(embedder, question.query, notes)
    rank = _Ranking(question.platform, version_key(question.firmware or ""), embedder.name, vector)

    with session(engine) as opened:
        by_code = [] if not codes else opened.execute(_by_codes(rank, codes, top_k)).all()
        found = [rank.match(row[0], Step(row[1]), row[2], row[0].code) for row in by_code]
        here = [match for match in found if match.step is not Step.OTHER_PLATFORM]
        answered = {match.code for match in here}
        free: list[ArticleMatch] = []
        if vector is not None and (not codes or answered != set(codes)):
            limit = embedder.distance_limit if distance_limit is None else distance_limit
            known = [match.article.article_id for match in found]
            rows = opened.execute(_by_meaning(rank, known, limit, top_k)).all()
            free = [rank.match(row[0], Step.FREE_TEXT, row[1], None) for row in rows]
    order = {code: n for n, code in enumerate(codes)}
    # The statement has them in the order of distance, which a stable sort keeps.
    here.sort(key=lambda match: order[match.code or ""])
    others = [match for match in found if match.step is Step.OTHER_PLATFORM]
    others.sort(key=lambda match: order[match.code or ""])
    missing = [code for code in codes if code not in answered]
    if missing:
        notes.append("no article for this platform has the code " + ", ".join(missing))
    if any(match.distance is None for match in found) and vector is not None:
        notes.append(
            "some articles have vectors of another embedder, so their order means nothing: "
            "`argus knowledge import` renews them"
        )
    return Retrieval((*here, *free, *others), tuple(notes))


def _vector(embedder: Embedder, query: str, notes: list[str]) -> list[float] | None:
    text = storable(query[:MAX_QUERY]).strip()
    if not text:
        return None
    try:
        row: list[float] = embedder.embed([text])[0].tolist()
    except ArgusError as error:
        # Also for a refusal, such as a wrong key: no batch shall go without its report for it.
        notes.append(f"articles were found by code only, without order: {error}")
        return None
    return row if any(row) else None


@dataclass(frozen=True, slots=True)
class _Ranking:
    """One question as SQL expressions: which step an article belongs to, and how near it is."""

    platform: str | None
    firmware: tuple[int, ...] | None
    embedder: str
    vector: list[float] | None

    def step(self) -> ColumnElement[str]:
        """The step by which an article of the right code is found."""
        if self.platform is None:
            return literal(Step.CODE.value, String)
        same_platform = KnowledgeArticle.platform == self.platform
        return case(
            (and_(same_platform, self._holds_firmware()), Step.CODE_PLATFORM_FIRMWARE.value),
            (same_platform, Step.CODE_PLATFORM.value),
            (KnowledgeArticle.platform.is_(None), Step.CODE.value),
            else_=Step.OTHER_PLATFORM.value,
        )

    def distance(self, columns: Any) -> ColumnElement[Any]:
        """Cosine distance of the article in `columns`; null for a vector of another embedder.

        CASE and not AND: only it promises that vectors of other lengths are never compared, which
        would be an error.
        """
        if self.vector is None:
            return cast(null(), Float)
        comparable = and_(columns.embedder == self.embedder, columns.dimension == len(self.vector))
        near = columns.embedding.op("<=>", return_type=Float())(self.vector)
        return case((comparable, near), else_=null())

    def match(
        self, row: KnowledgeArticle, step: Step, distance: float | None, code: str | None
    ) -> ArticleMatch:
        """A row of the answer as a match, with the caveat that it needs."""
        # The distance to an article whose vector is all zeros is not a number.
        near = None if distance is None or math.isnan(distance) else float(distance)
        return ArticleMatch(article_of(row), step, near, code, self._caveat(row))

    def _holds_firmware(self) -> ColumnElement[bool]:
        """`versions.in_range` in SQL."""
        low, high = KnowledgeArticle.firmware_min_key, KnowledgeArticle.firmware_max_key
        if self.firmware is None:
            return and_(low.is_(None), high.is_(None))
        key = list(self.firmware)
        return and_(or_(low.is_(None), low <= key), or_(high.is_(None), high >= key))

    def _caveat(self, row: KnowledgeArticle) -> str | None:
        if row.platform is not None and row.platform != self.platform:
            return f"written for platform {row.platform}" + (
                f", not for {self.platform}" if self.platform else " only"
            )
        low = None if row.firmware_min_key is None else tuple(row.firmware_min_key)
        high = None if row.firmware_max_key is None else tuple(row.firmware_max_key)
        if not in_range(self.firmware, low, high):
            return f"written for firmware {article_of(row).firmware_range}"
        return None


def _by_codes(rank: _Ranking, codes: Sequence[str], top_k: int) -> Select[Any]:
    """For each code the `top_k` nearest articles of the first step that has any.

    One statement: the step of each article of the code, the first step of each code, the distance
    for the articles of that step only, and whole rows for those that are returned only.
    """
    table = KnowledgeArticle
    step = rank.step()
    place = func.array_position(cast([member.value for member in Step], ARRAY(String)), step)
    stepped = (
        select(
            table.article_id,
            table.code,
            table.embedder,
            table.dimension,
            table.embedding,
            step.label("step"),
            (place == func.min(place).over(partition_by=table.code)).label("first_step"),
        )
        .where(table.code.in_(codes))
        .subquery()
    )
    distance = rank.distance(stepped.c)
    nearest = func.row_number().over(
        partition_by=stepped.c.code,
        order_by=(distance.asc().nulls_last(), stepped.c.article_id),
    )
    numbered = (
        select(
            stepped.c.article_id,
            stepped.c.step,
            distance.label("distance"),
            nearest.label("nearest"),
        )
        .where(stepped.c.first_step)
        .subquery()
    )
    return (
        select(table, numbered.c.step, numbered.c.distance)
        .join(numbered, table.article_id == numbered.c.article_id)
        .where(numbered.c.nearest <= top_k)
        .order_by(table.code, numbered.c.nearest)
    )


def _by_meaning(rank: _Ranking, known: Sequence[str], limit: float, top_k: int) -> Select[Any]:
    """The nearest articles for this platform or any, whatever their code."""
    distance = rank.distance(KnowledgeArticle)
    query = select(KnowledgeArticle, distance.label("distance")).where(
        distance <= limit, KnowledgeArticle.article_id.not_in(known)
    )
    if rank.platform is not None:
        platform = KnowledgeArticle.platform
        query = query.where(or_(platform == rank.platform, platform.is_(None)))
    return query.order_by(distance, KnowledgeArticle.article_id).limit(top_k)
