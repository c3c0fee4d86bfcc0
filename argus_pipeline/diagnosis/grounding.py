"""Whether a sentence of a language model is about what it cites, and no stranger's sentence.

Ids and figures alone do not tell: a sentence without a figure may cite anything. So a share of the
content words of an answer has to occur in the entries that it cites. Quotations do not count among
these, be they texts or names, since a log may hold the very sentence that a stranger wants to see
in a report.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from argus_pipeline.diagnosis.model import Claim, Diagnosis

LEAST_SHARE: Final = 1 / 3
# Words by their first letters, so that "sensors" is "sensor"; ideographs two by two.
_WORD: Final = re.compile(r"[^\W\d_]{4,}")
_STEM: Final = 6
_IDEOGRAPHS: Final = re.compile(r"[\u3400-\u9fff]+")
_QUOTED: Final = re.compile("“[^”]*”")
_TOKEN: Final = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")
# So many in a row are a repetition and no coincidence.
_RUN: Final = 6


def is_grounded(diagnosis: Diagnosis, claim: Claim) -> bool:
    """Whether enough of a claim's words occur in what it cites; one without words is not."""
    said = _words([claim.text])
    known = _words(_texts(diagnosis, claim.citations))
    return bool(said) and len(said & known) >= LEAST_SHARE * len(said)


def repeats_a_log(diagnosis: Diagnosis, claim: Claim) -> bool:
    """Whether a claim has six words in a row, or six ideographs, from one text of the log."""
    said = _tokens(claim.text)
    runs = {said[n : n + _RUN] for n in range(len(said) - _RUN + 1)}
    for piece in diagnosis.evidence:
        quoted = _QUOTED.findall(piece.statement)
        logged = _tokens(" ".join([piece.quote or "", *quoted]))
        if any(logged[n : n + _RUN] in runs for n in range(len(logged) - _RUN + 1)):
            return True
    return False


def _tokens(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(text.lower()))


def _texts(diagnosis: Diagnosis, citations: Iterable[str]) -> Iterable[str]:
    cited = set(citations)
    for piece in diagnosis.evidence:
        if piece.id in cited:
            yield f"{_QUOTED.sub(' ', piece.statement)} {piece.severity or ''}"
    for article in diagnosis.articles:
        if article.id in cited:
            yield from (article.title, *(title for _, title in article.titles))
            yield from (*article.symptoms, *article.causes, *article.checks, *article.remedies)
    for past in diagnosis.past:
        if past.id in cited:
            yield f"{past.verdict} {past.note or ''}"


def _words(texts: Iterable[str]) -> set[str]:
    text = " ".join(texts).lower()
    pairs = {run[n : n + 2] for run in _IDEOGRAPHS.findall(text) for n in range(len(run) - 1)}
    return pairs | {word[:_STEM] for word in _WORD.findall(text) if not _IDEOGRAPHS.search(word)}
