"""What signals did around the newest critical event of each fault, second by second."""

from __future__ import annotations

import math
from typing import Any, Final

import altair as alt
import polars as pl

from argus_pipeline.charts.context import ChartContext
from argus_pipeline.charts.style import (
    INK,
    QUIET,
    WIDTH,
    Rows,
    counted,
    nothing_to_show,
    shown,
    styled,
)
from argus_pipeline.statistics.batch import BatchStatistics
from argus_pipeline.statistics.event_signals import CURVE_S

TITLE: Final = "Signals around critical events"
MAX_FAULTS: Final = 4
SIGNALS_A_FAULT: Final = 4

_GAP: Final = 62
_PANEL_WIDTH: Final = (WIDTH - (SIGNALS_A_FAULT - 1) * _GAP) // SIGNALS_A_FAULT
_PANEL_HEIGHT: Final = 96
_BAND: Final = "#bcd0e4"
_LINE: Final = "#0d3560"
_FAULT: Final = ("fault", "event_time")
_SIGNAL: Final = ("fault", "table", "signal")


def signals_around_events(
    statistics: BatchStatistics, context: ChartContext | None = None
) -> alt.VConcatChart:
    """A row for each fault, from the frames `event_curves` and `event_signals`.

    Args:
        statistics: of the batch.
        context: what the lines under the title say of the batch.
    """
    subtitle = [context.line()] if context else []
    curves, found = statistics.event_curves, statistics.event_signals
    if curves.is_empty():
        critical = counted(statistics.total("critical_events"), "fatal or error event")
        fact = f"{critical}, {counted(statistics.signals.height, 'signal')}"
        panel = nothing_to_show("no signal was recorded around a critical event", WIDTH, 200)
        return styled([panel], TITLE, [*subtitle, fact], f"{TITLE}: {fact}")
    chosen = chosen_faults(curves, found)
    rows = [
        _row(fault, curves.filter(pl.col("fault") == fault), found, statistics.fault_counts)
        for fault in chosen["fault"]
    ]
    facts = _facts(curves, chosen.height, has_usual=not found.is_empty())
    return styled(rows, TITLE, [*subtitle, *facts], f"{TITLE}. {facts[0]}", spacing=20)


def chosen_faults(curves: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """The faults that are drawn: those first around which signals left their usual range.

    Returns:
        fault, event_time, moments (at which that happened, 0 where it did not).
    """
    moments = found.group_by("fault").agg(pl.col("below", "above").sum())
    return (
        curves.select(_FAULT)
        .unique()
        .join(moments, on="fault", how="left")
        .select(*_FAULT, (pl.col("below") + pl.col("above")).fill_null(0).alias("moments"))
        .sort("moments", "event_time", "fault", descending=[True, True, False])
        .head(MAX_FAULTS)
    )


def _row(
    fault: str, curves: pl.DataFrame, found: pl.DataFrame, faults: pl.DataFrame
) -> alt.HConcatChart:
    """The panels of one fault side by side."""
    # What did not move says little: it comes last.
    signals = (
        curves.group_by("table", "signal")
        .agg((pl.col("max").max() > pl.col("min").min()).alias("moves"))
        .sort("moves", "table", "signal", descending=[True, False, False], nulls_last=True)
        .select("table", "signal")
    )
    panels = []
    for table, signal in signals.head(SIGNALS_A_FAULT).iter_rows():
        same = (pl.col("table") == table) & (pl.col("signal") == signal)
        usual = found.filter(same & (pl.col("fault") == fault))
        panels.append(_panel(curves.filter(same), table, signal, usual))
    time = curves["event_time"][0]
    heading = f"{shown(_name(fault, faults), 80)}, {time:%Y-%m-%d %H:%M:%S} UTC"
    return alt.HConcatChart(
        hconcat=panels,
        spacing=_GAP - 40,
        title=alt.TitleParams(text=heading, anchor="start", fontSize=13, offset=4),
    )


def _name(fault: str, faults: pl.DataFrame) -> str:
    """The code itself; of a fingerprint the template that it stands for."""
    titles = faults.filter((pl.col("fault") == fault) & (pl.col("kind") == "fingerprint"))["title"]
    return next(iter(titles.drop_nulls()), fault)


def _panel(curve: pl.DataFrame, table: str, signal: str, usual: pl.DataFrame) -> alt.LayerChart:
    rows = curve.select("second", "min", "mean", "max").sort("second").to_dicts()
    base = alt.Chart(Rows(rows)).encode(
        x=alt.X(
            "second:Q",
            title="Seconds from the event",
            scale=alt.Scale(domain=[-CURVE_S, CURVE_S], nice=False),
            axis=alt.Axis(values=[-CURVE_S, -CURVE_S // 2, 0, CURVE_S // 2, CURVE_S]),
        )
    )
    drawn = pl.concat([curve["min"], curve["max"], usual["usual_low"], usual["usual_high"]])
    finite = drawn.filter(drawn.is_finite())
    y = value_axis(finite.min(), finite.max()) if len(finite) else value_axis(0, 1)
    band = base.mark_area(color=_BAND).encode(y=alt.Y("min:Q", **y), y2=alt.Y2("max"))
    line = base.mark_line(color=_LINE, strokeWidth=1.6).encode(
        y=alt.Y("mean:Q", **y),
        tooltip=[
            alt.Tooltip("second:Q", title="Seconds from the event"),
            alt.Tooltip("min:Q", title="Least", format=".4~g"),
            alt.Tooltip("mean:Q", title="Mean", format=".4~g"),
            alt.Tooltip("max:Q", title="Greatest", format=".4~g"),
        ],
    )
    # A single second is no line.
    point = base.mark_point(color=_LINE, filled=True, size=12).encode(y=alt.Y("mean:Q", **y))
    event = (
        alt.Chart(Rows([{"second": 0}]))
        .mark_rule(color=INK, strokeDash=[4, 3])
        .encode(x="second:Q")
    )
    layers = [band, line, *([point] if len(rows) < 3 else []), event]
    note = ""
    for limits in usual.iter_rows(named=True):
        ends = [{"end": limits[name]} for name in ("usual_low", "usual_high")]
        layers.append(
            alt.Chart(Rows(ends))
            .mark_rule(color=QUIET, strokeDash=[1, 3], strokeWidth=1.5)
            .encode(y=alt.Y("end:Q", **y))
        )
        note = _note(limits)
    return alt.LayerChart(
        layer=layers,
        width=_PANEL_WIDTH,
        height=_PANEL_HEIGHT,
        title=alt.TitleParams(
            text=shown(signal, 28),
            subtitle=[f"from {shown(table, 24)}", *([note] if note else [])],
            anchor="start",
            frame="group",
            fontSize=12,
            fontWeight="normal",
            subtitleFontSize=11,
            offset=4,
        ),
    )


def value_axis(low: Any, high: Any) -> dict[str, Any]:
    """How values from `low` to `high` are laid out: no two labels of an axis are the same.

    A value that never changes is in the middle of its panel, and its only label.
    """
    most = max(abs(low), abs(high))
    if low == high:
        around = 0.1 * most or 1.0
        scale = alt.Scale(domain=[low - around, high + around], nice=False)
        axis = alt.Axis(values=[low], format=".6~g", minExtent=34)
    else:
        # What tells a fifth of the range from nothing, beside the greatest value.
        digits = max(4, math.ceil(math.log10(max(most / (high - low), 1))) + 2)
        scale = alt.Scale(zero=False, nice=True)
        axis = alt.Axis(tickCount=4, format=f".{digits}~g", minExtent=34, labelFlush=True)
    return {"title": None, "scale": scale, "axis": axis}


def _note(limits: dict[str, Any]) -> str:
    """How often a signal left its usual range: `below usual at 5 of 6 events`."""
    sides = [(side, limits[side]) for side in ("below", "above") if limits[side]]
    text = ", ".join(f"{side} usual at {count}" for side, count in sides)
    return f"{text} of {counted(limits['moments'], 'event')}"


def _facts(curves: pl.DataFrame, drawn: int, *, has_usual: bool) -> list[str]:
    faults = curves["fault"].n_unique()
    which = f"{drawn} of {counted(faults, 'fault')}" if drawn < faults else counted(faults, "fault")
    lines = [
        f"the newest event of {which}; the line: mean of each second, the band: least to greatest"
        f" value, in the units of the specification"
    ]
    if has_usual:
        lines.append(
            "dotted: the usual range, 1st to 99th percentile away from events of the fault"
        )
    return lines
