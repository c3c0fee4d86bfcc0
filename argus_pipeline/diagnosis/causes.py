"""From evidence and articles to likely causes in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from argus_pipeline.batches.manifest import Manifest
from argus_pipeline.diagnosis.articles_used import Shelf
from argus_pipeline.diagnosis.evidence import Evidence, FeatureSummary, Kind
from argus_pipeline.diagnosis.model import ArticleUsed, Cause, Claim, PastDiagnosis
from argus_pipeline.diagnosis.ranking import (
    SEVERITY_ORDER,
    Fit,
    came_late,
    cause_confidence,
    fault_score,
    is_fault,
    worse,
)
from argus_pipeline.diagnosis.text import amount, duration

MAX_CAUSES: Final = 3
# What the article of the first cause and of each further one may contribute.
_LINES_FIRST: Final = 3
_LINES_FURTHER: Final = 2
_ARTICLES_PER_CAUSE: Final = 2


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults of a batch: the likely causes, and what stayed without an explanation."""

    causes: tuple[Cause, ...]
    further: tuple[Evidence, ...]
    """Codes with an article that did not make it among the causes."""
    unexplained: tuple[Evidence, ...]
    """Codes and fatal texts that no article knows."""

    @property
    def any(self) -> bool:
        """Whether there is a fault at all."""
        return bool(self.causes or self.unexplained)


@dataclass(frozen=True, slots=True)
class _Candidate:
    piece: Evidence
    fit: Fit
    score: float


def find_faults(
    manifest: Manifest,
    summary: FeatureSummary,
    shelf: Shelf,
    past: Sequence[PastDiagnosis] = (),
) -> Faults:
    """Order the causes by score and keep the first three."""
    update = manifest.firmware_from is not None
    faults = [piece for piece in summary.evidence if is_fault(piece)]
    seconds = _batch_seconds(summary)
    candidates: list[_Candidate] = []
    unexplained: list[Evidence] = []
    for piece in faults:
        matches = shelf.for_code(piece) if piece.kind is Kind.CODE else []
        if matches:
            fit = shelf.fit(matches[0])
            score = fault_score(piece, fit, update=update, batch_seconds=seconds)
            candidates.append(_Candidate(piece, fit, score))
        else:
            unexplained.append(piece)
    unexplained.sort(key=lambda piece: SEVERITY_ORDER.index(piece.severity or "none"))
    # Stable: of equal scores the one with the worse severity and more messages stays first.
    candidates.sort(key=lambda candidate: -candidate.score)
    unknown_scores = [
        fault_score(piece, None, update=update, batch_seconds=seconds) for piece in unexplained
    ]
    scope = summary.of_kind(Kind.SCOPE)[0].numbers
    whole = not (scope["quarantined_bytes"] or scope["unread_bytes"])
    causes = tuple(
        _cause(
            candidate,
            [other.score for other in candidates if other is not candidate] + unknown_scores,
            manifest,
            summary,
            shelf,
            lines=_LINES_FURTHER if number else _LINES_FIRST,
            leads=not any(worse(p.severity, candidate.piece.severity) for p in unexplained),
            whole=whole,
            past=past,
        )
        for number, candidate in enumerate(candidates[:MAX_CAUSES])
    )
    return Faults(causes, tuple(c.piece for c in candidates[MAX_CAUSES:]), tuple(unexplained))


def _cause(
    candidate: _Candidate,
    others: list[float],
    manifest: Manifest,
    summary: FeatureSummary,
    shelf: Shelf,
    *,
    lines: int,
    leads: bool,
    whole: bool,
    past: Sequence[PastDiagnosis],
) -> Cause:
    piece = candidate.piece
    articles = [shelf.use(match) for match in shelf.for_code(piece)[:_ARTICLES_PER_CAUSE]]
    first = articles[0]
    return Cause(
        claim=_statement(piece, first, manifest, summary),
        code=str(piece.code),
        severity=str(piece.severity),
        score=candidate.score,
        confidence=cause_confidence(
            piece, candidate.fit, candidate.score, others, leads=leads, whole=whole, past=past
        ),
        articles=tuple(article.id for article in articles),
        step=first.step,
        causes=_advice(first, first.causes, lines),
        checks=_advice(first, first.checks, lines),
        remedies=_advice(first, first.remedies, lines),
    )


def _statement(
    piece: Evidence, article: ArticleUsed, manifest: Manifest, summary: FeatureSummary
) -> Claim:
    messages = int(piece.numbers["messages"])
    text = f"{article.title}. {piece.code} came in "
    if piece.severity == "none":
        text += f"{amount(messages, 'message')}"
    elif messages == 1:
        text += f"1 {piece.severity} message"
    else:
        text += f"{messages:,} messages (worst severity {piece.severity})"
    citations = [piece.id, article.id]
    placed = _placed(piece, manifest, summary)
    if placed:
        text += f"; {placed}"
        citations.append(summary.of_kind(Kind.UPDATE)[0].id)
    text += "."
    if article.caveat is not None:
        text += f" Its article was {article.caveat}."
        citations.append(summary.of_kind(Kind.UPDATE)[0].id)
    return Claim(text, tuple(dict.fromkeys(citations)))


def _placed(piece: Evidence, manifest: Manifest, summary: FeatureSummary) -> str:
    """When a code came, seen from the update; empty where nothing speaks for a connection."""
    after = piece.numbers.get("after_update_s")
    if after is not None:
        known = "by the software versions that the ECUs answered"
        if after < 0:
            return f"it came before the update already, {known}"
        return f"it first came {duration(after)} after the update, {known}"
    if manifest.firmware_from is not None and came_late(piece, _batch_seconds(summary)):
        return (
            f"it was not there from the start but came {duration(piece.numbers['onset_s'])}"
            " into a batch that contains or follows an update"
        )
    return ""


def _advice(article: ArticleUsed, texts: tuple[str, ...], lines: int) -> tuple[Claim, ...]:
    return tuple(Claim(text, (article.id,)) for text in texts[:lines])


def _batch_seconds(summary: FeatureSummary) -> float:
    return float(summary.of_kind(Kind.SCOPE)[0].numbers.get("seconds", 0))
