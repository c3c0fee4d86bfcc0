"""The boots of a batch: which lifecycles of several recordings are one, and what each ran.

A logger cuts its log into files, so one boot is often seen in several recordings. Lifecycles of an
ECU whose uptime was 0 at the same moment are one: the moments may differ by 2 s and by what two
clocks drift apart in the uptime that both saw. A resume belongs to the boot before it. Lifecycles
without a set clock cannot be told apart so: those of one number are one, whatever the recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import polars as pl

from argus_pipeline.recordings.tables import LIFECYCLES
from argus_pipeline.statistics.firmware import Sighting, Update, canonical
from argus_pipeline.statistics.sources import DLT, PATH, TableGroup, name_recordings
from argus_pipeline.statistics.timeline import CLOCK_SET_FROM

MAX_ROWS: Final = 100_000
"""Lifecycles that are looked at, those with most messages. Only damaged recordings have more: what
they make up has few messages, and those are counted as of no lifecycle."""

MAX_VERSIONS: Final = 50
MAX_VERSION_CHARACTERS: Final = 64

_SAME_START_S: Final = 2.0
_DRIFT: Final = 1 / 1024
_KEY: Final = ("path", "ecu", "lifecycle")
_ORDER: Final = ("start", "recording", "lifecycle")
_TIME: Final = pl.Datetime("ns", "UTC")
_READ: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "ecu": pl.String,
    "lifecycle": pl.UInt32,
    "kind": pl.String,
    "boot": pl.UInt32,
    "start": _TIME,
    "end": _TIME,
    "software_version": pl.String,
    "first_storage_time": _TIME,
    "last_storage_time": _TIME,
    "first_uptime_s": pl.Float64,
    "last_uptime_s": pl.Float64,
    "last_offset": pl.UInt64,
    "messages": pl.UInt64,
}


def read_boots(groups: Sequence[TableGroup]) -> pl.DataFrame:
    """One row for each lifecycle of each recording.

    Returns:
        The columns of the DLT table `lifecycles` that count here, and
        `recording`: where it lies;
        `clocked`: its start is known, and by a clock that was set;
        `boot_id`: the same for all rows of one boot, whatever the recording;
        `version`: what the ECU answered in the boot, null where it did not;
        `since`, `until`: when it ran; by the receiver's clock where it has no clock of its own;
        `heard`: when it was first heard of.
    """
    scans = [
        group.scan().select(
            pl.col(PATH).alias("path"), *(pl.col(name).cast(kind) for name, kind in _READ.items())
        )
        for group in groups
        if group.format == DLT and group.table == LIFECYCLES
    ]
    rows = (
        pl.concat(scans or [pl.LazyFrame(schema={"path": pl.String, **_READ})])
        .top_k(MAX_ROWS, by=["messages", *_KEY])
        .collect(engine="streaming")
    )
    return _with_versions(_with_boots(name_recordings(rows, groups)))


def sightings(boots: pl.DataFrame) -> Iterable[Sighting]:
    """The boots with a clock as sightings of their ECUs."""
    clocked = boots.filter("clocked").group_by("ecu", "boot_id")
    found = clocked.agg(pl.col("start").min(), pl.col("version").first())
    for ecu, start, version in found.select(
        "ecu", pl.col("start").cast(pl.Int64), "version"
    ).iter_rows():
        yield Sighting(ecu, start, version)


def with_firmware(boots: pl.DataFrame, update: Update) -> pl.DataFrame:
    """`boots` with the column `firmware`, null where a lifecycle cannot be placed.

    All rows of a boot have the same. At most `MAX_VERSIONS` versions are told apart, those of most
    lifecycles; ECUs that answer more than that answer nonsense.
    """
    whole = boots.group_by("boot_id").agg(
        pl.col("ecu", "version").first(),
        pl.col("since").min().cast(pl.Int64),
        pl.col("until").max().cast(pl.Int64),
    )
    spellings = _spellings(boots, update)
    firmware = [
        spellings.get(version) if version is not None else update.during(since, until, ecu)
        for ecu, version, since, until in whole.select(
            "ecu", "version", "since", "until"
        ).iter_rows()
    ]
    placed = whole.select("boot_id", pl.Series("firmware", firmware, pl.String))
    return boots.join(placed, on="boot_id", how="left", maintain_order="left")


def _with_boots(rows: pl.DataFrame) -> pl.DataFrame:
    is_clocked = (pl.col("start") >= CLOCK_SET_FROM).fill_null(False)
    clocked = rows.filter(is_clocked).sort("ecu", *_ORDER)
    rest = rows.filter(~is_clocked).sort("ecu", "boot", "recording", "lifecycle")
    names = [*rows.columns, "boot_id", "clocked"]
    return pl.concat(
        [
            _merged(clocked).with_columns(clocked=pl.lit(True)).select(names),
            rest.with_columns(
                boot_id=pl.struct("ecu", "boot").rle_id().cast(pl.UInt32) + 1 + clocked.height,
                clocked=pl.lit(False),
            ).select(names),
        ]
    )


def _merged(clocked: pl.DataFrame) -> pl.DataFrame:
    """`boot_id` of lifecycles with a clock, which are sorted by ecu and start."""

    def before(column: str) -> pl.Expr:
        return pl.col(column).shift().over("ecu")

    uptime = pl.min_horizontal(
        pl.col("last_uptime_s").fill_null(0.0), before("last_uptime_s").fill_null(0.0)
    )
    gap = (pl.col("start") - before("start")).dt.total_nanoseconds() / 1e9
    same = (gap <= _SAME_START_S + _DRIFT * uptime) & (pl.col("recording") != before("recording"))
    # A recording that saw only the end of a resume takes it for a boot.
    resumed = (pl.col("kind") != "boot").any().over("cluster")
    return (
        clocked.with_columns(cluster=(~same.fill_null(False)).cum_sum().cast(pl.UInt32))
        .with_columns(boot_id=pl.when(~resumed).then("cluster"))
        .with_columns(
            boot_id=pl.coalesce(
                pl.col("boot_id").forward_fill().over("ecu"), pl.col("cluster").min().over("ecu")
            )
        )
    )


def _with_versions(rows: pl.DataFrame) -> pl.DataFrame:
    told = pl.col("software_version").str.strip_chars().str.slice(0, MAX_VERSION_CHARACTERS)
    set_clock = (pl.col("first_storage_time") >= CLOCK_SET_FROM).fill_null(False)
    clocked = pl.col("clocked")
    return rows.with_columns(
        version=pl.when(told != "").then(told).drop_nulls().first().over("boot_id"),
        since=pl.when(clocked).then("start").when(set_clock).then("first_storage_time"),
        heard=pl.when(clocked).then(
            pl.col("start") + pl.duration(nanoseconds=pl.col("first_uptime_s").fill_null(0) * 1e9)
        ),
        until=pl.when(clocked).then("end").when(set_clock).then("last_storage_time"),
    )


def _spellings(boots: pl.DataFrame, update: Update) -> dict[str, str]:
    """The one spelling of each version: the manifest's, else that of most boots."""
    counts = boots.drop_nulls("version").group_by("version").agg(pl.col("boot_id").n_unique())
    ranked = counts.sort(["boot_id", "version"], descending=[True, False])["version"]
    known: dict[Any, str] = {}
    found: dict[str, str] = {}
    for version in ranked:
        key = canonical(version)
        if key not in known and len(known) < MAX_VERSIONS:
            known[key] = update.spelled(version)
        if key in known:
            found[version] = known[key]
    return found
