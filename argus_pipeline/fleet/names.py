"""What faults are called, over the whole fleet."""

from __future__ import annotations

from typing import Final

import polars as pl

from argus_pipeline.fleet.sums import Sums
from argus_pipeline.statistics.severity import SEVERITY

_FAULT: Final = ("platform", "kind", "fault")


def fault_names(sums: Sums) -> pl.DataFrame:
    """What a fault is called: title and ECU by most messages, and its worst severity."""
    names = sums["names"].with_columns(pl.col("severity").cast(SEVERITY))

    def most(column: str) -> pl.DataFrame:
        return (
            names.group_by(*_FAULT, column)
            .agg(pl.col("messages").sum())
            .sort("messages", column, descending=[True, False], nulls_last=True)
            .group_by(*_FAULT, maintain_order=True)
            .agg(pl.col(column).first())
        )

    return (
        names.group_by(*_FAULT)
        .agg(pl.col("severity").min())
        .join(most("title"), on=list(_FAULT))
        .join(most("ecu"), on=list(_FAULT))
    )
