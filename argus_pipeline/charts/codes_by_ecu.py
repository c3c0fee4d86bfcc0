"""Which ECU reported which fault code how often: a heat map.

Counts differ by powers of ten, so the shade is logarithmic; the count stands in every cell, and the
shades grow darker in one direction only, so that the map can be read without colours as well.
"""

from __future__ import annotations

import math
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
    shown,
    styled,
)
from argus_pipeline.statistics.batch import BatchStatistics

TITLE: Final = "Fault codes by ECU"
MAX_CODES: Final = 20
MAX_ECUS: Final = 12
UNKNOWN_ECU: Final = "unknown"

SHADES: Final = ("#eef3f8", "#c3d5e8", "#8fb3d5", "#5488b8", "#285f94", "#0d3560")
"""From few to many; one hue, evenly darker."""

_CELL_HEIGHT: Final = 26
_WIDEST_CELL: Final = 110
# From this share of the logarithmic scale on, white letters are read better than dark ones.
_DARK_FROM: Final = 0.55
_RANK_DIGITS: Final = 4


def codes_by_ecu(
    statistics: BatchStatistics, context: ChartContext | None = None
) -> alt.VConcatChart:
    """A cell for each fault code and ECU, from the frame `codes_by_ecu`.

    Args:
        statistics: of the batch.
        context: what the lines under the title say of the batch.
    """
    subtitle = [context.line()] if context else []
    cells = heat_cells(statistics.codes_by_ecu)
    if cells.is_empty():
        facts = f"{counted(statistics.total('messages'), 'message')}, none names a fault code"
        panel = nothing_to_show("no fault codes found", WIDTH, 200)
        return styled([panel], TITLE, [*subtitle, facts], f"{TITLE}: none found")
    facts = _facts(statistics.codes_by_ecu, cells)
    return styled([_map(cells)], TITLE, [*subtitle, facts], f"{TITLE}. {facts}")


def heat_cells(counts: pl.DataFrame) -> pl.DataFrame:
    """The cells of the most frequent codes and ECUs, from the frame `codes_by_ecu`.

    Returns:
        code, code_rank, ecu, ecu_rank (from 0, the most messages first), severity (the worst),
        worst (of the code over all ECUs), messages.
    """
    found = counts.with_columns(
        pl.col("ecu").fill_null(UNKNOWN_ECU), pl.col("messages").cast(pl.Int64)
    )
    codes, ecus = (_ranked(found, by) for by in ("code", "ecu"))
    worst = pl.col("severity").min().over("code").cast(pl.String).alias("worst")
    return (
        found.with_columns(worst)
        .group_by("code", "ecu")
        .agg(pl.col("severity").min(), pl.col("messages").sum(), pl.col("worst").first())
        .join(codes.head(MAX_CODES), on="code")
        .join(ecus.head(MAX_ECUS), on="ecu")
        .select("code", "code_rank", "ecu", "ecu_rank", "severity", "worst", "messages")
        .sort("code_rank", "ecu_rank")
    )


def _ranked(found: pl.DataFrame, by: str) -> pl.DataFrame:
    return (
        found.group_by(by)
        .agg(pl.col("messages").sum())
        .sort("messages", by, descending=[True, False])
        .select(by)
        .with_row_index(f"{by}_rank")
    )


def _map(cells: pl.DataFrame) -> alt.LayerChart:
    most = int(cells["messages"].max())  # type: ignore[arg-type]
    rows = [_cell(row, most) for row in cells.iter_rows(named=True)]
    ecus = cells["ecu"].n_unique()
    axis: dict[str, Any] = {
        "labelExpr": f"slice(datum.value, {_RANK_DIGITS + 1})",
        "ticks": False,
        "domain": False,
    }
    base = alt.Chart(Rows(rows)).encode(
        x=alt.X(
            "column:N",
            sort=None,
            scale=alt.Scale(domain=sorted({row["column"] for row in rows})),
            title="ECU",
            axis=alt.Axis(**axis, orient="top", labelAngle=0, labelLimit=100, labelPadding=6),
        ),
        y=alt.Y(
            "line:N",
            sort=None,
            title=None,
            axis=alt.Axis(**axis, labelLimit=240, labelPadding=8),
        ),
    )
    squares = base.mark_rect(stroke="white", strokeWidth=2).encode(
        color=alt.Color(
            "messages:Q",
            # A single count has no range of its own.
            scale=alt.Scale(type="log", domain=[1, max(most, 10)], range=list(SHADES)),
            # The count stands in each cell; and the ids in a drawn gradient differ each time.
            legend=None,
        ),
        tooltip=[
            alt.Tooltip("code:N", title="Code"),
            alt.Tooltip("ecu:N", title="ECU"),
            alt.Tooltip("messages:Q", title="Messages", format=",d"),
            alt.Tooltip("severity:N", title="Worst severity"),
        ],
    )
    counts = base.mark_text(fontSize=12).encode(
        text=alt.Text("label:N"),
        color=alt.condition("datum.is_dark", alt.value("white"), alt.value(INK)),
    )
    width = min(WIDTH - 180, _WIDEST_CELL * ecus)
    return alt.LayerChart(layer=[squares, counts], width=width, height=alt.Step(_CELL_HEIGHT))


def _cell(row: dict[str, Any], most: int) -> dict[str, Any]:
    code, ecu = shown(row["code"], 20), shown(row["ecu"], 12)
    severity = LABELS[row["severity"]]
    share = _log(row["messages"]) / _log(max(most, 10))
    return {
        "code": code,
        "ecu": ecu,
        # Long names may be cut alike: the rank keeps their rows and columns apart.
        "line": f"{row['code_rank']:0{_RANK_DIGITS}} {code} ({LABELS[row['worst']]})",
        "column": f"{row['ecu_rank']:0{_RANK_DIGITS}} {ecu}",
        "severity": severity,
        "messages": row["messages"],
        "label": short(row["messages"]),
        "is_dark": share >= _DARK_FROM,
    }


def short(count: int) -> str:
    """A count in at most five characters: `9,876`, `12.3k`, `4.5M`."""
    if count < 10_000:
        return f"{count:,}"
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            # Rounded down: 999,999 must not become 1000k.
            tenths = count * 10 // size
            return f"{tenths // 10}{unit}" if tenths >= 1_000 else f"{tenths / 10:g}{unit}"
    raise AssertionError


def _log(number: int) -> float:
    return math.log(max(number, 1))


def _facts(counts: pl.DataFrame, cells: pl.DataFrame) -> str:
    codes, ecus = counts["code"].n_unique(), counts["ecu"].n_unique()
    drawn_codes, drawn_ecus = cells["code"].n_unique(), cells["ecu"].n_unique()
    of_codes = (
        f"{drawn_codes} of {codes:,} fault codes"
        if drawn_codes < codes
        else counted(codes, "fault code")
    )
    of_ecus = f"{drawn_ecus} of {ecus:,} ECUs" if drawn_ecus < ecus else counted(ecus, "ECU")
    fact = f"messages that name a code; {of_codes} (with the worst severity) by {of_ecus}"
    hidden = int(counts["messages"].sum()) - int(cells["messages"].sum())
    return f"{fact}; not shown: named {hidden:,} times" if hidden else fact
