"""Finds the articles for some fault codes on one vehicle platform and firmware.

For each code the first of these steps that has an article answers, and each match says which:

1. `code+platform+firmware`: written for this platform, its firmware range holds this firmware;
2. `code`: written for any platform;
3. `code+platform`: written for this platform, but for another firmware, with a caveat;
4. `code family`: of a neighbouring code of the same standard family, always with a caveat;
5. `free text`: no article of the code for this platform; the nearest by meaning and by wording;
6. `keywords`: places that are left; articles that contain all words of the question, or any of them
   when the embedder does not answer;
7. `code, other platform`: written for another platform. Always last, always with a caveat.

Filters are on real columns, and the vector order is exact inside them (`nearest` says up to where):
with an approximate index alone the nearest rows are the wrong vehicle's. Only vectors of the same
embedder are compared; an article of another embedder is still found by its code, without a
distance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Engine,
    Select,
    String,
    and_,
    case,
    cast,
    literal,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from argus_pipeline.database.engine import session
from argus_pipeline.database.models import KnowledgeArticle
from argus_pipeline.database.records import storable
from argus_pipeline.errors import ArgusError
from argus_pipeline.knowledge.codes import normal_code
from argus_pipeline.knowledge.embedding import Embedder
from argus_pipeline.knowledge.filters import Vehicle, code_values
from argus_pipeline.knowledge.glossary import spelled_out
from argus_pipeline.knowledge.keywords import containing, keywords
from argus_pipeline.knowledge.matches import (
    MAX_CODES,
    MAX_QUERY,
    MAX_TOP_K,
    ArticleMatch,
    Question,
    Retrieval,
    Step,
)
from argus_pipeline.knowledge.nearest import (
    COMPARABLE,
    Filtered,
    Found,
    Probe,
    counted,
    nearest,
)
from argus_pipeline.knowledge.store import article_of
from argus_pipeline.knowledge.versions import version_span
from argus_pipeline.knowledge.wording import WEIGHT, shared_wording

# So many of the nearest by meaning, and so many by words, are candidates for free text.
_CANDIDATES: Final = 50

__all__ = ["MAX_CODES", "ArticleMatch", "Question", "Retrieval", "Step", "retrieve"]


def retrieve(
    engine: Engine,
    embedder: Embedder,
    question: Question,
    *,
    distance_limit: float | None = None,
) -> Retrieval:
    """Find at most `top_k` articles for each code, and `top_k` by words where a code has none.

    An embedder that does not answer costs the order and the free text, and a note says so; codes
    and words are found without it.

    Args:
        engine: of a migrated database.
        embedder: the one that the articles were imported with.
        question: what is asked. Beyond `MAX_CODES` codes the rest is left out, with a note.
        distance_limit: the largest score of a free-text match (cosine distance less shared
            wording); by default the embedder's limit.

    Raises:
        Unavailable: the database does not answer.
    """
    notes: list[str] = []
    codes = tuple(dict.fromkeys(normal_code(storable(code)) for code in question.codes))
    if len(codes) > MAX_CODES:
        notes.append(f"only the first {MAX_CODES} of {len(codes)} codes were looked up")
        codes = codes[:MAX_CODES]
    query = storable(question.query[:MAX_QUERY]).strip()
    # No connection is held while the embedder works.
    probe = Probe(embedder.name, _vector(embedder, query, notes))
    vehicle = Vehicle(question.platform, version_span(question.firmware or ""))
    limit = embedder.distance_limit if distance_limit is None else distance_limit
    with session(engine) as opened:
        search = _Search(opened, vehicle, probe, max(1, min(question.top_k, MAX_TOP_K)))
        found, others = search.by_codes(codes)
        answered = {match.code for match in found if match.step is not Step.FAMILY}
        missing = [code for code in codes if code not in answered]
        free: list[ArticleMatch] = []
        if query and (missing or not codes):
            known = {match.article.article_id for match in (*found, *others)}
            free = search.by_words(query, known, limit)
    if missing:
        notes.append("no article for this platform has the code " + ", ".join(missing))
    by_code = (*found, *others)
    if any(match.distance is None for match in by_code) and probe.vector is not None:
        notes.append(
            "some articles have vectors of another embedder, so their order means nothing: "
            "`argus knowledge import` renews them"
        )
    return Retrieval((*found, *free, *others), tuple(notes))


def _vector(embedder: Embedder, query: str, notes: list[str]) -> list[float] | None:
    if not query:
        return None
    try:
        row: list[float] = embedder.embed([query])[0].tolist()
    except ArgusError as error:
        # Also for a refusal, such as a wrong key: no batch shall go without its report for it.
        notes.append(f"articles were found by codes and words only, without order: {error}")
        return None
    return row if any(row) else None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where to look for a code: the step that has articles, and how many."""

    place: int
    step: Step
    rows: int


class _Search:
    """One question inside one transaction."""

    def __init__(self, opened: Session, vehicle: Vehicle, probe: Probe, top_k: int) -> None:
        self._opened = opened
        self._vehicle = vehicle
        self._probe = probe
        self._top_k = top_k

    def by_codes(self, codes: Sequence[str]) -> tuple[list[ArticleMatch], list[ArticleMatch]]:
        """The articles of each code, in its order: for this platform, and for others only."""
        values = {**self._vehicle.values(), **code_values(codes)}
        everywhere = range(len(codes))
        places = self._first_steps(everywhere, self._vehicle.steps(), values)
        elsewhere: list[_Place] = []
        if self._vehicle.platform is not None:
            exact = {place.place for place in places if place.step is not Step.FAMILY}
            missing = [place for place in everywhere if place not in exact]
            elsewhere = self._first_steps(missing, (Step.OTHER_PLATFORM,), values)
        found = self._nearest([*places, *elsewhere], codes, values)
        here = [match for match in found if match.step is not Step.OTHER_PLATFORM]
        others = [match for match in found if match.step is Step.OTHER_PLATFORM]
        return _each_once(here), others

    def by_words(self, query: str, known: set[str], limit: float) -> list[ArticleMatch]:
        """The nearest articles for this platform or any, whatever their code, then by keyword."""
        where = and_(self._vehicle.here, KnowledgeArticle.article_id.not_in(sorted(known)))
        found = self._by_meaning_and_wording(query, where, limit)
        words = keywords(query)
        left = self._top_k - len(found)
        if words and left:
            there = [match.article.article_id for match in found]
            # With the meaning at hand, one word that many articles have says nothing.
            strict = self._probe.vector is not None
            rows = self._containing(words, and_(where, _not_in(there)), left, strict)
            found += [self._match(row, Step.KEYWORDS, None, None) for row, _ in rows]
        return found

    def _by_meaning_and_wording(
        self, query: str, where: ColumnElement[bool], limit: float
    ) -> list[ArticleMatch]:
        """The best of some candidates by both; none without a vector of the question."""
        if self._probe.vector is None:
            return []
        values = {**self._vehicle.values(), **self._probe.values()}
        where = and_(where, COMPARABLE)
        rows = self._opened.execute(select(counted(where)), values).scalar_one()
        filtered = [Filtered(where, rows)]
        (pool,) = nearest(self._opened, self._probe, filtered, values, _CANDIDATES)
        words = keywords(f"{query} {spelled_out(query)}")
        if words:
            there = [row.article_id for row, _ in pool]
            pool += self._containing(words, and_(where, _not_in(there)), _CANDIDATES, False)
        shared = shared_wording(query, [article_of(row) for row, _ in pool])
        scored = [
            (distance - WEIGHT * share, row, distance)
            for (row, distance), share in zip(pool, shared, strict=True)
            if distance is not None
        ]
        scored.sort(key=lambda one: (one[0], one[1].article_id))
        return [
            replace(self._match(row, Step.FREE_TEXT, distance, None), score=score)
            for score, row, distance in scored[: self._top_k]
            if score <= limit
        ]

    def _containing(
        self, words: tuple[str, ...], where: ColumnElement[bool], limit: int, strict: bool
    ) -> list[Found]:
        values = {**self._vehicle.values(), **self._probe.values()}
        statement = containing(words, where, limit, all_of_them=strict)
        return [(row, distance) for row, distance in self._opened.execute(statement, values)]

    def _first_steps(
        self, places: Sequence[int], steps: tuple[Step, ...], values: dict[str, Any]
    ) -> list[_Place]:
        """For each code the first of some steps that has an article; codes without are left out.

        One statement for all, which counts the articles of that step too.
        """
        if not places:
            return []
        filters = tuple(
            (place, tuple((step, self._vehicle.holds(step, place)) for step in steps))
            for place in places
        )
        statement = _survey(filters, self._probe.vector is not None)
        found = self._opened.execute(statement, values)
        return [_Place(place, Step(step), rows) for place, step, rows in found]

    def _nearest(
        self, places: Sequence[_Place], codes: Sequence[str], values: dict[str, Any]
    ) -> list[ArticleMatch]:
        filters = [Filtered(self._vehicle.holds(p.step, p.place), p.rows) for p in places]
        found = nearest(self._opened, self._probe, filters, values, self._top_k)
        return [
            self._match(row, place.step, distance, codes[place.place])
            for place, rows in zip(places, found, strict=True)
            for row, distance in rows
        ]

    def _match(
        self, row: KnowledgeArticle, step: Step, distance: float | None, code: str | None
    ) -> ArticleMatch:
        # The distance to an article whose vector is all zeros is not a number.
        near = None if distance is None or math.isnan(distance) else float(distance)
        return ArticleMatch(article_of(row), step, near, code, self._vehicle.caveat(row, code))


def _not_in(article_ids: Sequence[str]) -> ColumnElement[bool]:
    return KnowledgeArticle.article_id.not_in(article_ids)


@lru_cache(maxsize=256)
def _survey(
    places: tuple[tuple[int, tuple[tuple[Step, ColumnElement[bool]], ...]], ...], counting: bool
) -> Select[int, str, int]:
    """For each place the first step that has an article, and how many it has, where it matters."""
    chosen = []
    for place, filters in places:
        there = [
            (select(literal(1)).select_from(KnowledgeArticle).where(where).exists(), step, where)
            for step, where in filters
        ]
        step_ = case(*((found, step.value) for found, step, _ in there), else_=None)
        rows = case(*((found, counted(where)) for found, _, where in there), else_=0)
        chosen.append(
            select(
                literal(place).label("place"),
                cast(step_, String).label("step"),
                (rows if counting else literal(0)).label("rows"),
            )
        )
    found = union_all(*chosen).subquery()
    return (
        select(found.c.place, found.c.step, found.c.rows)
        .where(found.c.step.is_not(None))
        .order_by(found.c.place)
    )


def _each_once(matches: Sequence[ArticleMatch]) -> list[ArticleMatch]:
    """Exact codes first, and no article of a family that another code has named already."""
    kept: dict[str, ArticleMatch] = {}
    for match in sorted(matches, key=lambda match: match.step is Step.FAMILY):
        kept.setdefault(match.article.article_id, match)
    return list(kept.values())
