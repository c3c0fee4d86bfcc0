"""Time cut at some moments: a small number stands for each stretch between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from argus_pipeline.statistics.firmware import EVER, NEVER, TOLERANCE, Update

MAX_MARKS: Final = 10_000


def marks_of(update: Update, boots: pl.DataFrame) -> list[int]:
    """The moments of an update, and where boots begin and end (ns since 1970), in order.

    A boot ends `TOLERANCE` after its last message, since the clocks of two recordings differ.
    Where there are more than `MAX_MARKS`, the boots are left out: only damage makes up so many.
    """
    moments = {
        time
        for time in (update.began, update.ended, *update.moments.values())
        if time is not None and EVER < time < NEVER
    }
    clocked = boots.filter("clocked").select(
        since=pl.col("since").cast(pl.Int64), until=pl.col("until").cast(pl.Int64) + TOLERANCE
    )
    all_marks = moments.union(clocked["since"], clocked["until"])
    return sorted(all_marks if len(all_marks) <= MAX_MARKS else moments)


def segment(time: pl.Expr, marks: Sequence[int]) -> pl.Expr:
    """The number of marks that are not after a time (UTC, ns). Null for a null time."""
    sorted_marks = np.asarray(marks, dtype=np.int64)

    def place(times: pl.Series) -> pl.Series:
        found = np.searchsorted(sorted_marks, times.fill_null(0).to_numpy(), side="right")
        return pl.Series(found.astype(np.uint32)).set(times.is_null(), None)

    if not marks:
        return pl.when(time.is_not_null()).then(pl.lit(0, pl.UInt32))
    return time.cast(pl.Int64).map_batches(place, return_dtype=pl.UInt32, is_elementwise=True)


def bounds(marks: Sequence[int]) -> list[int]:
    """The first moment (ns since 1970) of each segment."""
    return [EVER, *marks]
