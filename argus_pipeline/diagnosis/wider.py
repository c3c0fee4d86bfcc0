"""The retrieval expert: a wider search for what the first one, by code, left unexplained."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from argus_pipeline.diagnosis.composer import Case
from argus_pipeline.diagnosis.evidence import Kind
from argus_pipeline.diagnosis.model import Diagnosis
from argus_pipeline.knowledge.retrieval import ArticleMatch, Question, retrieve

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from argus_pipeline.knowledge.embedding import Embedder

MAX_QUESTIONS: Final = 3
_TOP_K: Final = 3
_MASK: Final = re.compile(r"<[a-z]+>")


def questions(case: Case, diagnosis: Diagnosis) -> tuple[str, ...]:
    """The log's own words of each fault that no likely cause explains, the gravest first.

    The first search asked for all of them at once, and the words of one fault drown another's.
    Where there is no fault, error messages without a code are asked for: they may mean one.
    """
    explained = {cause.code for cause in diagnosis.likely_causes}
    pieces = case.faults or case.summary.of_kind(Kind.EVENT)
    words = (_said(p.quote) for p in pieces if p.quote and p.code not in explained)
    return tuple(dict.fromkeys(word for word in words if word))[:MAX_QUESTIONS]


def _said(quote: str) -> str:
    """What a template says beside its masks, such as `<code>`: to the embedder these are noise."""
    return " ".join(_MASK.sub(" ", quote).split())


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
        answer = retrieve(engine, embedder, question)
        notes += answer.notes
        for match in answer.matches:
            known = found.get(match.article.article_id)
            if known is None or (match.distance or 0.0) < (known.distance or 0.0):
                found[match.article.article_id] = match
    return list(found.values()), notes
