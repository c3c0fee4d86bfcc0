"""The material of an answer: passages with ids that a sentence can cite.

E are the evidence of a batch, K articles, D past diagnoses. They come in the order of how near
they are to the question: what names a code of the question first, then by meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from argus_pipeline.diagnosis.articles_used import article_used
from argus_pipeline.diagnosis.evidence import Evidence
from argus_pipeline.diagnosis.model import ArticleUsed, Claim, Diagnosis, PastDiagnosis
from argus_pipeline.diagnosis.prompt import article_line, evidence_line, past_line
from argus_pipeline.diagnosis.recall import recall_for_question
from argus_pipeline.diagnosis.validator import article_tokens, evidence_tokens, past_tokens
from argus_pipeline.errors import ArgusError
from argus_pipeline.knowledge.codes import codes_in_question, normal_code
from argus_pipeline.knowledge.retrieval import Question, retrieve

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from argus_pipeline.knowledge.embedding import Embedder

TOP_K: Final = 4
MAX_QUESTION: Final = 500

RecallFor = Callable[[str, tuple[str, ...], str | None], Sequence[PastDiagnosis]]
"""Past diagnoses for a question, the codes in it and a platform: D1, D2, …"""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a question is about: a batch by its diagnosis, or vehicles by platform and firmware."""

    diagnosis: Diagnosis | None = None
    platform: str | None = None
    firmware: str | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """One entry that an answer may cite; `tokens` are the figures, codes and versions in it."""

    id: str
    line: str
    tokens: frozenset[str]


@dataclass(frozen=True, slots=True)
class Passages:
    """The passages, the nearest first, what a batch's diagnosis concludes, and what was amiss."""

    passages: tuple[Passage, ...]
    conclusions: tuple[Claim, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def entries(self) -> dict[str, frozenset[str]]:
        """What a sentence may take from each passage."""
        return {passage.id: passage.tokens for passage in self.passages}


def gather(
    engine: Engine,
    embedder: Embedder,
    question: str,
    scope: Scope,
    recall: RecallFor | None = None,
) -> Passages:
    """Collect what may answer a question.

    Args:
        engine: of the migrated database.
        embedder: the one that the articles were imported with.
        question: in any language.
        scope: what it is about.
        recall: finds past diagnoses; by default those in the database.

    Raises:
        Unavailable: the database does not answer.
    """
    found = scope.diagnosis
    platform = found.platform if found else scope.platform
    firmware = found.firmware if found else scope.firmware
    codes = codes_in_question(question)
    # A code has no meaning to an embedder: what is asked in words is the rest.
    words = " ".join(w for w in question.split() if normal_code(w.strip("?!.,;:")) not in codes)
    articles = list(found.articles) if found else []
    known = {article.article_id for article in articles}
    notes: list[str] = []
    # By the codes it names, and by its words alone: a question often asks for more than a code.
    for named in dict.fromkeys((codes, ())):
        answer = retrieve(engine, embedder, Question(named, platform, firmware, words, TOP_K))
        notes += answer.notes
        for match in answer.matches:
            if match.article.article_id not in known:
                known.add(match.article.article_id)
                articles.append(article_used(match, f"K{len(articles) + 1}", platform))
    past = list(found.past) if found else []
    if not past:
        past = list((recall or recall_for_question(engine, embedder))(words, codes, platform))
    passages = [
        *(_of_evidence(piece) for piece in (found.evidence if found else ())),
        *(_of_article(article) for article in articles),
        *(Passage(one.id, past_line(one), past_tokens(one)) for one in past),
    ]
    concluded = (found.verdict, *(cause.claim for cause in found.likely_causes)) if found else ()
    ordered = _by_nearness(passages, codes, words, embedder)
    return Passages(tuple(ordered), concluded, tuple(dict.fromkeys(notes)))


def _of_evidence(piece: Evidence) -> Passage:
    return Passage(piece.id, evidence_line(piece), evidence_tokens(piece))


def _of_article(article: ArticleUsed) -> Passage:
    return Passage(article.id, article_line(article), article_tokens(article))


def _by_nearness(
    passages: Sequence[Passage], codes: Sequence[str], words: str, embedder: Embedder
) -> list[Passage]:
    """What holds a code of the question first, the rest by meaning; as it was where that fails."""
    names = {code.lower() for code in codes}
    nearness = np.zeros(len(passages))
    if words and passages:
        try:
            vectors = embedder.embed([words, *(passage.line for passage in passages)])
            nearness = vectors[1:] @ vectors[0]
        except ArgusError:
            nearness = np.zeros(len(passages))
    order = sorted(
        range(len(passages)),
        key=lambda n: (not names & passages[n].tokens, -round(float(nearness[n]), 4), n),
    )
    return [passages[n] for n in order]
