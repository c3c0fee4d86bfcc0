"""What is wrong with the knowledge base as a whole: duplicates, gaps, vectors of another model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine, func, select

from argus_pipeline.database.engine import session
from argus_pipeline.database.models import KnowledgeArticle
from argus_pipeline.knowledge.embedding import Embedder
from argus_pipeline.knowledge.store import article_of, import_articles

_SHOWN: Final = 20
_ARTICLES_A_TURN: Final = 500


@dataclass(frozen=True, slots=True)
class Quality:
    """What a person should look at. Lists hold the first 20 of as many as the count beside says."""

    articles: int
    duplicates: int
    """How many articles say the same of the same vehicles as one before them."""
    duplicate_ids: tuple[tuple[str, ...], ...]
    without_remedy: int
    without_remedy_ids: tuple[str, ...]
    other_embedders: dict[str, int]
    """How many vectors were made by each embedder that is not the present one."""


def check(engine: Engine, embedder: Embedder) -> Quality:
    """Look over the whole knowledge base.

    Two articles are duplicates when code, platform, firmware range and title are the same, but for
    upper and lower case.

    Raises:
        Unavailable: the database does not answer.
    """
    table = KnowledgeArticle
    same = (table.code, table.platform, table.firmware_min_key, table.firmware_max_key)
    ids = func.array_agg(table.article_id.op("ORDER BY")(table.article_id))
    groups = (
        select(ids)
        .group_by(*same, func.lower(table.title))
        .having(func.count() > 1)
        .order_by(func.min(table.article_id))
    )
    bare = func.jsonb_array_length(table.remedies) == 0
    with session(engine) as opened:
        found = [tuple(row) for row in opened.scalars(groups)]
        embedders = select(table.embedder, func.count()).group_by(table.embedder)
        counts = {row[0]: row[1] for row in opened.execute(embedders)}
        without = opened.scalar(select(func.count()).select_from(table).where(bare)) or 0
        first = select(table.article_id).where(bare).order_by(table.article_id).limit(_SHOWN)
        without_ids = tuple(opened.scalars(first))
    return Quality(
        articles=sum(counts.values()),
        duplicates=sum(len(group) - 1 for group in found),
        duplicate_ids=tuple(found[:_SHOWN]),
        without_remedy=without,
        without_remedy_ids=without_ids,
        other_embedders={n: count for n, count in counts.items() if n != embedder.name},
    )


def renew_vectors(
    engine: Engine, embedder: Embedder, *, progress: Callable[[int], None] = lambda done: None
) -> int:
    """Compute the vectors of another embedder anew, from the articles as they are stored.

    Returns:
        How many articles have a new vector. One that was broken off goes on where it was.

    Raises:
        Unavailable: the database or the embedder does not answer.
    """
    done = 0
    others = (
        select(KnowledgeArticle)
        .where(KnowledgeArticle.embedder != embedder.name)
        .order_by(KnowledgeArticle.article_id)
        .limit(_ARTICLES_A_TURN)
    )
    while True:
        with session(engine) as opened:
            articles = [article_of(row) for row in opened.scalars(others)]
        if not articles:
            return done
        import_articles(engine, articles, embedder)
        done += len(articles)
        progress(done)
