"""The counts of a batch as rows of the table `event_counts`, for questions over many batches."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from argus_pipeline.database.records import EventCountRow
from argus_pipeline.statistics.batch import BatchStatistics


def event_rows(statistics: BatchStatistics) -> Iterator[EventCountRow]:
    """Rows without a code count all messages of a source; rows with one those that name it.

    A message that names a code is in both, so sums are taken over one of the two kinds.
    """
    sources = statistics.sources.group_by("ecu", "app", "severity").agg(pl.col("messages").sum())
    for row in sources.iter_rows(named=True):
        yield EventCountRow(row["ecu"], row["app"], None, row["severity"], row["messages"])
    for row in statistics.codes_by_ecu.iter_rows(named=True):
        yield EventCountRow(row["ecu"], None, row["code"], row["severity"], row["messages"])
