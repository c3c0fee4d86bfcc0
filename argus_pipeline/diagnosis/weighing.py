"""The diagnosis expert: what speaks against each likely cause, and what none of them explains."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from argus_pipeline.diagnosis.evidence import Kind
from argus_pipeline.diagnosis.model import Cause, Claim, Diagnosis
from argus_pipeline.diagnosis.ranking import is_fault, worse

MAX_WEIGHED: Final = 4


def weigh(diagnosis: Diagnosis) -> tuple[Claim, ...]:
    """Up to `MAX_WEIGHED` claims; the likeliest cause first."""
    return tuple(_all(diagnosis))[:MAX_WEIGHED]


def _all(diagnosis: Diagnosis) -> Iterable[Claim]:
    for cause in diagnosis.likely_causes:
        yield from _against(cause, diagnosis)
    codes = {cause.code for cause in diagnosis.likely_causes}
    if diagnosis.likely_causes:
        for piece in diagnosis.evidence:
            if (
                is_fault(piece)
                and (piece.code or "") not in codes
                and worse(piece.severity, diagnosis.likely_causes[0].severity)
            ):
                what = piece.code or f"a {piece.severity} message without a code"
                text = f"{what} is graver than {diagnosis.likely_causes[0].code}, and it may be the"
                cited = (piece.id, diagnosis.likely_causes[0].claim.citations[0])
                yield Claim(f"{text} cause of it or its consequence.", cited)


def _against(cause: Cause, diagnosis: Diagnosis) -> Iterable[Claim]:
    first, evidence = cause.articles[0], cause.claim.citations[0]
    by_id = {article.id: article for article in diagnosis.articles}
    if by_id[first].caveat is not None:
        yield Claim(
            f"Against {cause.code} as its article explains it: the article was"
            f" {by_id[first].caveat}.",
            (evidence, first),
        )
    elif by_id[first].platform is None:
        yield Claim(
            f"Against {cause.code} as its article explains it: the article is for any platform,"
            " and this one may have causes of its own.",
            (evidence, first),
        )
    for past in diagnosis.past:
        if cause.code in past.codes and past.confirmed is not None:
            verb = "confirmed" if past.confirmed else "corrected"
            speaks = "For" if past.confirmed else "Against"
            text = f"{speaks} {cause.code}: a person {verb} a diagnosis that names it."
            yield Claim(text, (evidence, past.id))
    damage = [piece.id for piece in diagnosis.evidence if piece.kind is Kind.DAMAGE]
    if damage and cause is diagnosis.likely_causes[0]:
        text = f"What was not decoded may hold other faults beside {cause.code}."
        yield Claim(text, (evidence, damage[0]))
