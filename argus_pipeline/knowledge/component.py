"""The retrieval of articles as a Haystack component.

Importing this module imports Haystack, which takes about 2 s: do it where a pipeline is built.
"""

from __future__ import annotations

import os
from typing import Any

# Read by Haystack when it is imported: nothing phones home.
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"

from haystack import component
from sqlalchemy import Engine

from argus_pipeline.knowledge.embedding import Embedder
from argus_pipeline.knowledge.retrieval import ArticleMatch, Question, retrieve


@component
class KnowledgeRetriever:
    """Finds articles for fault codes: exact filters in SQL first, the order by meaning inside.

    Args:
        engine: of a migrated database.
        embedder: the one that the articles were imported with.
        distance_limit: the largest cosine distance of a free-text match; by default the embedder's.
    """

    def __init__(
        self, engine: Engine, embedder: Embedder, *, distance_limit: float | None = None
    ) -> None:
        self._engine = engine
        self._embedder = embedder
        self._distance_limit = distance_limit

    @component.output_types(matches=list[ArticleMatch], notes=list[str])
    def run(
        self,
        codes: list[str],
        platform: str,
        firmware: str,
        query: str = "",
        top_k: int = 3,
    ) -> dict[str, Any]:
        """Find at most `top_k` articles for each code; see `knowledge.retrieval` for the steps.

        Returns:
            `matches`, in the order of the codes, and `notes` on what could not be done.

        Raises:
            Unavailable: the database does not answer.
        """
        found = retrieve(
            self._engine,
            self._embedder,
            Question(tuple(codes), platform, firmware, query, top_k),
            distance_limit=self._distance_limit,
        )
        return {"matches": list(found.matches), "notes": list(found.notes)}
