"""All batches by day and month, as partitioned Parquet that any engine reads as it is.

The roll-up leaves the cells of each batch that changed as a **partial**, under the day that it
counts for. Compaction takes partials into the object of their day, and the sums of the day into
that of its month. So a reader opens an object a day or a month and not one a batch, and whoever
compacts reads only the days that something came for, however many batches there are.

A partial says what a batch is now on a day: without rows it is none there any more, because it was
removed, renamed, or counts for another day. To take it in twice changes nothing.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

import polars as pl

from argus_pipeline.errors import BadInput
from argus_pipeline.fleet.cells import CELLS, no_cells, ordered
from argus_pipeline.fleet.commit import Held, commit, finish
from argus_pipeline.statistics.storage import to_parquet
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore

_KEYS: Final = ("day", "platform", "firmware", "kind", "fault", "severity", "ecu")
_SUMMED: Final = ("messages", "lifecycles", "seconds", "boots")
DAY_SUMS: Final = pl.Schema(
    {
        **{name: CELLS[name] for name in _KEYS},
        "vehicles": pl.Int64(),
        "batches": pl.Int64(),
        **{name: CELLS[name] for name in _SUMMED},
    }
)
"""A day of a month. `vehicles` are different ones within the day: they do not add up over days.
`batches` of a row of hours is how many there were, of a fault in how many it was seen."""

MOST_BATCHES: Final = 50_000
_THREADS: Final = 8


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did: days and months written anew, partials taken in.

    `more`: the bound was reached, and the next one goes on.
    """

    days: int = 0
    months: int = 0
    batches: int = 0
    more: bool = False


def partials(
    old: pl.DataFrame, new: Mapping[str, pl.DataFrame], names: list[str]
) -> dict[str, pl.DataFrame]:
    """The partials, by key, that tell of batches what they are now.

    Args:
        old: all cells that the roll-ups held of these batches, and maybe of others.
        new: by batch, its cells now; a batch that is removed is not in it.
        names: the batches that were looked at.
    """
    found: dict[str, pl.DataFrame] = {}
    held = old.filter(pl.col("batch").is_in(names))
    for batch, day in held.select("batch", "day").unique().iter_rows():
        found[keys.fleet_partial(day, batch)] = no_cells()
    for batch, cells in new.items():
        if not cells.equals(ordered(held.filter(pl.col("batch") == batch))):
            found[keys.fleet_partial(cells["day"][0], batch)] = cells
        else:
            del found[keys.fleet_partial(cells["day"][0], batch)]
    return found


def merge_day(day: pl.DataFrame, changed: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The cells of a day with those of some batches replaced by what they are now."""
    others = day.filter(~pl.col("batch").is_in(list(changed)))
    return ordered(pl.concat([others, *changed.values()]))


def sum_day(cells: pl.DataFrame) -> pl.DataFrame:
    """The sums over the batches of one day or more, as they are kept by month."""
    return _fit(
        cells.group_by(_KEYS).agg(
            pl.col("vehicle").n_unique().alias("vehicles"),
            pl.col("batch").n_unique().alias("batches"),
            pl.col(_SUMMED).sum(),
        )
    )


def merge_month(month: pl.DataFrame, day: date, sums: pl.DataFrame) -> pl.DataFrame:
    """The sums of a month with those of one day replaced by what they are now."""
    return _fit(pl.concat([month.filter(pl.col("day") != day), sums]))


def compact(
    store: ObjectStore,
    lock: Callable[[], AbstractContextManager[Held]],
    *,
    most: int = MOST_BATCHES,
    on_day: Callable[[date, int], None] = lambda day, batches: None,
) -> Compacted:
    """Take in the partials that are there, day by day; each day is changed as one, or not at all.

    Args:
        store: the bucket.
        lock: holds the roll-ups while a day is taken in; they may go on between two days.
        most: how many partials are looked at; those of a day that was begun all are.
        on_day: called after each day, with how many partials were taken in.

    Raises:
        BadInput: an object is of another version.
    """
    with lock() as held:
        finish(store, held)  # of one that was torn no partial may be left to lead there
    days = 0
    months: set[str] = set()
    seen = taken = 0
    for day, there in _by_day(store):
        if seen >= most:
            return Compacted(days, len(months), taken, more=True)
        seen += there
        with lock() as held:
            done = _compact_day(store, day, held)
        if done:
            days, taken = days + 1, taken + done
            months.add(day.isoformat()[:7])
            on_day(day, done)
    return Compacted(days, len(months), taken)


def _by_day(store: ObjectStore) -> list[tuple[date, int]]:
    found = (one.key for one in store.list(keys.FLEET_PARTIALS))
    return [(day, sum(1 for _ in own)) for day, own in groupby(found, _day_of)]


def _day_of(key: str) -> date:
    return date.fromisoformat(key.removeprefix(keys.FLEET_PARTIALS).partition("/")[0])


def _compact_day(store: ObjectStore, day: date, held: Held) -> int:
    # Whatever was torn counts first: it may hold partials of this day.
    finish(store, held)
    if store.head(keys.FLEET_REBUILD) is not None:
        return 0  # all of it is about to be made anew
    found = [one.key for one in store.list(keys.fleet_partial_day(day))]
    if not found:
        return 0
    with ThreadPoolExecutor(_THREADS) as threads:
        frames = list(threads.map(lambda key: _read(store, key, CELLS), found))
    names = [key.rpartition("/")[2].removesuffix(".parquet") for key in found]
    day_key, month_key = keys.fleet_day(day), keys.fleet_month(day)
    cells = merge_day(_read(store, day_key, CELLS), dict(zip(names, frames, strict=True)))
    month = merge_month(_read(store, month_key, DAY_SUMS), day, sum_day(cells))
    objects: dict[str, bytes | None] = dict.fromkeys(found)
    objects[day_key] = None if cells.is_empty() else to_parquet(cells)
    objects[month_key] = None if month.is_empty() else to_parquet(month)
    commit(store, objects, held)
    return len(found)


def _fit(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.col(name).cast(kind) for name, kind in DAY_SUMS.items()).sort(
        _KEYS, nulls_last=False
    )


def _read(store: ObjectStore, key: str, schema: pl.Schema) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(io.BytesIO(store.get(key)), hive_partitioning=False)
    except ObjectMissing:
        return pl.DataFrame(schema=schema)
    if frame.schema != schema:
        raise BadInput(
            f"has the columns {dict(frame.schema)}",
            where=store.uri(key),
            expected=str(dict(schema)),
            hint="`argus compare --rebuild` makes the roll-ups anew from the batches' statistics",
        )
    return frame
