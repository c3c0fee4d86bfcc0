"""The fault codes that most messages name, with the ECU and the worst severity."""

from __future__ import annotations

from typing import Any, Final

import altair as alt
import polars as pl

from argus_pipeline.charts.context import ChartContext
from argus_pipeline.charts.style import (
    INK,
    LABELS,
    WIDTH,
    Rows,
    counted,
    nothing_to_show,
    severity_colour,
    shown,
    styled,
)
from argus_pipeline.statistics.batch import BatchStatistics

TITLE: Final = "Most frequent fault codes"
DEFAULT_LIMIT: Final = 15

_BAR_STEP: Final = 26
_RANK_DIGITS: Final = 4
# Room at the right end for the longest label behind a bar.
_HEADROOM: Final = 1.22


def top_codes(
    statistics: BatchStatistics, context: ChartContext | None = None, *, limit: int = DEFAULT_LIMIT
) -> alt.VConcatChart:
    """Horizontal bars of messages by fault code, coloured by the worst severity.

    Args:
        statistics: of the batch.
        context: what the lines under the title say of the batch.
        limit: how many codes at most.
    """
    codes = statistics.codes.head(limit)
    subtitle = [context.line()] if context else []
    if codes.is_empty():
        facts = f"{counted(statistics.total('messages'), 'message')}, none names a fault code"
        panel = nothing_to_show("no fault codes found", WIDTH, 200)
        return styled([panel], TITLE, [*subtitle, facts], f"{TITLE}: none found")
    facts = _facts(statistics.codes, codes.height)
    rows = [_row(rank, row) for rank, row in enumerate(codes.iter_rows(named=True))]
    worst = ", ".join(f"{row['name']} {row['messages']:,}" for row in rows[:3])
    return styled(
        [_bars(rows, codes["severity"].cast(pl.String).to_list())],
        TITLE,
        [*subtitle, facts],
        f"{TITLE}: {worst}. {facts}",
    )


def _row(rank: int, row: dict[str, Any]) -> dict[str, Any]:
    ecu = shown(row["ecu"], 16) if row["ecu"] is not None else "ECU unknown"
    more = f" +{counted(row['ecus'] - 1, 'ECU')}" if row["ecus"] > 1 else ""
    severity = LABELS[row["severity"]]
    name = f"{shown(row['code'], 20)} · {ecu}{more}"
    return {
        "name": name,
        # Long codes may be cut alike: the rank keeps their bars apart.
        "key": f"{rank:0{_RANK_DIGITS}} {name}",
        "ecu": ecu,
        "ecus": row["ecus"],
        "severity": severity,
        "messages": row["messages"],
        "label": f"{row['messages']:,} · {severity}",
        "first": _moment(row["first_time"]),
        "last": _moment(row["last_time"]),
        "place": shown(f"{row['recording']}, byte {row['offset']}", 160),
    }


def _bars(rows: list[dict[str, Any]], present: list[str]) -> alt.LayerChart:
    base = alt.Chart(Rows(rows)).encode(
        y=alt.Y(
            "key:N",
            sort=None,
            title=None,
            axis=alt.Axis(
                labelExpr=f"slice(datum.value, {_RANK_DIGITS + 1})",
                labelLimit=260,
                labelFontSize=13,
                ticks=False,
                domain=False,
                labelPadding=8,
            ),
        ),
        x=alt.X(
            "messages:Q",
            title="Messages that name the code",
            scale=alt.Scale(
                domain=[0, max(row["messages"] for row in rows) * _HEADROOM], nice=False
            ),
            axis=alt.Axis(format=",d", tickMinStep=1, tickCount=6),
        ),
    )
    bars = base.mark_bar(height={"band": 0.72}).encode(
        color=severity_colour(present, orient="bottom", direction="horizontal", offset=8),
        tooltip=[
            alt.Tooltip("name:N", title="Code and ECU"),
            alt.Tooltip("messages:Q", title="Messages", format=",d"),
            alt.Tooltip("severity:N", title="Worst severity"),
            alt.Tooltip("ecus:Q", title="ECUs"),
            alt.Tooltip("first:N", title="First"),
            alt.Tooltip("last:N", title="Last"),
            alt.Tooltip("place:N", title="First found in"),
        ],
    )
    labels = base.mark_text(align="left", dx=6, fontSize=12, color=INK).encode(text="label:N")
    return alt.LayerChart(layer=[bars, labels], width=WIDTH - 180, height=alt.Step(_BAR_STEP))


def _facts(codes: pl.DataFrame, drawn: int) -> str:
    if codes.height == drawn:
        return f"{counted(codes.height, 'fault code')}, coloured by the worst severity"
    others = int(codes["messages"].slice(drawn).sum())
    return (
        f"{drawn} of {codes.height:,} fault codes, coloured by the worst severity;"
        f" the other {codes.height - drawn:,} were named {others:,} times"
    )


def _moment(time: Any) -> str:
    return "without a time" if time is None else f"{time:%Y-%m-%d %H:%M:%S} UTC"
