"""Fits the parameters of the confidence: logistic regression, held to what was set by hand.

    minimise  sum of log loss over the answers  +  strength/2 × sum of (parameter − by hand)²

The second part keeps a feature that the answers say nothing of (no batch of the set was torn, none
was judged by a person) where it was set by hand, and a small sample from extremes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from argus_pipeline.diagnosis.confidence import FEATURES

Numbers = NDArray[np.float64]

BY_HAND: Final = np.array([-3.0, 3.0, 0.8, 1.2, 0.8, 0.5, 1.0, -2.0])
"""The intercept, then the weights in the order of `FEATURES`: the point that a fit starts from."""
STRENGTHS: Final = (0.1, 0.3, 1.0, 3.0, 10.0)


def design(given: Sequence[dict[str, float]]) -> Numbers:
    """One row for each answer: a 1 for the intercept, then its features."""
    return np.array([[1.0, *(one[name] for name in FEATURES)] for one in given])


def said(rows: Numbers, parameters: Numbers) -> Numbers:
    """The probability of each row."""
    return np.asarray(1.0 / (1.0 + np.exp(-(rows @ parameters))))


def log_loss(rows: Numbers, right: Numbers, parameters: Numbers) -> float:
    """The mean surprise at what was right, in nats."""
    chance = np.clip(said(rows, parameters), 1e-9, 1 - 1e-9)
    return float(-np.mean(right * np.log(chance) + (1 - right) * np.log(1 - chance)))


def fitted(rows: Numbers, right: Numbers, strength: float) -> Numbers:
    """The parameters that fit the answers best."""

    def cost(parameters: Numbers) -> float:
        away = parameters - BY_HAND
        return len(rows) * log_loss(rows, right, parameters) + strength / 2 * float(away @ away)

    # All weights but the last speak for a cause, the last against it. One whose feature is the same
    # in all answers cannot be told from the intercept, and stays.
    signs = [(None, None), *[(0.0, None)] * (len(FEATURES) - 1), (None, 0.0)]
    same = rows.min(axis=0) == rows.max(axis=0)
    same[0] = False
    bounds = [
        (hand, hand) if stays else sign
        for sign, stays, hand in zip(signs, same, BY_HAND.tolist(), strict=True)
    ]
    return np.asarray(minimize(cost, BY_HAND, method="L-BFGS-B", bounds=bounds).x)


def left_out_loss(rows: Numbers, right: Numbers, strength: float) -> float:
    """The log loss of each answer by a fit on all others (leave one out)."""
    every = np.arange(len(rows))
    losses = [
        log_loss(rows[[n]], right[[n]], fitted(rows[every != n], right[every != n], strength))
        for n in every
    ]
    return float(np.mean(losses))
