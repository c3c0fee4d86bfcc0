"""Holds every claim of a diagnosis to what it cites.

A claim holds when it cites at least one entry, every entry exists, every token with a digit in it
(a count, a code, a version, a time) occurs in an entry that it cites, and it has at most 120
words. A claim that does not hold is taken out and counted, and so is what makes the diagnosis
longer than 500 words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from argus_pipeline.diagnosis.evidence import Evidence, Kind
from argus_pipeline.diagnosis.model import (
    ArticleUsed,
    Cause,
    Claim,
    Diagnosis,
    Outcome,
    PastDiagnosis,
)
from argus_pipeline.diagnosis.ranking import no_confidence
from argus_pipeline.diagnosis.text import without_ideographs, word_count

MAX_WORDS: Final = 500
MAX_CLAIM_WORDS: Final = 120
_GROUPED: Final = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_AROUND: Final = "\"'`()[]{}<>,.;:!?“”„’…%±~。，、；：！？（）【】《》「」"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a claim, and where in the diagnosis it stands."""

    where: str
    claim: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: {self.claim!r}"


def check_citations(diagnosis: Diagnosis) -> list[Problem]:
    """Every claim of a diagnosis that does not hold, in reading order; empty when all do."""
    entries = entries_of(diagnosis)
    found = [
        Problem(where, claim.text, what)
        for where, claim in claims(diagnosis)
        for what in faults_of(claim, entries)
    ]
    for number, cause in enumerate(diagnosis.likely_causes):
        missing = [article for article in cause.articles if article not in entries]
        if missing:
            where = f"likely_causes[{number}].articles"
            found.append(Problem(where, cause.claim.text, f"no article {', '.join(missing)}"))
    return found


def claims(diagnosis: Diagnosis) -> Iterable[tuple[str, Claim]]:
    """All claims with the place of each, in the order in which a report shows them."""
    yield "verdict", diagnosis.verdict
    yield "first_step", diagnosis.first_step
    for number, cause in enumerate(diagnosis.likely_causes):
        where = f"likely_causes[{number}]"
        yield f"{where}.claim", cause.claim
        for part in ("causes", "checks", "remedies"):
            for index, claim in enumerate(getattr(cause, part)):
                yield f"{where}.{part}[{index}]", claim
    for part in ("next_steps", "unknowns", "findings", "checked"):
        for index, claim in enumerate(getattr(diagnosis, part)):
            yield f"{part}[{index}]", claim


def words(diagnosis: Diagnosis) -> int:
    """Words of all claims. Evidence and articles are material, and not counted."""
    return sum(word_count(claim.text) for _, claim in claims(diagnosis))


def validate(diagnosis: Diagnosis) -> Diagnosis:
    """The diagnosis without the claims that do not hold, and with at most 500 words.

    When the verdict itself does not hold, or the statement of the first cause, the diagnosis
    becomes "unknown": a wrong answer must not be dressed up by leaving out its reason.
    """
    entries = entries_of(diagnosis)
    sound = _keep(diagnosis, lambda claim: not faults_of(claim, entries))
    dropped = sum(1 for _ in claims(diagnosis)) - sum(1 for _ in claims(sound))
    if dropped:
        sound = replace(sound, dropped=sound.dropped + dropped)
    return _shorten(_without_false_answer(diagnosis, sound, entries))


def entries_of(diagnosis: Diagnosis) -> dict[str, frozenset[str]]:
    """What may be cited, by id: the figures, codes and versions that each entry holds."""
    found = {piece.id: evidence_tokens(piece) for piece in diagnosis.evidence}
    found |= {article.id: article_tokens(article) for article in diagnosis.articles}
    found |= {past.id: past_tokens(past) for past in diagnosis.past}
    return found


def evidence_tokens(piece: Evidence) -> frozenset[str]:
    """What a claim may take from a piece of evidence; its quotation is no source of figures."""
    places = " ".join(f"{r.recording} {r.table or ''} {r.offset or 0}" for r in piece.references)
    return frozenset(
        {
            *number_tokens(f"{piece.statement} {piece.code or ''} {places}"),
            *(_plain(str(number)) for number in piece.numbers.values()),
        }
    )


def article_tokens(article: ArticleUsed) -> frozenset[str]:
    """What a claim may take from an article."""
    parts: list[str] = [article.title, article.code, article.platform or ""]
    parts += [article.firmware_min or "", article.firmware_max or ""]
    parts += [
        article.caveat or "",
        *article.symptoms,
        *article.causes,
        *article.checks,
        *article.remedies,
    ]
    return frozenset(number_tokens(" ".join(parts)))


def past_tokens(past: PastDiagnosis) -> frozenset[str]:
    """What a claim may take from a past diagnosis."""
    parts = [past.verdict, past.batch, past.platform, past.firmware, past.note, *past.codes]
    return frozenset(number_tokens(" ".join(parts)))


def number_tokens(text: str) -> list[str]:
    """The tokens of a text that hold a digit, without what stands around and groups them."""
    tokens = (token.strip(_AROUND) for token in without_ideographs(text).split())
    return [_plain(token) for token in tokens if any(c.isdigit() for c in token)]


def _plain(token: str) -> str:
    if _GROUPED.fullmatch(token):
        token = token.replace(",", "")
    return token.removesuffix(".0").lower()


def faults_of(claim: Claim, entries: Mapping[str, frozenset[str]]) -> list[str]:
    """Why a claim does not hold; empty when it does."""
    if not claim.citations:
        return ["cites nothing"]
    missing = [citation for citation in claim.citations if citation not in entries]
    if missing:
        return [f"cites {', '.join(missing)}, which does not exist"]
    if word_count(claim.text) > MAX_CLAIM_WORDS:
        return [f"has more than {MAX_CLAIM_WORDS} words"]
    allowed: frozenset[str] = frozenset().union(*(entries[c] for c in claim.citations))
    return [
        f"{token!r} does not occur in {', '.join(claim.citations)}"
        for token in number_tokens(claim.text)
        if token not in allowed
    ]


def _keep(diagnosis: Diagnosis, holds: Callable[[Claim], bool]) -> Diagnosis:
    def only(found: Sequence[Claim]) -> tuple[Claim, ...]:
        return tuple(claim for claim in found if holds(claim))

    causes = [
        replace(
            cause,
            causes=only(cause.causes),
            checks=only(cause.checks),
            remedies=only(cause.remedies),
        )
        for cause in diagnosis.likely_causes
        if holds(cause.claim)
    ]
    return replace(
        diagnosis,
        likely_causes=tuple(causes),
        checked=only(diagnosis.checked),
        findings=only(diagnosis.findings),
        next_steps=only(diagnosis.next_steps),
        unknowns=only(diagnosis.unknowns),
    )


def _without_false_answer(
    before: Diagnosis, sound: Diagnosis, entries: dict[str, frozenset[str]]
) -> Diagnosis:
    first_lost = bool(before.likely_causes) and (
        not sound.likely_causes or sound.likely_causes[0].code != before.likely_causes[0].code
    )
    scope = tuple(p.id for p in before.evidence if p.kind is Kind.SCOPE)[:1]
    dropped = sound.dropped
    if first_lost or faults_of(before.verdict, entries):
        text = f"{Outcome.UNKNOWN}: the answer that was put together does not hold"
        confidence = no_confidence("the evidence does not bear the answer that was put together")
        dropped += bool(faults_of(before.verdict, entries))
        sound = replace(
            sound,
            outcome=Outcome.UNKNOWN,
            verdict=Claim(text, scope),
            confidence=confidence,
            dropped=dropped,
        )
    if faults_of(before.first_step, entries):
        step = Claim("Look through the evidence below.", scope)
        sound = replace(sound, first_step=step, dropped=sound.dropped + 1)
    return sound


def _shorten(diagnosis: Diagnosis) -> Diagnosis:
    """Leave out claims from the least important on: the advice of further causes goes first."""
    left_out: set[int] = set()
    excess = words(diagnosis) - MAX_WORDS
    for claim in _least_first(diagnosis):
        if excess <= 0:
            break
        left_out.add(id(claim))
        excess -= word_count(claim.text)
    if not left_out:
        return diagnosis
    kept = _keep(diagnosis, lambda claim: id(claim) not in left_out)
    gone = sum(1 for _ in claims(diagnosis)) - sum(1 for _ in claims(kept))
    return replace(kept, shortened=diagnosis.shortened + gone)


def _least_first(diagnosis: Diagnosis) -> Iterable[Claim]:
    further: list[Cause] = list(diagnosis.likely_causes[1:])
    for part in ("remedies", "causes", "checks"):
        for cause in reversed(further):
            yield from reversed(getattr(cause, part))
    for cause in diagnosis.likely_causes[:1]:
        for part in ("causes", "remedies", "checks"):
            yield from reversed(getattr(cause, part)[1:])
    yield from reversed(diagnosis.findings)
    yield from reversed(diagnosis.next_steps)
    yield from reversed(diagnosis.unknowns)
    yield from reversed(diagnosis.checked)
    for cause in reversed(further):
        yield cause.claim
    for cause in diagnosis.likely_causes[:1]:
        for part in ("causes", "remedies", "checks"):
            yield from getattr(cause, part)[:1]
