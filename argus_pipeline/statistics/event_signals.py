"""What signals do around critical events, against what they do else.

For each fault the moments are taken at which its newest critical events came, at least `APART_S`
from one another, so that a burst counts once. Near a moment is within a second of it. A signal is
usual where it lies between the 1st and the 99th percentile of what it has in such windows
elsewhere, at least `APART_S` from any event of the fault. It is listed where it was beyond these at
`MIN_MOMENTS` moments and at half of them or more: by chance that happens to one signal in a
million, since at each moment the chance is 1 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from argus_pipeline.statistics import schemas
from argus_pipeline.statistics.signals import signal_columns
from argus_pipeline.statistics.sources import TableGroup

MAX_FAULTS: Final = 20
MAX_ROWS: Final = 200
MIN_MOMENTS: Final = 4
APART_S: Final = 10
MIN_ELSEWHERE: Final = 100
"""Seconds of a signal without an event, below which nothing is usual."""

MAX_CURVES: Final = 24
MAX_CURVE_FAULTS: Final = 6
CURVE_S: Final = 30

_Numbers = NDArray[np.float64]
_Seconds = NDArray[np.int64]


def event_signals(
    moments: Mapping[str, Sequence[int]], tables: Sequence[tuple[TableGroup, pl.DataFrame]]
) -> pl.DataFrame:
    """The frame `event_signals`.

    Args:
        moments: seconds since 1970 of the critical events of each fault, the worst fault first.
        tables: tables with signals, as `signals.by_second` gives them.
    """
    rows = [
        {"fault": fault, "table": group.table, "signal": signal, **found}
        for group, seconds in tables
        for signal, at, low, high in _windows(group, seconds)
        for fault, times in list(moments.items())[:MAX_FAULTS]
        if (found := _beyond(np.unique(np.asarray(times, np.int64)), at, low, high)) is not None
    ]
    frame = pl.DataFrame(rows, schema=schemas.SCHEMAS["event_signals"])
    return schemas.fit("event_signals", frame).head(MAX_ROWS)


def event_curves(
    found: pl.DataFrame,
    moments: Mapping[str, Sequence[int]],
    tables: Sequence[tuple[TableGroup, pl.DataFrame]],
) -> pl.DataFrame:
    """The frame `event_curves`: signals of `event_signals` around the newest event of each fault.

    Where a fault has none, the signals of the first tables are shown.
    """
    curves = []
    listed = found.select("fault", "table", "signal").rows()
    for fault in list(moments)[:MAX_CURVE_FAULTS]:
        event = max(moments[fault])
        own = [(t, s) for f, t, s in listed if f == fault]
        chosen = own or [(g.table, s) for g, _ in tables for s in signal_columns(g)]
        for table, signal in chosen[: MAX_CURVES // MAX_CURVE_FAULTS]:
            curves += [
                _curve(fault, event, signal, group, seconds)
                for group, seconds in tables
                if group.table == table and signal in signal_columns(group)
            ]
    return schemas.fit("event_curves", pl.concat([schemas.empty("event_curves"), *curves]))


def _curve(
    fault: str, event: int, signal: str, group: TableGroup, seconds: pl.DataFrame
) -> pl.DataFrame:
    index = signal_columns(group).index(signal)
    near = seconds.filter(pl.col("second").is_between(event - CURVE_S, event + CURVE_S))
    return (
        near.group_by("second")
        .agg(
            pl.col(f"low-{index}").min().alias("min"),
            pl.col(f"mean-{index}").mean().alias("mean"),
            pl.col(f"high-{index}").max().alias("max"),
        )
        .select(
            pl.lit(fault).alias("fault"),
            pl.from_epoch(pl.lit(event), "s").cast(schemas.TIME).alias("event_time"),
            pl.lit(group.table).alias("table"),
            pl.lit(signal).alias("signal"),
            (pl.col("second") - event).cast(pl.Int32).alias("second"),
            "min",
            "mean",
            "max",
        )
    )


def _windows(
    group: TableGroup, seconds: pl.DataFrame
) -> Iterator[tuple[str, _Seconds, _Numbers, _Numbers]]:
    """Each signal with its seconds, and the lowest and highest value within a second of each."""
    for index, signal in enumerate(signal_columns(group)):
        merged = (
            seconds.group_by("second")
            .agg(
                pl.col(f"low-{index}").min().alias("low"),
                pl.col(f"high-{index}").max().alias("high"),
            )
            .drop_nulls()
            .sort("second")
        )
        at = merged["second"].to_numpy()
        low, high = merged["low"].to_numpy(), merged["high"].to_numpy()
        lowest, highest = low.copy(), high.copy()
        # The second before each, and the one after it, where the signal has them.
        follows = np.flatnonzero(np.diff(at) == 1)
        for here, there in ((follows, follows + 1), (follows + 1, follows)):
            lowest[here] = np.minimum(lowest[here], low[there])
            highest[here] = np.maximum(highest[here], high[there])
        yield signal, at, lowest, highest


def _beyond(events: _Seconds, at: _Seconds, low: _Numbers, high: _Numbers) -> dict[str, Any] | None:
    """How often a signal left its usual range near events; None where it did so by chance."""
    if not len(at):
        return None
    apart = [int(events[0])]
    for event in events[1:]:
        if event - apart[-1] >= APART_S:
            apart.append(int(event))
    moments = np.asarray(apart, np.int64)
    near = np.minimum(np.searchsorted(at, moments), len(at) - 1)
    near = near[np.abs(at[near] - moments) <= 1]
    elsewhere = _distance(at, events) >= APART_S
    if len(near) < MIN_MOMENTS or elsewhere.sum() < MIN_ELSEWHERE:
        return None
    usual_low = float(np.quantile(low[elsewhere], 0.01, method="nearest"))
    usual_high = float(np.quantile(high[elsewhere], 0.99, method="nearest"))
    below, above = int((low[near] < usual_low).sum()), int((high[near] > usual_high).sum())
    most = max(below, above)
    if most < MIN_MOMENTS or 2 * most < len(near):
        return None
    return {
        "moments": len(near),
        "below": below,
        "above": above,
        "lowest": float(np.median(low[near])),
        "highest": float(np.median(high[near])),
        "usual_low": usual_low,
        "usual_high": usual_high,
    }


def _distance(at: _Seconds, events: _Seconds) -> _Seconds:
    """Seconds from each moment to the nearest event."""
    after = np.searchsorted(events, at)
    ahead = events[np.minimum(after, len(events) - 1)]
    behind = events[np.maximum(after - 1, 0)]
    distance: _Seconds = np.minimum(np.abs(ahead - at), np.abs(at - behind))
    return distance
