"""What a diagnosis answered, against the label; and the figures over many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from argus_pipeline.diagnosis.model import Diagnosis, Outcome
from argus_pipeline.diagnosis.validator import check_citations, claims
from benchmarks.diagnosis.dataset import Labelled

BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """A labelled batch with what was answered, article ids in order."""

    labelled: Labelled
    half: str
    ranked: tuple[str, ...]
    by_code: tuple[str, ...]
    by_bm25: tuple[str, ...]
    outcome: Outcome
    probability: float | None
    features: dict[str, float]
    claims: int
    problems: int

    @property
    def first_right(self) -> bool:
        """The first article is one that is right; of several faults, the true cause's."""
        return first_right(self.labelled, self.ranked)

    @property
    def all_in_three(self) -> bool:
        """Every fault's article is among the first three."""
        return set(self.labelled.right) <= set(self.ranked[:3])


def first_right(labelled: Labelled, ranked: Sequence[str]) -> bool:
    """Whether the first article is right."""
    right = labelled.right[:1] if labelled.kind == "several" else labelled.right
    return bool(ranked) and ranked[0] in right


def third_right(labelled: Labelled, ranked: Sequence[str]) -> bool:
    """Whether one of the first three articles is right."""
    return bool(set(ranked[:3]) & set(labelled.right))


def ranked_articles(diagnosis: Diagnosis) -> tuple[str, ...]:
    """The article ids that a reader sees: the likely causes, then what is perhaps related."""
    by_id = {article.id: article.article_id for article in diagnosis.articles}
    first = [by_id[cause.articles[0]] for cause in diagnosis.likely_causes]
    of_causes = {article for cause in diagnosis.likely_causes for article in cause.articles}
    leads = [a.article_id for a in diagnosis.articles if a.id not in of_causes]
    return tuple(dict.fromkeys([*first, *leads]))


def answered(
    labelled: Labelled,
    half: str,
    diagnosis: Diagnosis,
    by_code: Sequence[str],
    by_bm25: Sequence[str],
) -> Answer:
    """What a diagnosis and the two baselines say."""
    likely = diagnosis.outcome is Outcome.LIKELY
    return Answer(
        labelled=labelled,
        half=half,
        ranked=ranked_articles(diagnosis),
        by_code=tuple(by_code),
        by_bm25=tuple(by_bm25),
        outcome=diagnosis.outcome,
        probability=diagnosis.confidence.probability if likely else None,
        features=dict(diagnosis.confidence.features) if likely else {},
        claims=len(list(claims(diagnosis))),
        problems=len(check_citations(diagnosis)),
    )


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of a like confidence: their mean probability, how many were right, how many."""

    said: float
    right: float
    count: int


def reliability(said: Sequence[float], right: Sequence[bool]) -> list[Bin]:
    """The answers in ten bins of equal width, empty bins left out."""
    number = np.minimum((np.array(said) * BINS).astype(int), BINS - 1)
    found = []
    for bin_ in sorted(set(number.tolist())):
        inside = number == bin_
        share = float(np.array(right)[inside].mean())
        found.append(Bin(float(np.array(said)[inside].mean()), share, int(inside.sum())))
    return found


def calibration_error(bins: Sequence[Bin]) -> float:
    """The expected calibration error (Naeini and others, 2015): the mean gap by count."""
    total = sum(one.count for one in bins)
    return sum(one.count * abs(one.said - one.right) for one in bins) / max(total, 1)
