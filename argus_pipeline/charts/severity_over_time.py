"""Messages by severity over time: what is bad above, the everyday below, on scales of their own.

A log has a hundred or a thousand info messages for each error. On one scale the errors would be a
thin line; a logarithmic one cannot be stacked. So there are two panels over the same time axis.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Final

import altair as alt
import polars as pl

from argus_pipeline.charts.context import ChartContext
from argus_pipeline.charts.style import (
    LABELS,
    WIDTH,
    counted,
    nothing_to_show,
    severity_colour,
    styled,
)
from argus_pipeline.statistics.batch import BatchStatistics
from argus_pipeline.statistics.severity import CRITICAL, NONE, SEVERITIES
from argus_pipeline.statistics.timeline import CLOCK_SET_FROM

TITLE: Final = "Messages by severity over time"
BAD: Final = ("fatal", "error", "warn")
EVERYDAY: Final = tuple(word for word in SEVERITIES if word not in BAD)

_BAD_HEIGHT: Final = 200
_EVERYDAY_HEIGHT: Final = 130
# A single bin is not stretched over the whole width: the axis always has room for this many.
_FEWEST_BINS: Final = 20
_HOUR: Final = 3_600
_DAY: Final = 86_400
_UNITS: Final = ((_DAY, "day"), (_HOUR, "hour"), (60, "minute"), (1, "second"))


def severity_over_time(
    statistics: BatchStatistics, context: ChartContext | None = None
) -> alt.VConcatChart:
    """Stacked bars by time bin (UTC) and severity, from the frame `timeline`.

    Args:
        statistics: of the batch.
        context: what the lines under the title say of the batch.
    """
    bars = stacked(statistics.timeline)
    subtitle = [context.line()] if context else []
    if bars.is_empty():
        facts = _facts(statistics)
        panel = nothing_to_show("no events with a severity", WIDTH, _BAD_HEIGHT)
        return styled(alt.vconcat(panel), TITLE, [*subtitle, facts], f"{TITLE}. {facts}")
    width = _bin_seconds(bars)
    time = _time_axis(bars, width)
    present = statistics.timeline["severity"].cast(pl.String).unique().to_list()
    panels: list[alt.LayerChart] = []
    for words, height in ((BAD, _BAD_HEIGHT), (EVERYDAY, _EVERYDAY_HEIGHT)):
        rows = bars.filter(pl.col("word").is_in(words))
        if not rows.is_empty():
            panels.append(_panel(rows, words, height, time, per_bin(width), present))
        elif words == BAD:
            none = set(present) <= {NONE}
            text = "no events with a severity" if none else "no fatal, error or warning messages"
            panels.append(nothing_to_show(text, WIDTH, _BAD_HEIGHT // 2))
    facts = _facts(statistics)
    return styled(alt.vconcat(*panels, spacing=14), TITLE, [*subtitle, facts], f"{TITLE}. {facts}")


def stacked(timeline: pl.DataFrame) -> pl.DataFrame:
    """Where each bar starts and ends, stacked from the worst severity up in each panel.

    Returns:
        start, end (ms since 1970), word, severity (label), messages, low, high, panel.
    """
    bad = pl.col("severity").cast(pl.String).is_in(BAD)
    return (
        timeline.sort("start", "severity")
        .with_columns(bad=bad)
        .with_columns(high=pl.col("messages").cast(pl.Int64).cum_sum().over("start", "bad"))
        .select(
            pl.col("start", "end").dt.epoch("ms"),
            pl.col("severity").cast(pl.String).alias("word"),
            pl.col("severity").cast(pl.String).replace_strict(LABELS, return_dtype=pl.String),
            pl.col("messages").cast(pl.Int64),
            (pl.col("high") - pl.col("messages").cast(pl.Int64)).alias("low"),
            "high",
            pl.concat_str(
                pl.col("start").dt.strftime("%Y-%m-%d %H:%M:%S"),
                pl.lit(" to "),
                pl.col("end").dt.strftime("%H:%M:%S UTC"),
            ).alias("time"),
        )
    )


def per_bin(seconds: int) -> str:
    """The unit of the vertical axis: `Messages per 5 minutes`."""
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    count = seconds // size
    return f"Messages per {unit}" if count == 1 else f"Messages per {count} {unit}s"


def _panel(
    rows: pl.DataFrame,
    words: tuple[str, ...],
    height: int,
    time: dict[str, Any],
    unit: str,
    present: list[str],
) -> alt.LayerChart:
    fatal = rows.filter(pl.col("word") == "fatal")
    highest = int(rows["high"].max())  # type: ignore[arg-type]
    # Room above the bars for the marks of fatal messages.
    ticks = count_ticks(highest * 1.1 if fatal.height else highest, height // 40)
    bars = (
        alt.Chart(_data(rows))
        .mark_bar(stroke="white", strokeWidth=0.4)
        .encode(
            x=alt.X("start:T", **time),
            x2=alt.X2("end"),
            y=alt.Y(
                "low:Q",
                title=unit,
                scale=alt.Scale(domain=[0, ticks[-1]], nice=False),
                # The same room in both panels, so that their titles stand below each other.
                axis=alt.Axis(format=",d", values=ticks, minExtent=48),
            ),
            y2=alt.Y2("high"),
            color=severity_colour(present, orient="bottom", direction="horizontal", offset=8),
            tooltip=[
                alt.Tooltip("time:N", title="Time"),
                alt.Tooltip("severity:N", title="Severity"),
                alt.Tooltip("messages:Q", title="Messages", format=",d"),
            ],
        )
    )
    layers: list[alt.Chart] = [bars]
    there = words if words == BAD else [word for word in words if word in present]
    name = listed([LABELS[word] for word in there])
    if fatal.height:
        # A fatal message among a thousand errors is less than a pixel high: it is marked as well.
        middle = fatal.with_columns(((pl.col("start") + pl.col("end")) // 2).alias("middle"))
        layers.append(
            alt.Chart(_data(middle))
            .mark_point(shape="triangle-down", size=45, filled=True, opacity=1, yOffset=6)
            .encode(
                x=alt.X("middle:T", **time),
                y=alt.value(0),
                color=severity_colour(present),
                tooltip=[
                    alt.Tooltip("time:N", title="Time"),
                    alt.Tooltip("messages:Q", title="Fatal messages", format=",d"),
                ],
            )
        )
        name += " (▼ where there are fatal ones)"
    heading = alt.TitleParams(
        text=name[0].upper() + name[1:], anchor="start", frame="group", fontSize=13, offset=6
    )
    return alt.LayerChart(layer=layers, width=WIDTH, height=height, title=heading)


def count_ticks(highest: float, about: int) -> list[int]:
    """Whole numbers for an axis of counts: about so many, evenly spaced, the last at the top."""
    least = max(highest / max(about, 1), 1)
    power = 10 ** math.floor(math.log10(least))
    step = next(round(factor * power) for factor in (1, 2, 5, 10) if factor * power >= least)
    return list(range(0, step * math.ceil(highest / step) + 1, step))


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _time_axis(bars: pl.DataFrame, width: int) -> dict[str, Any]:
    """Title, scale and axis for whatever is placed in time."""
    first, last = int(bars["start"].min()), int(bars["end"].max())  # type: ignore[arg-type]
    missing = max(0, _FEWEST_BINS * width * 1000 - (last - first))
    domain = [first - missing // 2, last + missing // 2]
    span = (domain[1] - domain[0]) // 1000
    days = _days(first, last)
    if span > 5 * _DAY:
        shape, title = "%d %b %Y", "Time (UTC)"
    elif " to " in days:
        shape, title = "%d %b %H:%M", f"Time (UTC), {days}"
    else:
        shape = "%H:%M:%S" if span < 10 * 60 else "%H:%M"
        title = f"Time (UTC), {days}"
    return {
        "title": title,
        # Not `domain`, which Vega-Lite takes for a time in `x` and for a number in `x2`.
        "scale": alt.Scale(type="utc", domainMin=domain[0], domainMax=domain[1], nice=False),
        "axis": alt.Axis(format=shape, labelOverlap=True, tickCount=10, grid=True),
    }


def _days(first: int, last: int) -> str:
    days = [
        f"{moment.day} {moment:%B %Y}"
        # The last bin ends where the next one would start.
        for moment in (_moment(first), _moment(last - 1))
    ]
    return days[0] if days[0] == days[1] else " to ".join(days)


def _moment(milliseconds: int) -> datetime:
    return pl.Series([milliseconds]).cast(pl.Datetime("ms", "UTC"))[0]  # type: ignore[no-any-return]


def _facts(statistics: BatchStatistics) -> str:
    """How many messages the chart shows, and which ones it cannot place."""
    drawn = int(statistics.timeline["messages"].sum())
    messages, unplaced = statistics.total("messages"), statistics.total("unplaced")
    unset = statistics.total("clock_not_set")
    first = statistics.timeline["start"].min()
    fact = counted(messages, "message")
    if first is not None and first < CLOCK_SET_FROM:  # type: ignore[operator]
        fact += "; the clock was never set"
        unset = 0
    hidden = {
        "of a clock that was not set": unset,
        "without a time": unplaced,
        "far away in time": messages - drawn - unplaced - unset,
    }
    parts = [f"{number:,} {which}" for which, number in hidden.items() if number]
    if not parts:
        return fact
    critical = pl.col("severity").cast(pl.String).is_in(CRITICAL)
    seen = int(statistics.timeline.filter(critical)["messages"].sum())
    missed = statistics.total("critical_events") - seen
    among = f"; {missed:,} fatal or error among them" if missed else ""
    return f"{fact}; not shown: {', '.join(parts)}{among}"


def _bin_seconds(bars: pl.DataFrame) -> int:
    return int(bars["end"][0] - bars["start"][0]) // 1000


def _data(rows: pl.DataFrame) -> alt.InlineData:
    values: list[dict[str, Any]] = rows.drop("word").to_dicts()
    return alt.InlineData(values=values)
