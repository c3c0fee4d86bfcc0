"""The time axis that charts of a batch share: UTC, with the day in its title."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import altair as alt
import polars as pl

from argus_pipeline.charts.style import WIDTH

_DAY: Final = 86_400
# A single bin is not stretched over the whole width: the axis always has room for this many.
_FEWEST_BINS: Final = 20


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """A span of time, `first` to `last` in ms since 1970 (UTC), and how an axis shows it."""

    first: int
    last: int
    encoding: dict[str, Any]

    @property
    def pixel(self) -> int:
        """Milliseconds that fall on two pixels: finer differences cannot be seen."""
        return max(1, 2 * (self.last - self.first) // WIDTH)

    def holds(self, moment: pl.Expr) -> pl.Expr:
        """Whether a moment (ms since 1970) lies in the span."""
        return moment.is_between(self.first, self.last)

    def clipped(self, moment: pl.Expr) -> pl.Expr:
        """The moment (ms since 1970), or the end of the span that it lies beyond."""
        return moment.clip(self.first, self.last)


def time_axis(first: int, last: int, bin_ms: int) -> TimeAxis:
    """The axis over what lies between two moments, in ms since 1970.

    Args:
        first: start of the first bin.
        last: end of the last bin.
        bin_ms: width of a bin.
    """
    missing = max(0, _FEWEST_BINS * bin_ms - (last - first))
    low, high = first - missing // 2, last + missing // 2
    span = (high - low) // 1000
    days = _days(first, last)
    if span > 5 * _DAY:
        shape, title = "%d %b %Y", "Time (UTC)"
    elif " to " in days:
        shape, title = "%d %b %H:%M", f"Time (UTC), {days}"
    else:
        shape = "%H:%M:%S" if span < 10 * 60 else "%H:%M"
        title = f"Time (UTC), {days}"
    encoding = {
        "title": title,
        # Not `domain`, which Vega-Lite takes for a time in `x` and for a number in `x2`.
        "scale": alt.Scale(type="utc", domainMin=low, domainMax=high, nice=False),
        "axis": alt.Axis(format=shape, labelOverlap=True, tickCount=10, grid=True),
    }
    return TimeAxis(low, high, encoding)


def _days(first: int, last: int) -> str:
    days = [
        f"{moment.day} {moment:%B %Y}"
        # The last bin ends where the next one would start.
        for moment in (_moment(first), _moment(last - 1))
    ]
    return days[0] if days[0] == days[1] else " to ".join(days)


def _moment(milliseconds: int) -> datetime:
    return pl.Series([milliseconds]).cast(pl.Datetime("ms", "UTC"))[0]  # type: ignore[no-any-return]
