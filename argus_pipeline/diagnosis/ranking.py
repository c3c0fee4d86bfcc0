"""How faults are told from noise, put in order, and how sure the evidence makes us.

All rules are simple on purpose and written down here. What was fitted to labelled batches is the
probability alone, see `confidence`.

What counts as a fault: a fault code of severity warn or worse or without a severity (a message
that names a code and says nothing of its severity is no all-clear), and any fatal message.

A cause's score, by which the causes are ordered:

    severity    fatal 3, error 2, warn or none 1
    messages    log10 of their number, at most 2
    update      1 when the code first came after the update: after the boot at which its ECU (or,
                where that one does not tell, the first of the others) answered with another
                software version than before. Where no ECU tells, 1 when the manifest names an
                update and the code was not there from the start: its first message came later
                than 60 s and 5 % of the batch's time
    article     1 when the article fits platform and firmware, 0.5 when it is for any platform, 0
                when it is for another firmware, or lacks

An article for another platform only makes no cause: the same code may mean something else there.

Confidence in the first cause is a count of points (high from 4, medium from 2, else low):

    2 points    the article fits code, platform and firmware (1 when it is for any platform, 0 when
                it is for another firmware)
    1 point     the code came with a fatal or error message
    1 point     it leads the other faults, explained or not, by at least 1 in score, or is alone,
                and no fault of worse severity stays unexplained
    1 point     every byte of the batch was decoded
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from argus_pipeline.diagnosis.confidence import features, parameters, probability
from argus_pipeline.diagnosis.evidence import Evidence, FeatureSummary, Kind
from argus_pipeline.diagnosis.model import Confidence, PastDiagnosis, Word

SEVERITY_ORDER: Final = ("fatal", "error", "warn", "none", "info", "debug", "verbose")
_SEVERITY_POINTS: Final = {"fatal": 3.0, "error": 2.0, "warn": 1.0, "none": 1.0}
_LATE_SECONDS: Final = 60.0
_LATE_SHARE: Final = 0.05
CLEAR_MARGIN: Final = 1.0
_POINTS: Final = 5


class Fit(StrEnum):
    """How well an article fits the vehicle."""

    FIRMWARE = "platform and firmware"
    ANY = "any platform"
    OTHER_FIRMWARE = "another firmware"


_FIT_SCORE: Final = {Fit.FIRMWARE: 1.0, Fit.ANY: 0.5, Fit.OTHER_FIRMWARE: 0.0}
_FIT_POINTS: Final = {Fit.FIRMWARE: 2, Fit.ANY: 1, Fit.OTHER_FIRMWARE: 0}
# No labelled batch has such an article as the true cause: what it describes came with a firmware
# that this vehicle does not run.
_MOST_FOR_OTHER_FIRMWARE: Final = 0.5
_FIT_REASON: Final = {
    Fit.FIRMWARE: "the article fits code, platform and firmware (2 points)",
    Fit.ANY: "the article fits the code and is for any platform (1 point)",
    Fit.OTHER_FIRMWARE: "the article fits the code, but is for another firmware (0 points)",
}


def worse(severity: str | None, than: str | None) -> bool:
    """Whether one severity is worse than another; None counts as `none`."""
    return SEVERITY_ORDER.index(severity or "none") < SEVERITY_ORDER.index(than or "none")


def is_fault(piece: Evidence) -> bool:
    """Whether a piece of evidence calls for an explanation."""
    if piece.kind is Kind.CODE:
        return piece.severity in _SEVERITY_POINTS
    return piece.kind is Kind.EVENT and piece.severity == "fatal"


def came_late(piece: Evidence, batch_seconds: float) -> bool:
    """Whether a code was not there from the start of the batch."""
    onset = piece.numbers.get("onset_s")
    return onset is not None and onset > max(_LATE_SECONDS, _LATE_SHARE * batch_seconds)


def came_with_update(piece: Evidence, batch_seconds: float, *, update: bool) -> bool:
    """Whether a code first came after the update; `update`: the manifest names one."""
    after = piece.numbers.get("after_update_s")
    return after >= 0 if after is not None else update and came_late(piece, batch_seconds)


def fault_score(piece: Evidence, fit: Fit | None, *, update: bool, batch_seconds: float) -> float:
    """The score that orders faults, rounded to three decimals; `fit` is None without an article."""
    score = _SEVERITY_POINTS.get(str(piece.severity), 0.0)
    score += min(math.log10(max(piece.numbers["messages"], 1)), 2.0)
    score += 1.0 if came_with_update(piece, batch_seconds, update=update) else 0.0
    return round(score + (0.0 if fit is None else _FIT_SCORE[fit]), 3)


def cause_confidence(
    piece: Evidence,
    fit: Fit,
    score: float,
    others: Sequence[float],
    *,
    leads: bool,
    whole: bool,
    past: Sequence[PastDiagnosis] = (),
) -> Confidence:
    """How sure the evidence makes us of a cause.

    Args:
        piece: the evidence of its code.
        fit: how well its article fits.
        score: its score.
        others: the scores of the other faults.
        leads: no fault of worse severity stays unexplained.
        whole: every byte of the batch was decoded.
        past: diagnoses of earlier batches that are like this one.
    """
    points, reasons = _FIT_POINTS[fit], [_FIT_REASON[fit]]
    if piece.severity in {"fatal", "error"}:
        points += 1
        article = "an" if piece.severity == "error" else "a"
        reasons.append(f"the code came with {article} {piece.severity} message (1 point)")
    if not others:
        points += 1
        reasons.append("there is no other fault (1 point)")
    elif leads and score - max(others) >= CLEAR_MARGIN:
        points += 1
        reasons.append("it leads the other faults clearly (1 point)")
    if whole:
        points += 1
        reasons.append("every byte of the batch was decoded (1 point)")
    given = features(
        fit=_FIT_SCORE[fit],
        severe=piece.severity in {"fatal", "error"},
        score=score,
        others=others,
        leads=leads,
        whole=whole,
        code=str(piece.code),
        past=past,
    )
    fitted = parameters()
    chance = probability(given, fitted)
    if fit is Fit.OTHER_FIRMWARE:
        chance = min(chance, _MOST_FOR_OTHER_FIRMWARE)
    return Confidence(
        _word(points),
        points,
        _POINTS,
        tuple(reasons),
        calibrated=fitted.calibrated,
        probability=chance,
        features=given,
    )


def absence_confidence(summary: FeatureSummary) -> Confidence:
    """How sure "no fault found" is: it can only speak for what was decoded.

    Points: 2 when there were messages with a severity, 2 when every byte was decoded (1 when at
    most a tenth was not), 1 when every recording could be read.
    """
    scope = summary.of_kind(Kind.SCOPE)[0].numbers
    lost, decoded = scope["quarantined_bytes"] + scope["unread_bytes"], scope["decoded_bytes"]
    points, reasons = 0, []
    if scope["events"]:
        points += 2
        reasons.append("there were messages with a severity to judge by (2 points)")
    if decoded and not lost:
        points += 2
        reasons.append("every byte was decoded (2 points)")
    elif lost <= 0.1 * (lost + decoded) and decoded:
        points += 1
        reasons.append("nine tenths of the bytes or more were decoded (1 point)")
    if not summary.of_kind(Kind.DAMAGE):
        points += 1
        reasons.append("every recording could be read (1 point)")
    return Confidence(_word(points), points, _POINTS, tuple(reasons))


def no_confidence(reason: str) -> Confidence:
    """For the verdict "unknown"."""
    return Confidence(Word.LOW, 0, _POINTS, (reason,))


def _word(points: int) -> Word:
    return Word.HIGH if points >= 4 else Word.MEDIUM if points >= 2 else Word.LOW
