"""What the vehicles of a campaign reported, kept by part of the campaign's cells.

A part that has not changed is not read again: one more batch costs the same, however many came
before. What is kept can be removed at any time; it is made again from the cells.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import polars as pl

from argus_pipeline.fleet.outcomes import (
    LOGIC,
    PENDING,
    VEHICLES,
    VOTES,
    target_version,
    update_votes,
    vehicle_outcomes,
)
from argus_pipeline.fleet.rollup import read_cells
from argus_pipeline.statistics.storage import to_parquet
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore

_THREADS: Final = 8

_COLUMNS: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "part": pl.String,
    "etag": pl.String,
    "votes": pl.List(pl.Struct(VOTES)),
    "judged": pl.String,
    "vehicles": pl.List(pl.Struct(VEHICLES)),
}
_KEPT: Final = pl.Schema(_COLUMNS)
"""One row a part of the cells; `judged` is what the vehicles were judged by."""


@dataclass(frozen=True, slots=True)
class Reported:
    """The version that a campaign brings, if it is known, and its vehicles by outcome.

    `vehicles`: as `vehicle_outcomes` returns them; all are pending where the target is not known.
    """

    target: str | None
    vehicles: pl.DataFrame


def reported(cells: pl.DataFrame, failures: tuple[str, ...], target: str | None = None) -> Reported:
    """What the cells of all batches of a campaign say.

    Args:
        cells: of the batches.
        failures: as for `vehicle_outcomes`.
        target: the version that the campaign brings, if a list says it; else the batches do.
    """
    target = target or target_version(update_votes(cells))
    return _said(target, vehicle_outcomes(cells, target or "", failures))


def read_reported(
    store: ObjectStore, campaign: str, failures: tuple[str, ...], target: str | None = None
) -> Reported:
    """The same of a campaign in the bucket, reading the cells only of parts that changed.

    The caller holds `lock.fleet_lock`.
    """
    there = {one.key: one.etag for one in store.list(keys.fleet_campaigns(campaign))}
    found = _read(store, campaign)
    kept = found.filter(
        pl.col("etag") == pl.col("part").replace_strict(there, default=None, return_dtype=pl.String)
    )
    cells = _read_parts(store, there.keys() - set(kept["part"]))
    votes = [_exploded(kept, "votes"), *(update_votes(own) for own in cells.values())]
    target = target or target_version(pl.concat(votes))
    judged = json.dumps([LOGIC, target, failures])
    good = kept.filter(judged=judged)
    cells |= _read_parts(store, set(kept["part"]) - set(good["part"]))
    rows = [
        _row(part, there[part], own, judged, vehicle_outcomes(own, target or "", failures))
        for part, own in cells.items()
    ]
    now = pl.concat([good, *rows])
    if rows or now.height < found.height:
        store.put(keys.fleet_outcomes(campaign), to_parquet(now.sort("part")))
    return _said(target, _exploded(now, "vehicles"))


def forget_reported(store: ObjectStore) -> None:
    """Remove what is kept of all campaigns."""
    for one in list(store.list(keys.FLEET_OUTCOMES)):
        store.delete(one.key)


def _said(target: str | None, vehicles: pl.DataFrame) -> Reported:
    if target is None:
        vehicles = vehicles.with_columns(outcome=pl.lit(PENDING))
    return Reported(target, vehicles.sort("vehicle"))


def _read(store: ObjectStore, campaign: str) -> pl.DataFrame:
    """What is kept; nothing where another version of Argus kept it."""
    try:
        found = pl.read_parquet(io.BytesIO(store.get(keys.fleet_outcomes(campaign))))
    except ObjectMissing:
        return pl.DataFrame(schema=_KEPT)
    return found if found.schema == _KEPT else pl.DataFrame(schema=_KEPT)


def _read_parts(store: ObjectStore, parts: Iterable[str]) -> dict[str, pl.DataFrame]:
    wanted = sorted(parts)
    with ThreadPoolExecutor(_THREADS) as threads:
        return dict(
            zip(wanted, threads.map(lambda part: read_cells(store, part), wanted), strict=True)
        )


def _row(
    part: str, etag: str, cells: pl.DataFrame, judged: str, vehicles: pl.DataFrame
) -> pl.DataFrame:
    content = {
        "part": [part],
        "etag": [etag],
        "votes": [update_votes(cells).to_struct()],
        "judged": [judged],
        "vehicles": [vehicles.to_struct()],
    }
    return pl.DataFrame(content, _KEPT)


def _exploded(kept: pl.DataFrame, column: str) -> pl.DataFrame:
    """The rows that a column of lists holds."""
    return kept.select(pl.col(column).explode()).drop_nulls().unnest(column)
