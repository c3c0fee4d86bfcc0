"""A lane for each ECU: when it ran, what began each of its lifecycles, and which boots ended badly.

Marks closer than two pixels become one, which says how many it stands for; bars are at most the
1,000 boots that the frame `boots` lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import altair as alt
import polars as pl

from argus_pipeline.charts.style import (
    INK,
    WIDTH,
    Rows,
    counted,
    shown,
)
from argus_pipeline.charts.time_axis import TimeAxis
from argus_pipeline.diagnosis.text import duration
from argus_pipeline.statistics.timeline import CLOCK_SET_FROM

LANE: Final = 18
"""Height of a lane in pixels."""

BOOT: Final = "boot"
BAD_END: Final = "bad end"
BAD_ENDS: Final = ("reset", "critical")
"""Boots that a failure ended, or a fatal or error message just before."""

SIGNS: Final = {
    BOOT: "▲ boot",
    "resume": "○ resume",
    "clock_change": "◇ clock set",
    BAD_END: "× ended by a reset or just after a fatal or error message",
}
"""What happens in a lane, and its sign and words in a chart."""

_SHAPES: Final = {
    BOOT: "triangle-up",
    "resume": "circle",
    "clock_change": "diamond",
    BAD_END: "M-1,-1L1,1M-1,1L1,-1",
}
_BARS: Final = ("#c4c9cf", "#dfe3e7")
_BAD: Final = "#b3261e"
_RANK_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Lanes:
    """What can be placed in time, with the ECUs that booted most often first.

    bars: ecu, lane, start, end (ms since 1970), nth (boot of the ECU, from 0), software, ended.
    marks: ecu, lane, sign (of `SIGNS`), time (ms).
    ecus: ecu, lane, boots, resumes, bad_ends, shortest (s, of a boot that another one followed).
    unplaced: boots that no clock can place.
    """

    bars: pl.DataFrame
    marks: pl.DataFrame
    ecus: pl.DataFrame
    unplaced: int

    def largest(self, lanes: int) -> Lanes:
        """The first lanes only."""
        kept = self.ecus.head(lanes)
        own = pl.col("ecu").is_in(kept["ecu"].to_list())
        return Lanes(self.bars.filter(own), self.marks.filter(own), kept, self.unplaced)

    @property
    def height(self) -> int:
        """Of all lanes, in pixels."""
        return LANE * self.ecus.height


def lanes(boots: pl.DataFrame, lifecycles: pl.DataFrame) -> Lanes:
    """The lanes of a batch, from the frames of these names."""
    placed = boots.filter(pl.col("start") >= CLOCK_SET_FROM).sort("ecu", "start")
    bars = placed.select(
        "ecu",
        pl.col("start").dt.epoch("ms"),
        pl.max_horizontal("start", "end").dt.epoch("ms").alias("end"),
        pl.int_range(pl.len()).over("ecu").alias("nth"),
        pl.col("version").alias("software"),
        "ended",
        "resumes",
    )
    followed = pl.col("start").shift(-1).over("ecu").is_not_null()
    ecus = (
        bars.with_columns(
            pl.when(followed).then((pl.col("end") - pl.col("start")) / 1000).alias("shortest")
        )
        .group_by("ecu")
        .agg(
            pl.len().cast(pl.Int64).alias("boots"),
            pl.col("resumes").cast(pl.Int64).sum(),
            pl.col("ended").is_in(BAD_ENDS).cast(pl.Int64).sum().alias("bad_ends"),
            pl.col("shortest").min(),
        )
        .sort("boots", "bad_ends", "ecu", descending=[True, True, False])
        .with_row_index("rank")
        .with_columns(
            # Long names may be cut alike: the rank keeps their lanes apart.
            pl.format(
                "{} {}",
                pl.col("rank").cast(pl.String).str.zfill(_RANK_DIGITS),
                pl.col("ecu").map_elements(lambda name: shown(name, 16), pl.String),
            ).alias("lane")
        )
        .drop("rank")
    )
    lane = ecus.select("ecu", "lane")
    marks = pl.concat(
        [
            bars.select("ecu", pl.lit(BOOT).alias("sign"), pl.col("start").alias("time")),
            _resumes(lifecycles),
            bars.filter(pl.col("ended").is_in(BAD_ENDS)).select(
                "ecu", pl.lit(BAD_END).alias("sign"), pl.col("end").alias("time")
            ),
        ]
    )
    return Lanes(
        bars.drop("resumes").join(lane, on="ecu", maintain_order="left"),
        marks.join(lane, on="ecu", maintain_order="left"),
        ecus,
        boots.height - placed.height,
    )


def _resumes(lifecycles: pl.DataFrame) -> pl.DataFrame:
    """The moments at which an ECU went on, or its receiver's clock was set."""
    began = pl.col("start") + pl.duration(milliseconds=pl.col("first_uptime_s").fill_null(0) * 1000)
    return lifecycles.filter((pl.col("kind") != BOOT) & (pl.col("start") >= CLOCK_SET_FROM)).select(
        "ecu", pl.col("kind").alias("sign"), began.dt.epoch("ms").alias("time")
    )


def thinned(found: Lanes, axis: TimeAxis) -> pl.DataFrame:
    """The marks within the axis, one row for two pixels: lane, sign, time (ms), lifecycles."""
    return (
        found.marks.filter(axis.holds(pl.col("time")))
        .group_by("lane", "sign", (pl.col("time") // axis.pixel).alias("cell"))
        .agg(pl.col("time").min(), pl.len().alias("lifecycles"))
        .sort("lane", "sign", "cell")
        .drop("cell")
    )


def lanes_panel(
    found: Lanes, axis: TimeAxis, *, title: str, width: int = WIDTH, labels: bool = False
) -> alt.LayerChart:
    """The panel of lanes.

    Args:
        found: at least one lane.
        axis: of the time; what lies beyond it is cut.
        title: of the panel, which says what the signs mean.
        width: in pixels.
        labels: whether the counts of each ECU stand behind its lane.
    """
    y: dict[str, Any] = {
        "sort": None,
        "title": "ECU",
        "scale": alt.Scale(domain=found.ecus["lane"].to_list()),
        "axis": alt.Axis(
            labelExpr=f"slice(datum.value, {_RANK_DIGITS + 1})",
            labelLimit=120,
            ticks=False,
            domain=False,
            labelPadding=6,
            grid=False,
            minExtent=48,
        ),
    }
    layers = [_bars(found, axis, y), *_marks(thinned(found, axis), axis, y)]
    if labels:
        rows = [{"lane": r["lane"], "label": _label(r)} for r in found.ecus.iter_rows(named=True)]
        layers.append(
            alt.Chart(Rows(rows))
            .mark_text(align="left", dx=8, fontSize=12, color=INK)
            .encode(x=alt.value(width), y=alt.Y("lane:N", **y), text="label:N")
        )
    heading = alt.TitleParams(text=title, anchor="start", frame="group", fontSize=13, offset=6)
    return alt.LayerChart(layer=layers, width=width, height=found.height, title=heading)


def signs(found: Lanes) -> str:
    """What the signs of a panel mean: `▲ boot, ○ resume`."""
    there = set(found.marks["sign"])
    return ", ".join(text for sign, text in SIGNS.items() if sign in there)


def _bars(found: Lanes, axis: TimeAxis, y: dict[str, Any]) -> alt.Chart:
    inside = found.bars.filter((pl.col("end") >= axis.first) & (pl.col("start") <= axis.last))
    drawn = inside.select(
        "lane",
        axis.clipped(pl.col("start")).alias("from"),
        axis.clipped(pl.col("end")).alias("to"),
        (pl.col("nth") % 2).alias("shade"),
        pl.col("software").fill_null("not told").map_elements(lambda s: shown(s, 40), pl.String),
        pl.col("ended").fill_null("unknown"),
        _words("start"),
        _words("end"),
    )
    bars: alt.Chart = (
        alt.Chart(Rows(drawn.to_dicts()))
        .mark_bar(height=LANE - 8, stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X("from:T", **axis.encoding),
            x2=alt.X2("to"),
            y=alt.Y("lane:N", **y),
            # Not a scale: panels of one chart share theirs, and severities have one.
            color=alt.condition("datum.shade == 0", *(alt.value(shade) for shade in _BARS)),
            tooltip=[
                alt.Tooltip("start:N", title="From"),
                alt.Tooltip("end:N", title="To"),
                alt.Tooltip("software:N", title="Software"),
                alt.Tooltip("ended:N", title="Ended by"),
            ],
        )
    )
    return bars


def _marks(marks: pl.DataFrame, axis: TimeAxis, y: dict[str, Any]) -> list[alt.Chart]:
    layers = []
    for sign, shape in _SHAPES.items():
        rows = marks.filter(pl.col("sign") == sign)
        if rows.is_empty():
            continue
        is_bad = sign == BAD_END
        values = rows.with_columns(_words("time").alias("moment")).to_dicts()
        layers.append(
            alt.Chart(Rows(values))
            .mark_point(
                shape=shape,
                size=30 if is_bad else 42,
                # An ECU that failed boots again a moment later: both have to be seen.
                yOffset=-5 if is_bad else 1,
                filled=not is_bad,
                fill=INK if sign == BOOT else "transparent" if is_bad else "white",
                stroke=_BAD if is_bad else INK,
                strokeWidth=2.2 if is_bad else 1,
                opacity=1,
            )
            .encode(
                x=alt.X("time:T", **axis.encoding),
                y=alt.Y("lane:N", **y),
                tooltip=[
                    alt.Tooltip("moment:N", title="Time"),
                    alt.Tooltip("sign:N", title="What"),
                    alt.Tooltip("lifecycles:Q", title="How many", format=",d"),
                ],
            )
        )
    return layers


def _label(row: dict[str, Any]) -> str:
    failed = f" ({row['bad_ends']:,} ×)" if row["bad_ends"] else ""
    parts = [counted(row["boots"], "boot") + failed]
    if row["resumes"]:
        parts.append(counted(row["resumes"], "resume"))
    if row["shortest"] is not None:
        parts.append(f"shortest {duration(row['shortest'])}")
    return " · ".join(parts)


def _words(column: str) -> pl.Expr:
    moment = pl.from_epoch(pl.col(column), "ms")
    return moment.dt.strftime("%Y-%m-%d %H:%M:%S UTC").alias(column)
