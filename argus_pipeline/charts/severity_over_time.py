"""Messages by severity over time: what is bad above, the everyday below, on scales of their own.

A log has a hundred or a thousand info messages for each error. On one scale the errors would be a
thin line; a logarithmic one cannot be stacked. So there are two panels over the same time axis.
"""

from __future__ import annotations

import math
from typing import Any, Final

import altair as alt
import polars as pl

from argus_pipeline.charts.context import ChartContext
from argus_pipeline.charts.lifecycle_lanes import (
    BOOT,
    Lanes,
    lanes,
    lanes_panel,
    signs,
    thinned,
)
from argus_pipeline.charts.style import (
    LABELS,
    QUIET,
    WIDTH,
    Rows,
    counted,
    nothing_to_show,
    severity_colour,
    styled,
)
from argus_pipeline.charts.time_axis import TimeAxis, time_axis
from argus_pipeline.statistics.batch import BatchStatistics
from argus_pipeline.statistics.severity import CRITICAL, NONE, SEVERITIES
from argus_pipeline.statistics.timeline import CLOCK_SET_FROM

TITLE: Final = "Messages by severity over time"
BAD: Final = ("fatal", "error", "warn")
EVERYDAY: Final = tuple(word for word in SEVERITIES if word not in BAD)

_BAD_HEIGHT: Final = 200
_EVERYDAY_HEIGHT: Final = 130
_MAX_LANES: Final = 8
# More dashed lines than this would be a fence.
_MAX_BOOT_LINES: Final = 24
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
        return styled([panel], TITLE, [*subtitle, facts], f"{TITLE}. {facts}")
    width = _bin_seconds(bars)
    first, last = int(bars["start"].min()), int(bars["end"].max())  # type: ignore[arg-type]
    axis = time_axis(first, last, width * 1000)
    running = lanes(statistics.boots, statistics.lifecycles)
    boots = _boot_moments(running, axis)
    present = statistics.timeline["severity"].cast(pl.String).unique().to_list()
    panels: list[alt.LayerChart] = []
    for words, height in ((BAD, _BAD_HEIGHT), (EVERYDAY, _EVERYDAY_HEIGHT)):
        rows = bars.filter(pl.col("word").is_in(words))
        if not rows.is_empty():
            panels.append(_panel(rows, words, height, axis, per_bin(width), present, boots))
        elif words == BAD:
            none = set(present) <= {NONE}
            text = "no events with a severity" if none else "no fatal, error or warning messages"
            panels.append(nothing_to_show(text, WIDTH, _BAD_HEIGHT // 2))
    if not running.ecus.is_empty():
        panels.append(_lifecycles(running, axis, has_lines=not boots.is_empty()))
    facts = _facts(statistics)
    return styled(panels, TITLE, [*subtitle, facts], f"{TITLE}. {facts}", spacing=14)


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
    axis: TimeAxis,
    unit: str,
    present: list[str],
    boots: pl.DataFrame,
) -> alt.LayerChart:
    fatal = rows.filter(pl.col("word") == "fatal")
    highest = int(rows["high"].max())  # type: ignore[arg-type]
    # Room above the bars for the marks of fatal messages.
    ticks = count_ticks(highest * 1.1 if fatal.height else highest, height // 40)
    bars = (
        alt.Chart(_data(rows))
        .mark_bar(stroke="white", strokeWidth=0.4)
        .encode(
            x=alt.X("start:T", **axis.encoding),
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
    if not boots.is_empty():
        layers.append(_boot_lines(boots, axis))
    there = words if words == BAD else [word for word in words if word in present]
    name = listed([LABELS[word] for word in there])
    if fatal.height:
        # A fatal message among a thousand errors is less than a pixel high: it is marked as well.
        middle = fatal.with_columns(((pl.col("start") + pl.col("end")) // 2).alias("middle"))
        layers.append(
            alt.Chart(_data(middle))
            .mark_point(shape="triangle-down", size=45, filled=True, opacity=1, yOffset=6)
            .encode(
                x=alt.X("middle:T", **axis.encoding),
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


def _boot_moments(running: Lanes, axis: TimeAxis) -> pl.DataFrame:
    """The boots that are drawn as lines, none where there are too many: time (ms)."""
    found = thinned(running, axis).filter(pl.col("sign") == BOOT).select("time").unique()
    return found.sort("time") if found.height <= _MAX_BOOT_LINES else found.clear()


def _boot_lines(boots: pl.DataFrame, axis: TimeAxis) -> alt.Chart:
    lines: alt.Chart = (
        alt.Chart(Rows(boots.to_dicts()))
        .mark_rule(strokeDash=[4, 3], color=QUIET, strokeWidth=1)
        .encode(x=alt.X("time:T", **axis.encoding))
    )
    return lines


def _lifecycles(running: Lanes, axis: TimeAxis, *, has_lines: bool) -> alt.LayerChart:
    shown = running.largest(_MAX_LANES)
    title = f"Lifecycles of the ECUs; {signs(shown)}"
    title += "; dashed above: boots" if has_lines else ""
    if hidden := running.ecus.height - shown.ecus.height:
        title += f"; {counted(hidden, 'more ECU')} not shown"
    return lanes_panel(shown, axis, title=title)


def count_ticks(highest: float, about: int) -> list[int]:
    """Whole numbers for an axis of counts: about so many, evenly spaced, the last at the top."""
    least = max(highest / max(about, 1), 1)
    power = 10 ** math.floor(math.log10(least))
    step = next(round(factor * power) for factor in (1, 2, 5, 10) if factor * power >= least)
    return list(range(0, step * math.ceil(highest / step) + 1, step))


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


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


def _data(rows: pl.DataFrame) -> Rows:
    values: list[dict[str, Any]] = rows.drop("word").to_dicts()
    return Rows(values)
