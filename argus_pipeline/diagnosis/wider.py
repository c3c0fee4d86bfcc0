"""The retrieval expert: a wider search for what the first one, by code, left unexplained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from argus_pipeline.diagnosis.articles_used import by_score
from argus_pipeline.diagnosis.composer import Case
from argus_pipeline.diagnosis.evidence import Kind
from argus_pipeline.diagnosis.model import Diagnosis
from argus_pipeline.diagnosis.text import unmasked
from argus_pipeline.knowledge.retrieval import ArticleMatch, Question, retrieve

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from argus_pipeline.knowledge.embedding import Embedder

MAX_QUESTIONS: Final = 3
_TOP_K: Final = 3
# A lead is marked as one and makes no verdict, so it may be farther away than an answer.
_WIDER: Final = 0.1


def questions(case: Case, diagnosis: Diagnosis) -> tuple[str, ...]:
    """The log's own words of each fault that no likely cause explains, the gravest first.

    The first search asked for all of them at once, and the words of one fault drown another's.
    Where there is no fault, error messages without a code are asked for: they may mean one.
    """
    explained = {cause.code for cause in diagnosis.likely_causes}
    pieces = case.faults or case.summary.of_kind(Kind.EVENT)
    words = (unmasked(p.quote) for p in pieces if p.quote and p.code not in explained)
    return tuple(dict.fromkeys(word for word in words if word))[:MAX_QUESTIONS]


def joined(first: Sequence[ArticleMatch], wider: Sequence[ArticleMatch]) -> list[ArticleMatch]:
    """The matches of both searches, each article once: as its code found it, else as the wider."""
    by_code = [match for match in first if match.code is not None]
    by_words = [*wider, *(match for match in first if match.code is None)]
    found: dict[str, ArticleMatch] = {}
    for match in (*by_code, *by_words):
        found.setdefault(match.article.article_id, match)
    return list(found.values())


def search_wider(
    engine: Engine, embedder: Embedder, case: Case, asked: Sequence[str]
) -> tuple[list[ArticleMatch], list[str]]:
    """Articles by wording, one search for each question, and what could not be done.

    Raises:
        Unavailable: the database does not answer.
    """
    found: dict[str, ArticleMatch] = {}
    notes: list[str] = []
    manifest = case.manifest
    for words in asked:
        question = Question((), manifest.platform, manifest.firmware, words, _TOP_K)
        limit = embedder.distance_limit + _WIDER
        answer = retrieve(engine, embedder, question, distance_limit=limit)
        notes += answer.notes
        for match in answer.matches:
            known = found.get(match.article.article_id)
            if known is None or by_score(match) < by_score(known):
                found[match.article.article_id] = match
    return list(found.values()), notes
