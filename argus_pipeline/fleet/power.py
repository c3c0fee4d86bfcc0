"""How much data is enough: the smallest ratio that a comparison would find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from argus_pipeline.fleet.rate_ratio import Moments, Numbers, dispersion

_MOST: Final = 1_000.0
_HALVINGS: Final = 30


def detectable_ratio(
    m: Moments, within: NDArray[np.bool_], *, alpha: Numbers | float, power: float
) -> Numbers:
    """The smallest ratio > 1 that would be found with this power; infinite beyond 1,000.

    The sum of the scores is taken for normal around its expectation, and the spread that it is
    compared with for its own. Likewise for the floor, with half a burst for the steps of the
    binomial distribution. It is the lower of the two chances that counts.

    Args:
        m: sums of a fleet whose rates are the same in both groups, or were so far.
        within: where vehicles are compared with themselves.
        alpha: level of a two-sided test; with many comparisons, of the strictest step.
        power: the chance to find it, such as 0.95.
    """
    level = np.asarray(alpha, dtype=float)
    low, high = np.ones_like(m.t1), np.full_like(m.t1, _MOST)
    for _ in range(_HALVINGS):
        middle = np.sqrt(low * high)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.where(
                within, _chance(_within(m, middle), level), _chance(_between(m, middle), level)
            )
        low, high = np.where(found >= power, low, middle), np.where(found >= power, middle, high)
    return np.where(high >= _MOST, np.inf, high)


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What a test will see if the rate changes.

    `shift`, `variance` and `spread`: of the sum of scores, and of what it is compared with.
    `excess`, `scatter` and `floor`: bursts after beyond what is expected without a change, their
    variance, and that without a change. `freedom`: degrees of freedom.
    """

    shift: Numbers
    variance: Numbers
    spread: Numbers
    excess: Numbers
    scatter: Numbers
    floor: Numbers
    freedom: Numbers


def _chance(seen: _Outlook, level: Numbers) -> Numbers:
    """The chance to be found by a two-sided test of this level."""
    freedom = np.maximum(seen.freedom, 1)
    critical = stats.t.ppf(1 - level / 2, freedom)
    # The spread of few vehicles is itself uncertain: the noncentral t of Johnson and Welch (1940),
    # by the normal approximation of Jennett and Welch (1939).
    scale = np.sqrt(seen.variance / seen.spread + critical**2 / (2 * freedom))
    by_scores = stats.norm.cdf((seen.shift / np.sqrt(seen.spread) - critical) / scale)
    beyond = seen.excess - stats.norm.ppf(1 - level / 2) * np.sqrt(seen.floor) - 0.5
    by_floor = stats.norm.cdf(beyond / np.sqrt(seen.scatter))
    return np.nan_to_num(np.where(seen.freedom >= 1, np.minimum(by_scores, by_floor), 0.0))


def _within(m: Moments, ratio: Numbers) -> _Outlook:
    """With the vehicles as they are: their weights, and the scatter of their scores around 0."""
    own = np.maximum(m.a / m.b, 1e-9)
    mean = (m.a + m.b) / 2
    noise = (m.aa - 2 * own * m.ab + own**2 * m.bb) * (1 + ratio) / (1 + own)
    squares = np.maximum((m.aa + m.bb + 2 * m.ab - noise) / 4, mean**2 / m.both)
    shift = (ratio - 1) * mean
    spread = noise + (ratio - 1) ** 2 * (squares - mean**2 / m.both)
    bursts = (m.both_y1 + m.both_y2) / m.burst
    before, after = bursts * (1 - m.both_share), bursts * m.both_share * ratio
    total, share = before + after, m.both_share
    return _Outlook(
        shift=shift,
        variance=noise,
        spread=spread,
        excess=after - total * share,
        scatter=after * before / total,
        floor=total * share * (1 - share),
        freedom=np.minimum(m.both_reporting * np.sqrt(ratio), m.both) - 1,
    )


def _between(m: Moments, ratio: Numbers) -> _Outlook:
    """By the gamma-Poisson model, with the dispersion that was found."""
    k = dispersion(m)
    before = (m.y1 + m.y2) / (m.t1 + m.t2)
    after = before * ratio
    messages = before * m.t1 + after * m.t2
    null, c = messages / (m.t1 + m.t2), m.t2 / (m.t1 + m.t2)
    shift = (1 - c) * after * m.t2 - c * before * m.t1
    variance = m.burst * ((1 - c) ** 2 * after * m.t2 + c**2 * before * m.t1)
    variance += k * _squares(m, (1 - c) * after, -c * before)
    centred = _squares(m, (1 - c) * (after - null), -c * (before - null)) - shift**2 / m.vehicles
    # What the test takes for dispersion when the rates differ, too.
    apparent = (
        k * _squares(m, after, before) + _squares(m, after - null, before - null)
    ) / _squares(m, null, null)
    expected = null * ((1 - c) ** 2 * m.t2 + c**2 * m.t1)
    expected += apparent * _squares(m, (1 - c) * null, -c * null)
    bursts, later = messages / m.burst, after * m.t2 / m.burst
    return _Outlook(
        shift=shift,
        variance=variance,
        spread=np.maximum(variance + np.maximum(centred, 0), expected),
        excess=later - bursts * c,
        scatter=later * (1 - later / bursts),
        floor=bursts * c * (1 - c),
        freedom=np.minimum(m.reporting * np.sqrt(ratio), m.vehicles) - 1,
    )


def _squares(m: Moments, of_after: Numbers | float, of_before: Numbers | float) -> Numbers:
    """The sum over vehicles of (of_after t2 + of_before t1)^2."""
    return of_after**2 * m.tt2 + of_before**2 * m.tt1 + 2 * of_after * of_before * m.tt12
