"""How an update spreads, and how often errors come meanwhile: by firmware, over time.

A vehicle has the firmware that its latest batch named. Errors are fatal and error events for each
hour of operation, so that a firmware on few vehicles can be compared with one on many.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import altair as alt
import polars as pl

from argus_pipeline.charts.style import (
    WIDTH,
    Rows,
    counted,
    nothing_to_show,
    shown,
    styled,
)
from argus_pipeline.charts.time_axis import TimeAxis, time_axis
from argus_pipeline.fleet.cells import SECONDS_AN_HOUR
from argus_pipeline.knowledge.versions import version_key
from argus_pipeline.statistics.severity import CRITICAL
from argus_pipeline.statistics.timeline import bin_width

TITLE: Final = "Adoption and error rate by firmware"
MAX_BINS: Final = 60
MAX_FIRMWARES: Final = 5
OTHERS: Final = "other"

_SHADES: Final = ("#0d3560", "#d1601f", "#5c93c2", "#f2b27a", "#7d8187", "#c9ccd1")
_DASHES: Final = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3], [4, 4], [1, 3])
_SHAPES: Final = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
_SHARE_HEIGHT: Final = 150
_RATE_HEIGHT: Final = 190
_DAY: Final = 86_400


def adoption(cells: pl.DataFrame, subtitle: Sequence[str] = ()) -> alt.VConcatChart:
    """Share of vehicles by firmware above, errors per hour of operation below.

    Args:
        cells: of batches, as `fleet.cells.CELLS` describes them.
        subtitle: lines under the title.
    """
    found = reports(cells)
    placed = found.drop_nulls("firmware")
    facts = _facts(found, placed)
    if placed.is_empty():
        panel = nothing_to_show("no batch has reported yet", WIDTH, _SHARE_HEIGHT)
        return styled([panel], TITLE, [*subtitle, facts], f"{TITLE}: {facts}")
    named = _named(placed)
    width = _bin_seconds(named)
    shares, rates = shares_by_bin(named, width), rates_by_bin(named, width)
    axis = time_axis(
        int(shares["start"].min()),  # type: ignore[arg-type]
        int(shares["end"].max()),  # type: ignore[arg-type]
        width * 1000,
    )
    # The newest first; what is no version, and the others together, last.
    ordered = sorted(
        named["firmware"].unique(), key=lambda name: (version_key(name) or (), name), reverse=True
    )
    return styled(
        [_shares(shares, ordered, axis), _rates(rates, ordered, axis)],
        TITLE,
        [*subtitle, facts],
        f"{TITLE}. {facts}",
        spacing=18,
    )


def reports(cells: pl.DataFrame) -> pl.DataFrame:
    """What each batch says of a vehicle under each firmware, in the order of time.

    Returns:
        batch, vehicle, firmware (null where it is not known), time (day, UTC), hours, errors (fatal
        and error events).
    """
    is_error = pl.col("severity").is_in(CRITICAL)
    return (
        cells.group_by("batch", "vehicle", "firmware", "day", "created", "updated_to")
        .agg(
            (pl.col("seconds").sum() / SECONDS_AN_HOUR).alias("hours"),
            pl.col("messages").filter(is_error).sum().alias("errors"),
        )
        # In a batch with an update, the new firmware is the later one.
        .sort("day", "created", pl.col("firmware") == pl.col("updated_to"), "batch", "firmware")
        .select(
            "batch",
            "vehicle",
            "firmware",
            pl.col("day").cast(pl.Datetime("us", "UTC")).alias("time"),
            "hours",
            "errors",
        )
    )


def shares_by_bin(batches: pl.DataFrame, width: int) -> pl.DataFrame:
    """Vehicles by the firmware of their latest batch, at the end of each bin.

    Args:
        batches: as `reports` gives them, all with a firmware.
        width: of a bin, in seconds.

    Returns:
        start, end (ms since 1970), firmware, vehicles, share (of those that reported so far).
    """
    latest = (
        batches.with_columns(_bin(width).alias("start"))
        .group_by("vehicle", "start", maintain_order=True)
        .agg(pl.col("firmware").last())
    )
    bins = range(int(latest["start"].min()), int(latest["start"].max()) + 1, width * 1000)  # type: ignore[arg-type]
    every = latest.select(pl.col("vehicle").unique()).join(
        pl.DataFrame({"start": list(bins)}, schema={"start": pl.Int64}), how="cross"
    )
    return (
        every.join(latest, on=["vehicle", "start"], how="left")
        .sort("vehicle", "start")
        .with_columns(pl.col("firmware").forward_fill().over("vehicle"))
        .drop_nulls("firmware")
        .group_by("start", "firmware")
        .agg(pl.len().cast(pl.Int64).alias("vehicles"))
        .with_columns(
            (pl.col("vehicles") / pl.col("vehicles").sum().over("start")).alias("share"),
            (pl.col("start") + width * 1000).alias("end"),
        )
        .sort("start", "firmware")
    )


def rates_by_bin(batches: pl.DataFrame, width: int) -> pl.DataFrame:
    """Errors per hour of operation; bins without an hour of operation have no rate.

    Returns:
        middle (ms since 1970), firmware, errors, hours, rate.
    """
    return (
        batches.group_by(_bin(width).alias("start"), "firmware")
        .agg(pl.col("errors").sum().cast(pl.Int64), pl.col("hours").sum())
        .filter(pl.col("hours") > 0)
        .with_columns(
            (pl.col("errors") / pl.col("hours")).alias("rate"),
            (pl.col("start") + width * 500).alias("middle"),
        )
        .drop("start")
        .sort("middle", "firmware")
    )


def _named(placed: pl.DataFrame) -> pl.DataFrame:
    """The batches with the rarer firmwares put together."""
    vehicles = placed.group_by("firmware").agg(pl.col("vehicle").n_unique().alias("vehicles"))
    kept = vehicles.sort("vehicles", "firmware", descending=[True, False]).head(MAX_FIRMWARES)
    return placed.with_columns(
        pl.when(pl.col("firmware").is_in(kept["firmware"].to_list()))
        .then(pl.col("firmware").map_elements(lambda name: shown(name, 24), pl.String))
        .otherwise(pl.lit(OTHERS))
        .alias("firmware")
    )


def _bin_seconds(batches: pl.DataFrame) -> int:
    seconds = batches["time"].dt.epoch("s")
    return max(bin_width(int(seconds.min()), int(seconds.max()), MAX_BINS), _DAY)  # type: ignore[arg-type]


def _bin(width: int) -> pl.Expr:
    return pl.col("time").dt.epoch("s") // width * width * 1000


def _shares(shares: pl.DataFrame, firmwares: list[str], axis: TimeAxis) -> alt.Chart:
    rank = {name: number for number, name in enumerate(firmwares)}
    stacked = (
        shares.with_columns(pl.col("firmware").replace_strict(rank).alias("rank"))
        .sort("start", "rank")
        .with_columns(pl.col("share").cum_sum().over("start").alias("high"))
        .with_columns((pl.col("high") - pl.col("share")).alias("low"), _time())
    )
    panel: alt.Chart = (
        alt.Chart(Rows(stacked.to_dicts()))
        .mark_bar(stroke="white", strokeWidth=0.6)
        .encode(
            x=alt.X("start:T", **axis.encoding),
            x2=alt.X2("end"),
            y=alt.Y(
                "low:Q",
                title="Share of vehicles",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format=".0%", tickCount=5, minExtent=48),
            ),
            y2=alt.Y2("high"),
            color=_colour(firmwares),
            tooltip=[
                alt.Tooltip("time:N", title="From"),
                alt.Tooltip("firmware:N", title="Firmware"),
                alt.Tooltip("vehicles:Q", title="Vehicles", format=",d"),
                alt.Tooltip("share:Q", title="Share", format=".1%"),
            ],
        )
        .properties(
            width=WIDTH,
            height=_SHARE_HEIGHT,
            title=_heading("Vehicles by the firmware of their latest batch"),
        )
    )
    return panel


def _rates(rates: pl.DataFrame, firmwares: list[str], axis: TimeAxis) -> alt.LayerChart:
    if rates.is_empty():
        return nothing_to_show("no hours of operation are known", WIDTH, _RATE_HEIGHT // 2)
    base = alt.Chart(Rows(rates.to_dicts())).encode(
        x=alt.X("middle:T", **axis.encoding),
        y=alt.Y(
            "rate:Q",
            title="Errors per hour of operation",
            # Room above, so that no point is cut.
            scale=alt.Scale(domain=[0, max(float(rates["rate"].max()) * 1.08, 0.1)], nice=False),  # type: ignore[arg-type]
            axis=alt.Axis(minExtent=48, format=".4~g", tickCount=5),
        ),
        color=_colour(firmwares),
    )
    lines = base.mark_line(strokeWidth=2).encode(
        strokeDash=alt.StrokeDash(
            "firmware:N",
            scale=alt.Scale(domain=firmwares, range=list(_DASHES[: len(firmwares)])),
            legend=None,
        )
    )
    points = base.mark_point(filled=True, opacity=1).encode(
        shape=alt.Shape(
            "firmware:N",
            scale=alt.Scale(domain=firmwares, range=list(_SHAPES[: len(firmwares)])),
            legend=None,
        ),
        size=alt.Size(
            "hours:Q",
            title="Hours of operation",
            scale=alt.Scale(type="sqrt", rangeMin=12, rangeMax=160),
            legend=alt.Legend(orient="bottom", direction="horizontal", symbolType="circle"),
        ),
        tooltip=[
            alt.Tooltip("firmware:N", title="Firmware"),
            alt.Tooltip("rate:Q", title="Errors per hour", format=".3g"),
            alt.Tooltip("errors:Q", title="Errors", format=",d"),
            alt.Tooltip("hours:Q", title="Hours of operation", format=",.1f"),
        ],
    )
    return alt.LayerChart(
        layer=[lines, points],
        width=WIDTH,
        height=_RATE_HEIGHT,
        title=_heading("Fatal and error events per hour of operation; a larger point: more hours"),
    )


def _colour(firmwares: list[str]) -> alt.Color:
    return alt.Color(
        "firmware:N",
        sort=firmwares,
        scale=alt.Scale(domain=firmwares, range=list(_SHADES[: len(firmwares)])),
        legend=alt.Legend(title="Firmware", orient="bottom", direction="horizontal"),
    )


def _heading(text: str) -> alt.TitleParams:
    return alt.TitleParams(text=text, anchor="start", frame="group", fontSize=13, offset=6)


def _time() -> pl.Expr:
    moment = pl.from_epoch(pl.col("start"), "ms")
    return moment.dt.strftime("%Y-%m-%d %H:%M UTC").alias("time")


def _facts(found: pl.DataFrame, placed: pl.DataFrame) -> str:
    fact = (
        f"{counted(found['vehicle'].n_unique(), 'vehicle')},"
        f" {float(placed['hours'].sum()):,.1f} hours of operation"
    )
    hidden = float(found["hours"].sum()) - float(placed["hours"].sum())
    return f"{fact}; {hidden:,.1f} hours of no known firmware not shown" if hidden else fact
