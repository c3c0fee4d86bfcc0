"""Boots and resumes of a batch's ECUs and what was lost in each, from the small DLT tables.

Small in a sound recording only: a damaged one may have thousands of rows of made-up ECUs. They are
read as streams, and `MAX_LIFECYCLES` and `MAX_LOSSES` bound what is kept of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from argus_pipeline.recordings.tables import LIFECYCLES, SOURCES
from argus_pipeline.statistics import schemas
from argus_pipeline.statistics.sources import DLT, PATH, TableGroup, name_recordings

MAX_LIFECYCLES: Final = 1_000
MAX_LOSSES: Final = 1_000

# The recording is where a table lies, and the losses of a boot come from the other table.
_OF_LIFECYCLES: Final = schemas.SCHEMAS["lifecycles"].names()[1:-1]
_OF_LOSSES: Final = schemas.SCHEMAS["losses"].names()[1:]
_BOOT: Final = ("path", "ecu", "lifecycle")
_SENDER: Final = (*_BOOT, "app", "context")


@dataclass(frozen=True, slots=True)
class LifecycleStatistics:
    """The frames `lifecycles` and `losses`, and in one row of `totals` how much there is in all."""

    lifecycles: pl.DataFrame
    losses: pl.DataFrame
    totals: pl.DataFrame


def lifecycle_statistics(groups: Sequence[TableGroup]) -> LifecycleStatistics:
    """What the tables `lifecycles` and `sources` of a batch say."""
    lifecycles = _tables(groups, LIFECYCLES, "lifecycles", _OF_LIFECYCLES)
    losses = _tables(groups, SOURCES, "losses", _OF_LOSSES).filter(pl.col("lost") > 0)
    newest = _collect(
        lifecycles.sort("start", *_BOOT, descending=[True, *[False] * 3], nulls_last=True).head(
            MAX_LIFECYCLES
        )
    )
    most = _collect(losses.sort("lost", *_SENDER, descending=[True, *[False] * 5]).head(MAX_LOSSES))
    return LifecycleStatistics(
        lifecycles=schemas.fit(
            "lifecycles", _with_losses(name_recordings(newest, groups), losses, groups)
        ),
        losses=schemas.fit("losses", name_recordings(most, groups)),
        totals=pl.concat(
            [
                _collect(lifecycles.select(lifecycles=pl.len())),
                _collect(losses.select(losses=pl.len(), lost_messages=pl.col("lost").sum())),
            ],
            how="horizontal",
        ),
    )


def _with_losses(
    lifecycles: pl.DataFrame, losses: pl.LazyFrame, groups: Sequence[TableGroup]
) -> pl.DataFrame:
    """The lifecycles with the messages lost in each boot, from the other table of its recording."""
    paths = {
        recording: path
        for group in groups
        if group.format == DLT and group.table == SOURCES
        for path, recording in group.recordings.items()
    }
    placed = lifecycles.with_columns(
        path=pl.col("recording").replace_strict(paths, default=None, return_dtype=pl.String)
    )
    of_boots = _collect(
        losses.join(placed.lazy().select(_BOOT), on=_BOOT, how="semi")
        .group_by(_BOOT)
        .agg(pl.col("lost").sum())
    )
    return placed.join(of_boots, on=_BOOT, how="left").with_columns(pl.col("lost").fill_null(0))


def _tables(
    groups: Sequence[TableGroup], table: str, frame: str, columns: Sequence[str]
) -> pl.LazyFrame:
    schema = {name: schemas.SCHEMAS[frame][name] for name in columns}
    found = [
        group.scan().select(
            pl.col(PATH).alias("path"), *(pl.col(name).cast(kind) for name, kind in schema.items())
        )
        for group in groups
        if group.format == DLT and group.table == table
    ]
    return pl.concat(found or [pl.LazyFrame(schema={"path": pl.String, **schema})])


def _collect(frame: pl.LazyFrame) -> pl.DataFrame:
    return frame.collect(engine="streaming")
