"""A lane for each ECU: when it ran, and what began each of its lifecycles.

Marks closer than two pixels become one, which says how many it stands for; bars are at most the
1,000 lifecycles that the frame `lifecycles` lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import altair as alt
import polars as pl

from argus_pipeline.charts.style import INK, WIDTH, shown
from argus_pipeline.charts.time_axis import TimeAxis
from argus_pipeline.diagnosis.text import duration
from argus_pipeline.statistics.timeline import CLOCK_SET_FROM

KINDS: Final = {"boot": "▲ boot", "resume": "○ resume", "clock_change": "◇ clock set"}
"""What begins a lifecycle, and its sign and word in a chart."""

LANE: Final = 18
"""Height of a lane in pixels."""

_SHAPES: Final = {"boot": "triangle-up", "resume": "circle", "clock_change": "diamond"}
_FILLS: Final = {"boot": INK, "resume": "white", "clock_change": "white"}
_BARS: Final = ("#c4c9cf", "#dfe3e7")
# Logs of one boot that lie in two recordings differ in the start that they estimate.
_SAME_BOOT: Final = timedelta(seconds=2)
_RANK_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Lanes:
    """Lifecycles that can be placed in time, with the ECUs that restarted most first.

    bars: ecu, lane, kind, start, end (ms since 1970), nth (0, 1, … of the ECU), software.
    ecus: ecu, lane, boots, resumes, clock_changes, shortest (s, of a boot that another one ended).
    unplaced: lifecycles that no clock can place.
    """

    bars: pl.DataFrame
    ecus: pl.DataFrame
    unplaced: int

    def largest(self, lanes: int) -> Lanes:
        """The first lanes only."""
        kept = self.ecus.head(lanes)
        return Lanes(
            self.bars.filter(pl.col("ecu").is_in(kept["ecu"].to_list())), kept, self.unplaced
        )

    @property
    def height(self) -> int:
        """Of all lanes, in pixels."""
        return LANE * self.ecus.height


def lanes(lifecycles: pl.DataFrame) -> Lanes:
    """The lanes of a batch, from the frame `lifecycles`.

    A boot that several recordings saw is one bar: lifecycles of an ECU that begin within 2 s of
    each other in different recordings are the same.
    """
    began = (
        pl.when(pl.col("kind") == "boot")
        .then("start")
        .otherwise(
            pl.col("start") + pl.duration(milliseconds=pl.col("first_uptime_s").fill_null(0) * 1000)
        )
    )
    placed = (
        lifecycles.filter(pl.col("start") >= CLOCK_SET_FROM)
        .with_columns(began.alias("began"))
        .sort("ecu", "began", "recording", "lifecycle")
    )
    other = (pl.col("began").diff() > _SAME_BOOT) | (
        pl.col("recording") == pl.col("recording").shift()
    )
    merged = (
        placed.with_columns(other.over("ecu").fill_null(True).alias("other"))
        .with_columns(pl.col("other").cum_sum().over("ecu").alias("group"))
        .group_by("ecu", "group", maintain_order=True)
        .agg(
            # A recording that saw only the end of a lifecycle takes it for a boot.
            pl.col("kind").sort_by(pl.col("kind") == "boot").first(),
            pl.col("began").first(),
            pl.col("end").max(),
            pl.col("software_version").drop_nulls().first().alias("software"),
        )
        .with_columns(
            (pl.col("group") - 1).alias("nth"),
            pl.col("began").dt.epoch("ms").alias("start"),
            pl.max_horizontal("began", "end").dt.epoch("ms").alias("end"),
        )
    )
    next_boots = pl.col("kind").shift(-1).over("ecu") == "boot"
    ecus = (
        merged.with_columns(
            pl.when(next_boots)
            .then((pl.col("end") - pl.col("start")) / 1000)
            .alias("ended_by_a_boot")
        )
        .group_by("ecu")
        .agg(
            *((pl.col("kind") == kind).sum().alias(f"{kind}s") for kind in KINDS),
            pl.col("ended_by_a_boot").min().alias("shortest"),
        )
        .sort("boots", "ecu", descending=[True, False])
        .with_row_index("rank")
        .with_columns(
            # Long names may be cut alike: the rank keeps their lanes apart.
            pl.format(
                "{} {}",
                pl.col("rank").cast(pl.String).str.zfill(_RANK_DIGITS),
                pl.col("ecu").map_elements(lambda name: shown(name, 16), pl.String),
            ).alias("lane")
        )
    )
    bars = merged.join(ecus.select("ecu", "lane"), on="ecu", maintain_order="left")
    return Lanes(
        bars.select("ecu", "lane", "kind", "start", "end", "nth", "software"),
        ecus.drop("rank"),
        lifecycles.height - placed.height,
    )


def marks(found: Lanes, axis: TimeAxis) -> pl.DataFrame:
    """What begins within the axis, one row for two pixels: lane, kind, time (ms), lifecycles."""
    pixel = axis.pixel
    return (
        found.bars.filter(axis.holds(pl.col("start")))
        .group_by("lane", "kind", (pl.col("start") // pixel).alias("cell"))
        .agg(pl.col("start").min().alias("time"), pl.len().alias("lifecycles"))
        .sort("lane", "kind", "cell")
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
    bars = found.bars.filter((pl.col("end") >= axis.first) & (pl.col("start") <= axis.last))
    drawn = bars.with_columns(
        axis.clipped(pl.col("start")).alias("from"),
        axis.clipped(pl.col("end")).alias("to"),
        (pl.col("nth") % 2).alias("shade"),
        pl.col("software").fill_null("not told").map_elements(lambda s: shown(s, 40), pl.String),
        _time("start"),
        _time("end"),
    )
    layers = [
        alt.Chart(_data(drawn.drop("nth", "kind", "ecu")))
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
            ],
        )
    ]
    beginnings = marks(found, axis)
    for kind in KINDS:
        rows = beginnings.filter(pl.col("kind") == kind)
        if rows.is_empty():
            continue
        layers.append(
            alt.Chart(_data(rows.with_columns(_time("time").alias("moment"))))
            .mark_point(
                shape=_SHAPES[kind],
                size=42,
                filled=True,
                fill=_FILLS[kind],
                stroke=INK,
                strokeWidth=1,
                opacity=1,
            )
            .encode(
                x=alt.X("time:T", **axis.encoding),
                y=alt.Y("lane:N", **y),
                tooltip=[
                    alt.Tooltip("moment:N", title="Time"),
                    alt.Tooltip("kind:N", title="Began with"),
                    alt.Tooltip("lifecycles:Q", title="Lifecycles", format=",d"),
                ],
            )
        )
    if labels:
        layers.append(
            alt.Chart(_data(_labels(found)))
            .mark_text(align="left", dx=8, fontSize=12, color=INK)
            .encode(x=alt.value(width), y=alt.Y("lane:N", **y), text="label:N")
        )
    heading = alt.TitleParams(text=title, anchor="start", frame="group", fontSize=13, offset=6)
    return alt.LayerChart(layer=layers, width=width, height=found.height, title=heading)


def signs(found: Lanes) -> str:
    """What the signs of a panel mean: `▲ boot, ○ resume`."""
    there = set(found.bars["kind"])
    return ", ".join(text for kind, text in KINDS.items() if kind in there)


def _labels(found: Lanes) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "lane": found.ecus["lane"],
            "label": [_label(row) for row in found.ecus.iter_rows(named=True)],
        }
    )


def _label(row: dict[str, Any]) -> str:
    parts = [
        f"{row[f'{kind}s']:,} {word}"
        + ("" if row[f"{kind}s"] == 1 or kind == "clock_change" else "s")
        for kind, word in (("boot", "boot"), ("resume", "resume"), ("clock_change", "clock set"))
        if row[f"{kind}s"]
    ]
    if row["shortest"] is not None:
        parts.append(f"shortest {duration(row['shortest'])}")
    return " · ".join(parts)


def _time(column: str) -> pl.Expr:
    moment = pl.from_epoch(pl.col(column), "ms")
    return moment.dt.strftime("%Y-%m-%d %H:%M:%S UTC").alias(column)


def _data(rows: pl.DataFrame) -> alt.InlineData:
    values: list[dict[str, Any]] = rows.to_dicts()
    return alt.InlineData(values=values)
