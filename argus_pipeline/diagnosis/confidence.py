"""How sure a cause is, as a number: a logistic model over a few features of it.

    probability = 1 / (1 + exp(-(intercept + sum of weight × feature)))

All parameters lie in `confidence.json` beside this file, and nowhere else; a labelled set fits
them. Features, each from 0 to 1:

    fit         how well the article fits: code, platform and firmware 1; code and any platform 0.5;
                another firmware 0
    severe      the code came with a fatal or error message
    margin      the lead in score over the next fault, 2 or more is 1; 1 where it is the only fault
    leads       no fault of worse severity stays unexplained
    whole       every byte of the batch was decoded
    confirmed   a past diagnosis that a person confirmed names this code
    refuted     a past diagnosis that a person corrected names it, and no confirmed one does
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from argus_pipeline.diagnosis.model import PastDiagnosis
from argus_pipeline.errors import ArgusError

PARAMETERS_FILE: Final = Path(__file__).with_name("confidence.json")
FEATURES: Final = ("fit", "severe", "margin", "leads", "whole", "confirmed", "refuted")
_CLEAR_LEAD: Final = 2.0


@dataclass(frozen=True, slots=True)
class Parameters:
    """The fitted numbers, and what they were fitted on."""

    intercept: float
    weights: Mapping[str, float]
    fast_path_from: float
    calibrated: bool
    fitted_on: str


def features(
    *,
    fit: float,
    severe: bool,
    score: float,
    others: Sequence[float],
    leads: bool,
    whole: bool,
    code: str,
    past: Sequence[PastDiagnosis] = (),
) -> dict[str, float]:
    """The features of a cause.

    Args:
        fit: of its article, 0 to 1.
        severe: its code came with a fatal or error message.
        score: its score.
        others: the scores of the other faults.
        leads: no fault of worse severity stays unexplained.
        whole: every byte of the batch was decoded.
        code: its code.
        past: diagnoses of earlier batches that are like this one.
    """
    margin = 1.0 if not others else min(max((score - max(others)) / _CLEAR_LEAD, 0.0), 1.0)
    judged = {one.confirmed for one in past if code in one.codes and one.confirmed is not None}
    return {
        "fit": fit,
        "severe": float(severe),
        "margin": round(margin, 3),
        "leads": float(leads),
        "whole": float(whole),
        "confirmed": float(True in judged),
        "refuted": float(judged == {False}),
    }


def probability(given: Mapping[str, float], parameters: Parameters) -> float:
    """How likely a cause with these features is right, rounded to four decimals."""
    weights = parameters.weights
    sum_ = parameters.intercept + sum(weights[name] * given[name] for name in FEATURES)
    return round(1.0 / (1.0 + math.exp(-sum_)), 4)


@cache
def parameters() -> Parameters:
    """The parameters that come with Argus.

    Raises:
        ArgusError: the file is not as it should be.
    """
    content = json.loads(PARAMETERS_FILE.read_text())
    if set(content["weights"]) != set(FEATURES):
        raise ArgusError(
            f"the weights are not those of {', '.join(FEATURES)}", where=str(PARAMETERS_FILE)
        )
    return Parameters(**content)
