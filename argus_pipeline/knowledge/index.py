"""The approximate index over the vectors of one embedder, made when there are many."""

from __future__ import annotations

import hashlib
from typing import Final

from sqlalchemy import Engine, func, select, text

from argus_pipeline.database.engine import session
from argus_pipeline.database.models import SCHEMA, KnowledgeArticle
from argus_pipeline.knowledge.embedding import Embedder
from argus_pipeline.knowledge.nearest import EXACT_ROWS

# Half-precision numbers may have so many dimensions in an index of pgvector.
MAX_DIMENSION: Final = 4000
_TABLE: Final = KnowledgeArticle.__tablename__


def index_name(embedder: Embedder) -> str:
    """The name of the index over an embedder's vectors."""
    model = hashlib.sha256(f"{embedder.name} {embedder.dimension}".encode()).hexdigest()[:12]
    return f"ix_{_TABLE}_hnsw_{model}"


def ensure_index(engine: Engine, embedder: Embedder, *, memory: str = "256MB") -> bool:
    """Make the index where there are more articles than an exact order is for, and say so.

    It is partial, since vectors of another embedder have another length; later imports keep it up
    to date. Making it takes a few minutes for a million articles and keeps writers waiting, not
    readers.

    Args:
        engine: of a migrated database.
        embedder: whose vectors.
        memory: what Postgres may use for it; with less than all vectors need it takes far longer.

    Returns:
        Whether there is an index now.

    Raises:
        Unavailable: the database does not answer.
    """
    with session(engine) as opened:
        counted = (
            select(KnowledgeArticle.article_id)
            .where(KnowledgeArticle.embedder == embedder.name)
            .limit(EXACT_ROWS + 1)
            .subquery()
        )
        many = opened.scalar(select(func.count()).select_from(counted)) or 0
        if many <= EXACT_ROWS or embedder.dimension > MAX_DIMENSION:
            return False
        there = text("SELECT to_regclass(:name)")
        if opened.scalar(there, {"name": f"{SCHEMA}.{index_name(embedder)}"}) is None:
            opened.execute(text(f"SET LOCAL maintenance_work_mem = '{memory}'"))
            quoted = embedder.name.replace("'", "''").replace(":", r"\:")
            opened.execute(
                text(
                    f"CREATE INDEX IF NOT EXISTS {index_name(embedder)} ON {SCHEMA}.{_TABLE}"
                    f" USING hnsw ((embedding\\:\\:halfvec({embedder.dimension}))"
                    " halfvec_cosine_ops)"
                    f" WHERE embedder = '{quoted}' AND dimension = {embedder.dimension}"
                )
            )
        return True
