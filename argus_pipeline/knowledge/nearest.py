"""The nearest articles inside a filter: in exact order, or by an approximate index.

A filter that leaves few rows is sorted exactly. One that leaves many goes through an HNSW index in
strict order, iterated until enough rows have passed the filter; should it still bring fewer rows
than there are, the exact order answers after all. Which of the two is decided by counting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from pgvector.sqlalchemy import HALFVEC, VECTOR
from sqlalchemy import (
    Float,
    Integer,
    ScalarSelect,
    Select,
    String,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    select,
    text,
    union_all,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from argus_pipeline.database.models import KnowledgeArticle

# Up to so many rows the exact order is no slower than a walk through the index that finds all five
# nearest; benchmarks/knowledge_base.py measures both.
EXACT_ROWS: Final = 10_000
COUNT_UP_TO: Final = EXACT_ROWS + 1
# The index holds half-precision numbers: some more candidates, put in order by the whole numbers.
_SPARE: Final = 35
_HNSW: Final = {
    "hnsw.iterative_scan": "strict_order",
    "hnsw.ef_search": "200",
    "hnsw.max_scan_tuples": "20000",
    # The planner takes an exact sort of any number of rows for cheaper than it is.
    "enable_sort": "off",
}

Found = tuple[KnowledgeArticle, float | None]


@dataclass(frozen=True, slots=True)
class Probe:
    """The question as a vector, with the embedder that made it; a vector of None has no order."""

    embedder: str
    vector: Sequence[float] | None

    def values(self) -> dict[str, Any]:
        """The values that statements need, beside those of their filters."""
        return {
            "embedder": self.embedder,
            "dimension": len(self.vector or ()),
            "vector": None if self.vector is None else list(self.vector),
        }


# Whether an article's vector may be compared at all.
COMPARABLE: Final = and_(
    KnowledgeArticle.embedder == bindparam("embedder", type_=Text),
    KnowledgeArticle.dimension == bindparam("dimension", type_=Integer),
)
_NEAR: Final = KnowledgeArticle.embedding.op("<=>", return_type=Float())(
    bindparam("vector", type_=VECTOR())
)
# Null for a vector of another embedder. CASE and not AND: only it promises that vectors of other
# lengths are never compared, which would be an error. It also keeps this exact, since no index has
# such an expression.
DISTANCE: Final = case((COMPARABLE, _NEAR), else_=null())


@dataclass(frozen=True, slots=True)
class Filtered:
    """A filter, and how many articles pass it, counted up to `COUNT_UP_TO`."""

    where: ColumnElement[bool]
    rows: int


def counted(where: ColumnElement[bool]) -> ScalarSelect[int]:
    """How many articles pass a filter, in SQL; counting ends at `COUNT_UP_TO`."""
    inside = (
        select(literal(1).label("one"))
        .select_from(KnowledgeArticle)
        .where(where)
        .limit(COUNT_UP_TO)
        .subquery()
    )
    return select(func.count()).select_from(inside).scalar_subquery()


def nearest(
    opened: Session,
    probe: Probe,
    filters: Sequence[Filtered],
    values: dict[str, Any],
    limit: int,
) -> list[list[Found]]:
    """For each filter the `limit` nearest articles that pass it, the nearest first.

    All exact orders are one statement; each filter of many rows is one of its own. `values` are
    those that the filters need.
    """
    values = {**values, **probe.values(), "limit": limit}
    found: list[list[Found]] = [[] for _ in filters]
    small: list[int] = []
    for place, filtered in enumerate(filters):
        if filtered.rows > EXACT_ROWS and probe.vector is not None:
            found[place] = _by_index(opened, filtered.where, values)
        # A walk through the index may end before it met all that pass the filter. Articles of
        # other embedders have no place in it.
        if len(found[place]) < limit:
            small.append(place)
            found[place] = []
    if small:
        wheres = tuple(filters[place].where for place in small)
        for row, distance, place in opened.execute(_exact(wheres, probe.vector is None), values):
            found[small[place]].append((row, distance))
    return found


@lru_cache(maxsize=64)
def _exact(
    filters: tuple[ColumnElement[bool], ...], unordered: bool
) -> Select[KnowledgeArticle, Any, int]:
    """The exact order inside each filter. Whole rows are read of those that are returned only."""
    distance = (cast(null(), Float) if unordered else DISTANCE).label("distance")
    ranked = union_all(
        *(
            select(
                select(KnowledgeArticle.article_id, distance, literal(place).label("place"))
                .where(where)
                .order_by(distance.asc().nulls_last(), KnowledgeArticle.article_id)
                .limit(bindparam("limit", type_=Integer))
                .subquery()
            )
            for place, where in enumerate(filters)
        )
    ).subquery()
    return (
        select(KnowledgeArticle, ranked.c.distance, ranked.c.place)
        .join(ranked, KnowledgeArticle.article_id == ranked.c.article_id)
        .order_by(ranked.c.place, ranked.c.distance.asc().nulls_last(), ranked.c.article_id)
    )


def _by_index(opened: Session, where: ColumnElement[bool], values: dict[str, Any]) -> list[Found]:
    settings = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in _HNSW.items())
    before = opened.execute(text("SELECT current_setting('enable_sort')")).scalar_one()
    opened.execute(text(f"SELECT {settings}"))
    statement = _indexed(where, values["dimension"])
    asked = {**values, "candidates": values["limit"] + _SPARE, "model": values["embedder"]}
    found: list[Found] = [(row, near) for row, near in opened.execute(statement, asked)]
    opened.execute(text("SELECT set_config('enable_sort', :before, true)"), {"before": before})
    return found


@lru_cache(maxsize=64)
def _indexed(where: ColumnElement[bool], dimension: int) -> Select[KnowledgeArticle, float]:
    table = KnowledgeArticle
    kind = HALFVEC(dimension)
    # The index is partial: its conditions have to stand in the statement as they are.
    indexed = and_(
        table.embedder == bindparam("model", type_=String, literal_execute=True),
        table.dimension == literal(dimension, literal_execute=True),
    )
    rough = cast(table.embedding, kind).op("<=>", return_type=Float())(
        cast(bindparam("vector", type_=VECTOR()), kind)
    )
    candidates = (
        select(table.article_id, _NEAR.label("distance"))
        .where(indexed, where)
        .order_by(rough)
        .limit(bindparam("candidates", type_=Integer))
        .subquery()
    )
    ranked = (
        select(candidates)
        .order_by(candidates.c.distance, candidates.c.article_id)
        .limit(bindparam("limit", type_=Integer))
        .subquery()
    )
    return (
        select(table, ranked.c.distance)
        .join(ranked, table.article_id == ranked.c.article_id)
        .order_by(ranked.c.distance, ranked.c.article_id)
    )
