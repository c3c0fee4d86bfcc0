"""The ratio of two rates of counts over vehicles: its interval and its p-value, from sums alone.

A vehicle v has y1 messages in t1 hours before and y2 in t2 after, either of which may be 0; all
that is needed of the vehicles are sums over them (`Moments`), so no vehicle is looked at again. A
score u_v of each vehicle is 0 in the mean where the rate after is `ratio` times the rate before;
the sum of the scores is compared with their own spread,

    t = mean(u) / (sd(u) / sqrt(n)),

which is the generalized score test with vehicles as clusters (Boos 1992, The American Statistician
46:327; for counts and small samples Guo et al. 2005, Statistics in Medicine 24:3479). The spread is
that of the data, whatever its cause, so over-dispersion needs no model. One noisy vehicle makes sum
and spread grow alike: then |t| stays near 1. The reference is Student's t with (vehicles that
reported - 1) degrees of freedom: a vehicle without a message says nothing about the spread.

**Within vehicles**, of the vehicles with hours in both groups: u = a - ratio b with a = w y2
t1/(t1+t2) and b = w y1 t2/(t1+t2), each vehicle its own stratum (Mantel and Haenszel; for rates
Rothman and Boice 1979; ratio = sum(a)/sum(b)), with the weights w of `sums`. What differs between
vehicles cancels.

**Between vehicles**, of all: u = (1-c)(y2 - ratio l t2) - c (y1 - l t1), the efficient score of the
Poisson model with the common rate l = Y/(T1 + ratio T2) profiled out, c = ratio T2/(T1 + ratio T2);
ratio = (Y2/T2)/(Y1/T1). The spread is at least that of a gamma-Poisson model with the dispersion of
both groups together, as a small group may lack the noisy vehicles that the large one has.

**A floor.** Given Y, Y2 of Poisson counts is binomial (Przyborowski and Wilenski 1940, Biometrika
31:313). Messages of one boot may be one burst, so counts are divided by the mean number of messages
in a boot that has any (as if each were one burst), and the binomial tails are those of the
incomplete beta function. No test may be surer than this one: the larger p counts. It keeps the
level where counts are few.

The 95 % interval holds the ratios that neither test refuses: for the floor it is that of Clopper
and Pearson (1934, Biometrika 26:404), for the scores the roots of t are found by bisection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

Numbers = NDArray[np.float64]

# Ratios beyond these are told apart from 0 and infinity by no fleet.
_LEAST, _MOST = -14.0, 14.0  # natural logarithms: 8e-7 and 1.2e6
_HALVINGS: Final = 40


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over vehicles, one element a comparison. 1 is before, 2 is after; times in hours.

    Attributes:
        vehicles: with hours in either group; `reporting`: those of them with a message.
        y1, y2, t1, t2: messages and hours.
        yy1, yt1, tt1 (and 2): sums of squares and products within a vehicle and a group.
        yy12, yt12, ty12, tt12: of y1 y2, y1 t2, t1 y2 and t1 t2, of vehicles in both groups.
        burst: messages in a boot that has any, at least 1, in the mean.
        both: how many vehicles are in both groups; `both_reporting`: with a message in either.
        both_y1, both_y2: messages of these; `both_share`: of them, what would be after if all had
            the same rate.
        a, b, aa, bb, ab: sums of a, b and their squares and product, over these.
        h: sum of t1 t2/(t1+t2), over these.
    """

    vehicles: Numbers
    reporting: Numbers
    y1: Numbers
    y2: Numbers
    t1: Numbers
    t2: Numbers
    yy1: Numbers
    yy2: Numbers
    yt1: Numbers
    yt2: Numbers
    tt1: Numbers
    tt2: Numbers
    yy12: Numbers
    yt12: Numbers
    ty12: Numbers
    tt12: Numbers
    burst: Numbers
    both: Numbers
    both_reporting: Numbers
    both_share: Numbers
    both_y1: Numbers
    both_y2: Numbers
    a: Numbers
    b: Numbers
    aa: Numbers
    bb: Numbers
    ab: Numbers
    h: Numbers


@dataclass(frozen=True, slots=True)
class Ratios:
    """The result: ratio after / before (infinite where nothing was before), interval and p."""

    ratio: Numbers
    low: Numbers
    high: Numbers
    p: Numbers


def shared_information(m: Moments) -> Numbers:
    """How much of the information on the ratio lies within vehicles, 0 to 1, by hours alone.

    A vehicle tells as much as h = t1 t2/(t1+t2) hours, all together at most T1 T2/(T1+T2).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(m.h * (m.t1 + m.t2) / (m.t1 * m.t2))


def rate_ratios(m: Moments, within: NDArray[np.bool_], *, confidence: float = 0.95) -> Ratios:
    """Compare the rates of many faults at once.

    Where one group has no hours, or there is no message at all, the ratio is not a number, the
    interval is everything and p is 1.

    Args:
        m: the sums.
        within: where to compare within vehicles, and not between them.
        confidence: of the interval.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        usable = np.where(within, m.both_y1 + m.both_y2 > 0, m.y1 + m.y2 > 0)
        usable &= (m.t1 > 0) & (m.t2 > 0)
        ratio = np.where(within, m.a / m.b, (m.y2 / m.t2) / (m.y1 / m.t1))
        freedom = np.where(within, m.both_reporting, m.reporting) - 1
        t = np.where(within, student_within(m), student_between(m))
        p_scores = np.where(freedom >= 1, 2 * stats.t.sf(np.abs(t), np.maximum(freedom, 1)), 1.0)
        y1, y2, share = _binomial(m, within)
        tails = np.minimum(_at_least(y2, y1, share), _at_least(y1, y2, 1 - share))
        p = np.maximum(p_scores, np.minimum(2 * tails, 1.0))
        critical = np.where(
            freedom >= 1, stats.t.ppf(0.5 + confidence / 2, np.maximum(freedom, 1)), np.inf
        )
        one = _bounds(m, within, critical)
        other = _clopper_pearson(y1, y2, share, (1 - confidence) / 2)
    return Ratios(
        np.where(usable, ratio, np.nan),
        np.where(usable, np.minimum(one[0], other[0]), 0.0),
        np.where(usable, np.maximum(one[1], other[1]), np.inf),
        np.where(usable, p, 1.0),
    )


def student_within(m: Moments, ratio: Numbers | float = 1.0) -> Numbers:
    """Student's t of "after is `ratio` times before" within vehicles; positive: it is more."""
    total = m.a - ratio * m.b
    squares = m.aa - 2 * ratio * m.ab + ratio**2 * m.bb
    return _student(m.both, total, m.both * squares - total**2)


def student_between(m: Moments, ratio: Numbers | float = 1.0) -> Numbers:
    """Student's t of "after is `ratio` times before" between vehicles; positive: it is more."""
    base = m.t1 + ratio * m.t2
    rate, c = (m.y1 + m.y2) / base, ratio * m.t2 / base
    # u = after * y2 - drift_after * t2 - c * y1 + drift_before * t1
    after, drift_after, drift_before = 1 - c, (1 - c) * ratio * rate, c * rate
    total = after * m.y2 - c * m.y1
    squares = (
        after**2 * m.yy2
        + drift_after**2 * m.tt2
        - 2 * after * drift_after * m.yt2
        + c**2 * m.yy1
        + drift_before**2 * m.tt1
        - 2 * c * drift_before * m.yt1
        - 2 * after * c * m.yy12
        + 2 * after * drift_before * m.ty12
        + 2 * drift_after * c * m.yt12
        - 2 * drift_after * drift_before * m.tt12
    )
    expected = (after**2 * m.t2 * ratio + c**2 * m.t1) * rate + dispersion(m, ratio) * rate**2 * (
        after**2 * ratio**2 * m.tt2 + c**2 * m.tt1 - 2 * after * c * ratio * m.tt12
    )
    return _student(
        m.vehicles, total, np.maximum(m.vehicles * squares - total**2, m.vehicles * expected)
    )


def _student(vehicles: Numbers, total: Numbers, spread: Numbers) -> Numbers:
    # The last digits of the sums are noise, and no spread at all is no reason to be sure.
    spread = np.maximum(spread, 1e-9 * total**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0, total * np.sqrt(np.maximum(vehicles - 1, 0) / spread), 0.0)


def dispersion(m: Moments, ratio: Numbers | float = 1.0) -> Numbers:
    """How much vehicles differ: k of the variance mean + k mean^2 of a vehicle's count, at least 0.

    By moments, over both groups: sum((y - l s)^2 - y) / (l^2 sum(s^2)), s = t1 + ratio t2.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = (m.y1 + m.y2) / (m.t1 + ratio * m.t2)
        squares = m.tt1 + 2 * ratio * m.tt12 + ratio**2 * m.tt2
        products = m.yt1 + m.ty12 + ratio * (m.yt12 + m.yt2)
        residuals = m.yy1 + m.yy2 + 2 * m.yy12 - 2 * rate * products + rate**2 * squares
        found = (residuals - m.y1 - m.y2) / (rate**2 * squares)
    return np.where(found > 0, found, 0.0)


def _binomial(m: Moments, within: NDArray[np.bool_]) -> tuple[Numbers, Numbers, Numbers]:
    """Bursts before and after, and the share of them that is expected after.

    Within vehicles the share differs from vehicle to vehicle; its mean over the messages is taken,
    with which the binomial distribution is wider than that of the sum.
    """
    share = np.where(within, m.both_share, m.t2 / (m.t1 + m.t2))
    y1, y2 = np.where(within, m.both_y1, m.y1), np.where(within, m.both_y2, m.y2)
    return y1 / m.burst, y2 / m.burst, np.clip(share, 1e-12, 1 - 1e-12)


def _at_least(count: Numbers, rest: Numbers, share: Numbers) -> Numbers:
    """P(X >= count) of the binomial distribution of count + rest trials."""
    return np.where(count > 0, special.betainc(np.maximum(count, 1e-9), rest + 1, share), 1.0)


def _clopper_pearson(
    y1: Numbers, y2: Numbers, share: Numbers, tail: float
) -> tuple[Numbers, Numbers]:
    low = np.where(y2 > 0, special.betaincinv(np.maximum(y2, 1e-9), y1 + 1, tail), 0.0)
    high = np.where(y1 > 0, special.betaincinv(y2 + 1, np.maximum(y1, 1e-9), 1 - tail), 1.0)
    odds = (1 - share) / share
    return low / (1 - low) * odds, high / (1 - high) * odds


def _bounds(m: Moments, within: NDArray[np.bool_], critical: Numbers) -> tuple[Numbers, Numbers]:
    """The ratios at which t reaches its critical value; it falls as the ratio grows."""

    def t(ratio: Numbers) -> Numbers:
        return np.where(within, student_within(m, ratio), student_between(m, ratio))

    return _root(t, critical), _root(t, -critical)


def _root(t: Callable[[Numbers], Numbers], level: Numbers) -> Numbers:
    low, high = np.full_like(level, _LEAST), np.full_like(level, _MOST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = t(np.exp(middle)) > level
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(low <= _LEAST, 0.0, np.where(high >= _MOST, np.inf, np.exp(low)))
