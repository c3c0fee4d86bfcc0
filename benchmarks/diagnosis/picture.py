"""The reliability plot: how often a first cause was right, against how sure it was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import polars as pl

from argus_pipeline.charts.rendering import render
from argus_pipeline.charts.style import INK, QUIET
from benchmarks.diagnosis.scoring import Bin

_PERCENT = alt.Axis(format="%")


def reliability_png(bins: Mapping[str, Sequence[Bin]]) -> bytes:
    """The plot as a PNG, one colour for each half; the line is perfect calibration."""
    rows = [
        {"half": half, "said": one.said, "right": one.right, "first causes": one.count}
        for half, found in bins.items()
        for one in found
    ]
    whole = alt.Scale(domain=[0, 1])
    line = alt.Chart(pl.DataFrame({"said": [0.0, 1.0], "right": [0.0, 1.0]})).mark_line(
        color=QUIET, strokeDash=[4, 4]
    )
    points = alt.Chart(pl.DataFrame(rows)).mark_point(filled=True, opacity=0.85, stroke=INK)
    x = alt.X("said:Q", scale=whole, axis=_PERCENT, title="confidence that was said")
    y = alt.Y("right:Q", scale=whole, axis=_PERCENT, title="share that was right")
    chart = alt.layer(
        line.encode(x=x, y=y),
        points.encode(
            x=x,
            y=y,
            color=alt.Color("half:N", scale=alt.Scale(range=["#1d4f7c", "#cc3d1c"]), title="half"),
            size=alt.Size("first causes:Q", scale=alt.Scale(range=[60, 600])),
        ),
    ).properties(
        width=420,
        height=420,
        title=alt.TitleParams(
            "How sure, and how often right",
            subtitle=["First causes in ten bins; the line is perfect calibration"],
        ),
    )
    return render(chart).png
