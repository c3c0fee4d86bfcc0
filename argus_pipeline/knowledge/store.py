"""Articles in the database: import, list, count."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Engine, func, or_, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from argus_pipeline.database.engine import session
from argus_pipeline.database.models import KnowledgeArticle
from argus_pipeline.database.records import storable
from argus_pipeline.knowledge.articles import Article
from argus_pipeline.knowledge.codes import code_family, normal_code
from argus_pipeline.knowledge.embedding import Embedder
from argus_pipeline.knowledge.vectors import Vectors, normalised
from argus_pipeline.knowledge.versions import version_span

# One call of the embedder and one transaction: small enough for a progress bar to move.
ARTICLES_A_BATCH = 64
_IDS_A_QUERY = 5000


@dataclass(frozen=True, slots=True)
class ImportResult:
    """How many articles an import added, changed, gave a new vector only, and left alone."""

    added: int
    changed: int
    reembedded: int
    unchanged: int

    @property
    def total(self) -> int:
        """How many articles the import was given."""
        return self.added + self.changed + self.reembedded + self.unchanged


def import_articles(
    engine: Engine,
    articles: Sequence[Article],
    embedder: Embedder,
    *,
    progress: Callable[[int], None] = lambda done: None,
) -> ImportResult:
    """Bring the knowledge base to these articles; articles that are not named stay as they are.

    An article is written when its content, or the embedder of its vector, is another one than
    before. No transaction is open while vectors are computed. An import that breaks off keeps what
    it has done, and the next one goes on from there.

    Args:
        engine: of a migrated database.
        articles: each id once.
        embedder: what makes the vectors.
        progress: called with the number of articles that are done, as it grows.

    Raises:
        Unavailable: the database or the embedder does not answer.
    """
    known = _known(engine, [article.article_id for article in articles])
    todo: list[Article] = []
    added = changed = reembedded = 0
    for article in articles:
        content_hash, embedded_by = known.get(article.article_id, (None, None))
        if content_hash is None:
            added += 1
        elif content_hash != article.content_hash:
            changed += 1
        elif embedded_by != embedder.name:
            reembedded += 1
        else:
            continue
        todo.append(article)
    # In one order in every process, so that two imports at once wait for each other's rows, and
    # never crosswise.
    todo.sort(key=lambda article: article.article_id)
    done = len(articles) - len(todo)
    unchanged = done
    progress(done)
    for start in range(0, len(todo), ARTICLES_A_BATCH):
        part = todo[start : start + ARTICLES_A_BATCH]
        vectors = article_vectors(embedder, part)
        rows = [
            _row(article, vector.tolist(), embedder.name)
            for article, vector in zip(part, vectors, strict=True)
        ]
        with session(engine) as opened:
            _write(opened, rows)
        done += len(part)
        progress(done)
    return ImportResult(added, changed, reembedded, unchanged)


def article_vectors(embedder: Embedder, articles: Sequence[Article]) -> Vectors:
    """One row for each article, of length 1: the mean over its searchable texts.

    Raises:
        Unavailable: the embedder does not answer.
    """
    texts = [article.searchable_texts for article in articles]
    vectors = embedder.embed([text for of_one in texts for text in of_one])
    ends = np.cumsum([len(of_one) for of_one in texts])
    return normalised([part.mean(axis=0) for part in np.split(vectors, ends[:-1])])


def list_articles(
    engine: Engine,
    *,
    code: str | None = None,
    platform: str | None = None,
    words: str | None = None,
) -> Iterator[Article]:
    """Articles in the order of code and id.

    Args:
        engine: of a migrated database.
        code: of this code only.
        platform: only those that hold for it: written for it, or for any.
        words: only those that contain all of these words, as a person would search the web.

    Raises:
        Unavailable: the database does not answer.
    """
    query = select(KnowledgeArticle).order_by(KnowledgeArticle.code, KnowledgeArticle.article_id)
    if code is not None:
        query = query.where(KnowledgeArticle.code == normal_code(code))
    if platform is not None:
        query = query.where(
            or_(KnowledgeArticle.platform == platform, KnowledgeArticle.platform.is_(None))
        )
    if words is not None:
        asked = func.websearch_to_tsquery("simple", storable(words))
        query = query.where(KnowledgeArticle.search.op("@@")(asked))
    with session(engine) as opened:
        for row in opened.scalars(query.execution_options(yield_per=500)):
            yield article_of(row)


def count_articles(engine: Engine) -> dict[str, int]:
    """How many articles there are of each embedder.

    Raises:
        Unavailable: the database does not answer.
    """
    query = select(KnowledgeArticle.embedder, func.count()).group_by(KnowledgeArticle.embedder)
    with session(engine) as opened:
        return {row[0]: row[1] for row in opened.execute(query)}


def article_of(row: KnowledgeArticle) -> Article:
    """The article that a row of the database holds."""
    return Article(
        article_id=row.article_id,
        code=row.code,
        title=row.title,
        source=row.source,
        language=row.language,
        platform=row.platform,
        firmware_min=row.firmware_min,
        firmware_max=row.firmware_max,
        ecu=row.ecu,
        symptoms=tuple(row.symptoms),
        causes=tuple(row.causes),
        checks=tuple(row.checks),
        remedies=tuple(row.remedies),
        titles=tuple(sorted(row.titles.items())),
        confirmed=row.confirmed,
    )


def _known(engine: Engine, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Content hash and embedder of those articles that are there already."""
    known: dict[str, tuple[str, str]] = {}
    with session(engine) as opened:
        for start in range(0, len(ids), _IDS_A_QUERY):
            query = select(
                KnowledgeArticle.article_id,
                KnowledgeArticle.content_hash,
                KnowledgeArticle.embedder,
            ).where(KnowledgeArticle.article_id.in_(ids[start : start + _IDS_A_QUERY]))
            known.update({row[0]: (row[1], row[2]) for row in opened.execute(query)})
    return known


def _row(article: Article, vector: list[float], embedder: str) -> dict[str, Any]:
    return {
        "article_id": article.article_id,
        "code": article.code,
        "family": code_family(article.code),
        "platform": article.platform,
        "firmware_min": article.firmware_min,
        "firmware_min_key": _bound(article.firmware_min, 0),
        "firmware_max": article.firmware_max,
        "firmware_max_key": _bound(article.firmware_max, 1),
        "ecu": article.ecu,
        "title": article.title,
        "titles": dict(article.titles),
        "symptoms": list(article.symptoms),
        "causes": list(article.causes),
        "checks": list(article.checks),
        "remedies": list(article.remedies),
        "source": article.source,
        "language": article.language,
        "confirmed": article.confirmed,
        "content_hash": article.content_hash,
        "embedding": vector,
        "embedder": embedder,
        "dimension": len(vector),
    }


def _bound(version: str | None, end: int) -> list[int] | None:
    span = None if version is None else version_span(version)
    return None if span is None else list(span[end])


def _write(opened: Session, rows: list[dict[str, Any]]) -> None:
    statement = postgresql.insert(KnowledgeArticle).values(rows)
    new = statement.excluded
    columns = {name: new[name] for name in rows[0] if name != "article_id"}
    opened.execute(
        statement.on_conflict_do_update(
            index_elements=["article_id"], set_={**columns, "changed_at": func.now()}
        )
    )
