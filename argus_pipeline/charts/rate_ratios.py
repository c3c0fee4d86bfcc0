"""What an update changed: the rate after over the rate before, a line for each fault (forest plot).

The axis is logarithmic, so that twice and half as often are equally far from 1. What lies beyond
it, and the ratios 0 (gone) and infinity (new), stand at its ends with an arrow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import altair as alt
import polars as pl

from argus_pipeline.charts.style import (
    INK,
    QUIET,
    Rows,
    counted,
    nothing_to_show,
    shown,
    styled,
)

TITLE: Final = "What the update changed"
MAX_FAULTS: Final = 30

CLASSES: Final = {
    "worse": ("#b3261e", "triangle-up"),
    "new": ("#7a1f5c", "diamond"),
    "too little data": ("#8a8f96", "circle"),
    "unchanged": ("#4a4f55", "circle"),
    "better": ("#1d6fa5", "triangle-down"),
    "gone": ("#0d3560", "square"),
}
"""Colour and shape of each class, in the order in which people look: the shape alone suffices."""

_HOLLOW: Final = "too little data"
_WIDTH: Final = 420
_STEP: Final = 24
# Ratios beyond this, or below its inverse, are drawn at the end of the axis.
_FARTHEST: Final = 32.0
_RANK_DIGITS: Final = 4
_TICK_LABEL: Final = (
    "datum.value < 1 ? '1/' + format(1 / datum.value, 'd') : format(datum.value, 'd')"
)
# Field, heading and distance from the plot, in pixels.
_COLUMNS: Final = (
    ("class", "class", 14),
    ("rates", "per hour, before → after", 128),
    ("vehicles", "vehicles", 300),
    ("hours", "hours", 390),
)


def rate_ratios(comparison: pl.DataFrame, subtitle: Sequence[str] = ()) -> alt.VConcatChart:
    """The forest plot of a firmware comparison.

    Args:
        comparison: rows of `firmware_comparison` (`fleet.comparison.COMPARISON`), of one or
            several platforms.
        subtitle: lines under the title: what is compared with what.
    """
    facts = _facts(comparison)
    if comparison.is_empty():
        panel = nothing_to_show("nothing to compare yet", 2 * _WIDTH, 160)
        return styled([panel], TITLE, [*subtitle, facts], f"{TITLE}: {facts}")
    rows = _rows(comparison)
    return styled(
        [_panel(rows, int(comparison["platform"].n_unique()) > 1)],
        TITLE,
        [*subtitle, facts],
        f"{TITLE}. {facts}",
    )


def _rows(comparison: pl.DataFrame) -> list[dict[str, Any]]:
    """The faults that matter most, worst first."""
    order = {name: rank for rank, name in enumerate(CLASSES)}
    # What needs more data is of interest behind everything that is certain.
    order[_HOLLOW] = len(order)
    ranked = comparison.with_columns(
        pl.col("class").cast(pl.String),
        pl.col("class").cast(pl.String).replace_strict(order, default=len(order)).alias("order"),
        pl.col("ratio").fill_null(1.0).log().abs().alias("distance"),
    ).sort("order", "distance", "platform", "fault", descending=[False, True, False, False])
    return list(ranked.head(MAX_FAULTS).iter_rows(named=True))


def _panel(rows: list[dict[str, Any]], several_platforms: bool) -> alt.LayerChart:
    farthest = _domain(rows)
    values = [_value(n, row, farthest, several_platforms) for n, row in enumerate(rows)]
    base = alt.Chart(Rows(values)).encode(
        y=alt.Y(
            "key:N",
            sort=None,
            scale=alt.Scale(domain=[value["key"] for value in values]),
            title=None,
            axis=alt.Axis(
                labelExpr=f"slice(datum.value, {_RANK_DIGITS + 1})",
                labelLimit=330,
                ticks=False,
                domain=False,
                labelPadding=8,
            ),
        )
    )
    x: dict[str, Any] = {
        "title": "Rate after ÷ rate before (logarithmic), with its 95 % interval",
        "scale": alt.Scale(type="log", base=2, domain=[1 / farthest, farthest], nice=False),
        "axis": alt.Axis(values=_ticks(farthest), labelExpr=_TICK_LABEL),
    }
    classes = [name for name in CLASSES if any(row["class"] == name for row in rows)]
    colour = alt.Color(
        "class:N",
        scale=alt.Scale(domain=classes, range=[CLASSES[name][0] for name in classes]),
        legend=None,
    )
    tooltip = [
        alt.Tooltip("title:N", title="Fault"),
        alt.Tooltip("platform:N", title="Platform"),
        alt.Tooltip("class:N", title="Class"),
        alt.Tooltip("ratio_text:N", title="Ratio"),
        alt.Tooltip("rates:N", title="Per hour, before → after"),
        alt.Tooltip("vehicles:N", title="Vehicles, before → after"),
        alt.Tooltip("hours:N", title="Hours of operation, before → after"),
    ]
    same = (
        alt.Chart(Rows([{"one": 1}]))
        .mark_rule(color=QUIET, strokeDash=[4, 3])
        .encode(x=alt.X("one:Q", **x))
    )
    intervals = base.mark_rule(strokeWidth=2.5).encode(
        x=alt.X("low_drawn:Q", **x),
        x2=alt.X2("high_drawn"),
        color=colour,
        tooltip=tooltip,
    )
    layers: list[alt.Chart] = [same, intervals]
    for side in ("left", "right"):
        arrows = [value for value in values if value[f"beyond_{side}"]]
        if arrows:
            layers.append(
                base.properties(data=Rows(arrows))
                .mark_point(shape=f"triangle-{side}", size=60, filled=True, opacity=1)
                .encode(x=alt.value(0 if side == "left" else _WIDTH), color=colour)
            )
    for name in classes:
        own = [v for v in values if v["class"] == name and v["middle"] is not None]
        colour_, shape = CLASSES[name]
        hollow = name == _HOLLOW
        layers.append(
            base.properties(data=Rows(own))
            .mark_point(
                shape=shape,
                size=85,
                filled=True,
                fill="white" if hollow else colour_,
                stroke=colour_,
                opacity=1,
            )
            .encode(x=alt.X("middle:Q", **x), tooltip=tooltip)
        )
    for field, head, at in _COLUMNS:
        layers.append(_head(head, at))
        layers.append(
            base.mark_text(
                align="left", fontSize=12, color=INK, fontWeight="bold" if field == "class" else 400
            ).encode(x=alt.value(_WIDTH + at), text=f"{field}:N")
        )
    return alt.LayerChart(layer=layers, width=_WIDTH, height=alt.Step(_STEP))


def _head(text: str, at: int) -> alt.Chart:
    """What a column of text is, above it."""
    words = alt.Chart(Rows([{"text": text}])).mark_text(
        align="left", baseline="bottom", fontSize=12, color=QUIET
    )
    placed: alt.Chart = words.encode(x=alt.value(_WIDTH + at), y=alt.value(-4), text="text:N")
    return placed


def _value(
    rank: int, row: Mapping[str, Any], farthest: float, several_platforms: bool
) -> dict[str, Any]:
    full = row["title"] or row["fault"]
    if row["kind"] == "code" and full != row["fault"]:
        full = f"{row['fault']}: {full}"
    title, platform = shown(full, 44), shown(row["platform"], 16)
    name = f"{title} · {platform}" if several_platforms else title
    ratio, low, high = (_inside(row[field], farthest) for field in ("ratio", "low", "high"))
    middle = ratio
    return {
        "key": f"{rank:0{_RANK_DIGITS}} {name}",
        "title": shown(full, 160),
        "platform": platform,
        "class": row["class"],
        "middle": middle,
        "low_drawn": low,
        "high_drawn": high,
        "beyond_left": _beyond(row["low"], lambda value: value < 1 / farthest),
        "beyond_right": _beyond(row["high"], lambda value: value > farthest),
        "ratio_text": _ratio(row),
        "rates": f"{rate(row['per_hour_before'])} → {rate(row['per_hour_after'])}",
        "vehicles": f"{row['vehicles_before']:,} → {row['vehicles_after']:,}",
        "hours": f"{rate(row['hours_before'])} → {rate(row['hours_after'])}",
    }


def _inside(value: float | None, farthest: float) -> float | None:
    if value is None or math.isnan(value):
        return None
    return min(max(value, 1 / farthest), farthest)


def _beyond(value: float | None, test: Any) -> bool:
    return value is not None and not math.isnan(value) and bool(test(value))


def _domain(rows: Sequence[Mapping[str, Any]]) -> float:
    """How far the axis goes to both sides: a power of 2 from 2 to `_FARTHEST`."""
    values = [row[field] for row in rows for field in ("ratio", "low", "high")]
    finite = [abs(math.log2(v)) for v in values if v and math.isfinite(v)]
    widest = 2 ** math.ceil(max(finite, default=1.0) + 0.01)
    return min(max(float(widest), 2.0), _FARTHEST)


def _ticks(farthest: float) -> list[float]:
    power = round(math.log2(farthest))
    return [2.0**n for n in range(-power, power + 1)]


def _ratio(row: Mapping[str, Any]) -> str:
    if row["ratio"] is None:
        return "not known"
    parts = [_number(row["ratio"])]
    if row["low"] is not None and row["high"] is not None:
        parts.append(f"(95 %: {_number(row['low'])} to {_number(row['high'])})")
    return " ".join(parts)


def _number(value: float) -> str:
    return "∞" if math.isinf(value) else f"{value:.3g}"


def rate(value: float | None) -> str:
    """A rate in two digits or more, without an exponent: `0`, `0.00012`, `3.4`, `1,200`."""
    if value is None or math.isnan(value):
        return "?"
    if value == 0:
        return "0"
    digits = max(0, 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 6)}f}"


def _facts(comparison: pl.DataFrame) -> str:
    counts = dict(comparison["class"].cast(pl.String).value_counts().iter_rows())
    told = ", ".join(f"{counts[name]:,} {name}" for name in CLASSES if counts.get(name))
    fact = f"{counted(comparison.height, 'fault')} compared" + (f": {told}" if told else "")
    hidden = comparison.height - MAX_FAULTS
    return f"{fact}; {hidden:,} of them not shown" if hidden > 0 else fact
