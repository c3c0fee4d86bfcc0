"""The roll-ups in the bucket: batch by batch, without looking at the batches that are in already.

A batch touches its vehicle's cells, its campaign's and the sums, and leaves its own for `history`;
no other object. The caller
holds `lock.fleet_lock`. Whatever is interrupted is finished or done again by the next call.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any, Final
from zlib import crc32

import polars as pl

from argus_pipeline.batches.arrivals import get_manifest
from argus_pipeline.batches.manifest import parse_manifest
from argus_pipeline.errors import BadInput
from argus_pipeline.fleet import changes, sums
from argus_pipeline.fleet.cells import (
    CELLS,
    HOURS,
    SECONDS_AN_HOUR,
    batch_cells,
    no_cells,
    ordered,
)
from argus_pipeline.fleet.commit import Held, alone, commit, finish
from argus_pipeline.fleet.history import partials
from argus_pipeline.statistics.storage import from_parquet, to_parquet
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore

BATCHES_A_COMMIT: Final = 200
CAMPAIGN_PARTS: Final = 64
"""A campaign's cells lie in parts by vehicle, so that one more batch rewrites a small one."""
_THREADS: Final = 8

# What the sums are taken from again when they are lost or of an older version.
_STATE: Final = ("vehicles/", "campaigns/", "batches/", "history/")


@dataclass(frozen=True, slots=True)
class Updated:
    """What an update did. `refused` are batches that could not be read, each with the reason.

    Seconds of operation before and after, and those of the cells that went and came: they have to
    add up.
    """

    batches: int = 0
    removed: int = 0
    refused: tuple[str, ...] = ()
    seconds_before: int = 0
    seconds_gone: int = 0
    seconds_new: int = 0
    seconds_after: int = 0

    def adds_up(self) -> bool:
        """Whether the sums have grown by just what the batches brought."""
        return self.seconds_before - self.seconds_gone + self.seconds_new == self.seconds_after


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the roll-ups hold a batch."""

    platform: str
    vehicle: str
    campaign: str | None

    def objects(self) -> Sequence[str]:
        """The keys of the objects that have its cells."""
        own = [keys.fleet_vehicle(self.platform, self.vehicle)]
        if self.campaign is None:
            return own
        part = crc32(self.vehicle.encode()) % CAMPAIGN_PARTS
        return [*own, keys.fleet_campaign(self.campaign, part)]


def update(
    store: ObjectStore,
    held: Held = alone,
    *,
    on_batches: Callable[[int], None] = lambda done: None,
) -> Updated:
    """Bring the roll-ups to the batches that there are notes on, and take the notes away.

    Args:
        store: the bucket.
        held: what `fleet_lock` yields.
        on_batches: called with the number of batches after each commit, for progress.

    Raises:
        Unavailable: the lock is lost. What was committed stays; the next update goes on.
    """
    finish(store, held)
    if store.head(keys.FLEET_REBUILD) is not None:
        held()
        _clear(store)
    done = Updated()
    while noted := changes.notes(store, BATCHES_A_COMMIT):
        names = sorted({note.batch for note in noted})
        part = _update(store, names, held)
        changes.take_away(store, noted)
        before = done.seconds_before if done.batches + done.removed else part.seconds_before
        done = Updated(
            done.batches + part.batches,
            done.removed + part.removed,
            done.refused + part.refused,
            before,
            done.seconds_gone + part.seconds_gone,
            done.seconds_new + part.seconds_new,
            part.seconds_after,
        )
        on_batches(len(names))
    return done


def rebuild(
    store: ObjectStore,
    held: Held = alone,
    *,
    on_batches: Callable[[int], None] = lambda done: None,
) -> Updated:
    """Make the roll-ups anew from the statistics of all batches; the same bytes come out."""
    store.put(keys.FLEET_REBUILD, b"")
    return update(store, held, on_batches=on_batches)


def read_sums(store: ObjectStore, *names: str) -> sums.Sums:
    """The sums over all vehicles, or those of them that are named; empty before the first roll-up.

    Raises:
        BadInput: they are of another version.
    """
    wanted = names or sums.NAMES
    with ThreadPoolExecutor(_THREADS) as threads:
        found = list(threads.map(lambda name: _read_sum(store, name), wanted))
    return dict(zip(wanted, found, strict=True))


def read_vehicle(store: ObjectStore, platform: str, vehicle: str) -> pl.DataFrame:
    """All cells of a vehicle; none where it is not known."""
    return read_cells(store, keys.fleet_vehicle(platform, vehicle))


def read_campaign(store: ObjectStore, campaign: str) -> pl.DataFrame:
    """All cells of the batches of a campaign; none where it is not known."""
    parts = [one.key for one in store.list(keys.fleet_campaigns(campaign))]
    with ThreadPoolExecutor(_THREADS) as threads:
        found = list(threads.map(lambda key: read_cells(store, key), parts))
    return ordered(pl.concat([no_cells(), *found]))


def list_campaigns(store: ObjectStore, more: Iterable[str] = ()) -> Sequence[str]:
    """The campaigns that a batch names, or that there is a folder for under `campaigns/`.

    Args:
        store: the bucket.
        more: campaigns that are known from elsewhere.
    """
    found = {
        folder.removeprefix(prefix).rstrip("/")
        for prefix in (keys.fleet_campaigns(), keys.CAMPAIGNS)
        for folder in store.list_folders(prefix)
    }
    return sorted(found | set(more))


def read_batch_cells(store: ObjectStore, batch: str) -> tuple[pl.DataFrame, str | None] | None:
    """The cells of a batch and its campaign, or None where it has no manifest or no statistics.

    Raises:
        BadInput: its manifest or its statistics cannot be used.
    """
    frames = {}
    for name in ("exposures", "fault_counts"):
        key = keys.statistics(batch, name)
        try:
            frames[name] = from_parquet(store.get(key), name, where=store.uri(key))
        except ObjectMissing:
            return None
    try:
        data, key, _ = get_manifest(store, batch)
    except BadInput:
        return None
    manifest = parse_manifest(data, key=key, batch=batch)
    return batch_cells(manifest, **frames, ecus=_ecus(store, batch)), manifest.campaign


def _ecus(store: ObjectStore, batch: str) -> int:
    """How many ECUs of a batch have lifecycles; recordings of some formats have none."""
    key = keys.statistics(batch, "lifecycles")
    try:
        frame = from_parquet(store.get(key), "lifecycles", where=store.uri(key))
    except ObjectMissing:
        return 1
    return max(frame["ecu"].n_unique(), 1)


def _update(store: ObjectStore, names: Sequence[str], held: Held) -> Updated:
    with ThreadPoolExecutor(_THREADS) as threads:
        before = dict(zip(names, threads.map(lambda name: _place(store, name), names), strict=True))
        read = list(threads.map(lambda name: _try_read(store, name), names))
    refused = [found for found in read if isinstance(found, str)]
    came = {
        name: found
        for name, found in zip(names, read, strict=True)
        if found is not None and not isinstance(found, str)
    }
    places = {
        name: _Place(cells["platform"][0], cells["vehicle"][0], campaign)
        for name, (cells, campaign) in came.items()
    }
    touched = sorted({k for p in [*before.values(), *places.values()] if p for k in p.objects()})
    with ThreadPoolExecutor(_THREADS) as threads:
        old = dict(
            zip(touched, threads.map(lambda key: read_cells(store, key), touched), strict=True)
        )
    new = {key: _replaced(key, old[key], names, came, places) for key in touched}
    total = read_sums(store)
    gone, added = (_of_vehicles(frames) for frames in (old, new))
    summed = sums.add(total, sums.sum_cells(added), sums.sum_cells(gone))
    objects: dict[str, bytes | None] = {
        key: None if frame.is_empty() else to_parquet(frame)
        for key, frame in new.items()
        if not frame.equals(old[key])
    }
    for name in names:
        if before[name] != places.get(name):
            place = places.get(name)
            objects[keys.fleet_batch(name)] = None if place is None else _place_json(place)
    for name, frame in summed.items():
        if not frame.equals(total[name]) or total[name].is_empty():
            objects[keys.fleet(name)] = to_parquet(frame)
    cells = {name: frame for name, (frame, _) in came.items()}
    for key, frame in partials(_of_vehicles(old), cells, list(names)).items():
        objects[key] = to_parquet(frame)
    commit(store, objects, held)
    return Updated(
        len(came),
        sum(before[name] is not None and name not in came for name in names),
        tuple(refused),
        _seconds(total),
        int(gone["seconds"].sum()),
        int(added["seconds"].sum()),
        _seconds(summed),
    )


def _replaced(
    key: str,
    old: pl.DataFrame,
    names: Sequence[str],
    came: Mapping[str, tuple[pl.DataFrame, str | None]],
    places: Mapping[str, _Place],
) -> pl.DataFrame:
    """The cells of an object with those of these batches replaced by what they are now."""
    own = [came[name][0] for name, place in places.items() if key in place.objects()]
    return ordered(pl.concat([old.filter(~pl.col("batch").is_in(names)), *own]))


def _of_vehicles(frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    vehicles = [f for key, f in frames.items() if key.startswith(f"{keys.FLEET}vehicles/")]
    return pl.concat([no_cells(), *vehicles])


def _seconds(total: sums.Sums) -> int:
    return int(total["exposures"]["seconds"].sum())


def _try_read(store: ObjectStore, batch: str) -> tuple[pl.DataFrame, str | None] | str | None:
    try:
        return read_batch_cells(store, batch)
    except BadInput as error:
        return str(error)


def _place(store: ObjectStore, batch: str) -> _Place | None:
    try:
        content: dict[str, Any] = json.loads(store.get(keys.fleet_batch(batch)))
    except ObjectMissing:
        return None
    return _Place(**{field.name: content[field.name] for field in fields(_Place)})


def _place_json(place: _Place) -> bytes:
    content = {field.name: getattr(place, field.name) for field in fields(place)}
    return json.dumps(content).encode()


def read_cells(store: ObjectStore, key: str) -> pl.DataFrame:
    """The cells that an object holds; none where it is not there.

    Raises:
        BadInput: it is of another version.
    """
    try:
        return _checked(store.get(key), CELLS, store.uri(key))
    except ObjectMissing:
        return no_cells()


def _read_sum(store: ObjectStore, name: str) -> pl.DataFrame:
    key = keys.fleet(name)
    try:
        return _checked(store.get(key), sums.SCHEMAS[name], store.uri(key))
    except ObjectMissing:
        return pl.DataFrame(schema=sums.SCHEMAS[name])


def _checked(data: bytes, schema: pl.Schema, where: str) -> pl.DataFrame:
    frame = pl.read_parquet(io.BytesIO(data))
    if frame.schema != schema:
        raise BadInput(
            f"has the columns {dict(frame.schema)}",
            where=where,
            expected=str(dict(schema)),
            hint="`argus compare --rebuild` makes the roll-ups anew from the batches' statistics",
        )
    return frame


def _clear(store: ObjectStore) -> None:
    """Forget everything, and leave a note on each batch; only then is it not asked for any more."""
    for part in _STATE:
        _delete(store, (o.key for o in store.list(f"{keys.FLEET}{part}")))
    _delete(store, (keys.fleet(name) for name in sums.NAMES))
    _delete(store, (o.key for o in store.list(keys.FLEET_CHANGES)))
    folders = store.list_folders("statistics/")
    with ThreadPoolExecutor(_THREADS) as threads:
        batches = [folder.removeprefix("statistics/").rstrip("/") for folder in folders]
        list(threads.map(lambda batch: changes.announce(store, batch), batches))
    store.delete(keys.FLEET_REBUILD)


def _delete(store: ObjectStore, found: Iterable[str]) -> None:
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(store.delete, list(found)))


def total_hours(cells: pl.DataFrame) -> float:
    """Hours of operation of these cells."""
    return float(cells.filter(pl.col("kind") == HOURS)["seconds"].sum()) / SECONDS_AN_HOUR
