"""Batches with statistics in the bucket, made without any recording."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from argus_pipeline.fleet.changes import announce
from argus_pipeline.fleet.commit import Held, alone
from argus_pipeline.statistics import schemas
from argus_pipeline.statistics.storage import to_parquet
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

START = datetime(2026, 11, 20, 6, tzinfo=UTC)


def unlocked() -> AbstractContextManager[Held]:
    """What `fleet_lock` is where no other process is there."""
    return nullcontext(alone)


def exposures(**hours: float | None) -> pl.DataFrame:
    """Hours by firmware; `unplaced` is null."""
    return schemas.fit(
        "exposures",
        pl.DataFrame(
            [
                {
                    "firmware": None if name == "unplaced" else name,
                    "hours": value,
                    "lifecycles": 2,
                    "first_time": START,
                    "last_time": START + timedelta(hours=1),
                }
                for name, value in hours.items()
            ],
            schema_overrides={"firmware": pl.String},
        )
        if hours
        else schemas.empty("exposures"),
    )


def counts(*rows: tuple[str, str | None, int], **changes: Any) -> pl.DataFrame:
    """Fault, firmware and messages."""
    frame = pl.DataFrame(
        rows,
        schema={"fault": pl.String, "firmware": pl.String, "messages": pl.UInt64},
        orient="row",
    )
    given = {
        "kind": "code",
        "title": "DTC <*>",
        "severity": "error",
        "ecu": "GW",
        "lifecycles": 1,
        "recording": "a.dlt",
        "table": "messages",
        "offset": 0,
        "first_time": START,
        "last_time": START,
        **changes,
    }
    return schemas.fit(
        "fault_counts", frame.with_columns(**{k: pl.lit(v) for k, v in given.items()})
    )


def put_batch(
    store: ObjectStore,
    number: int,
    hours: pl.DataFrame,
    faults: pl.DataFrame,
    *,
    vehicle: str = "VIN0",
    platform: str = "J7",
    firmware: str = "v2",
    firmware_from: str | None = "v1",
    campaign: str | None = None,
) -> str:
    """Write the manifest and the two frames of a batch, and leave the note."""
    created = START + timedelta(hours=number)
    batch = f"{created:%Y%m%dT%H%M%SZ}-{number:04d}"
    manifest = {
        "schema": 1,
        "batch": batch,
        "vehicle": vehicle,
        "platform": platform,
        "firmware": firmware,
        "firmware_from": firmware_from,
        "campaign": campaign,
        "created": created.isoformat(),
        "files": [{"name": "a.dlt", "size": 1, "sha256": "0" * 64}],
    }
    store.put(
        f"{keys.incoming(created.date(), batch)}{keys.MANIFEST_NAME}",
        json.dumps({k: v for k, v in manifest.items() if v is not None}).encode(),
    )
    store.put(keys.statistics(batch, "exposures"), to_parquet(hours))
    store.put(keys.statistics(batch, "fault_counts"), to_parquet(faults))
    announce(store, batch)
    return batch


def put_some(store: ObjectStore, numbers: range) -> list[str]:
    """Batches of three vehicles and two platforms, every second one of the campaign `c1`."""
    return [
        put_batch(
            store,
            n,
            exposures(v1=0.5 + n % 3, v2=1.25, unplaced=0.1),
            counts(("E001", "v1", n % 4 + 1), ("E001", "v2", 3), ("P0A80", None, 1)),
            vehicle=f"VIN{n % 3}",
            platform="J7" if n % 2 else "K5",
            campaign="c1" if n % 2 else None,
        )
        for n in numbers
    ]


def remove_batch(store: ObjectStore, batch: str) -> None:
    """Remove the statistics of a batch, and leave the note."""
    for name in ("exposures", "fault_counts"):
        store.delete(keys.statistics(batch, name))
    announce(store, batch)


def state(store: ObjectStore) -> dict[str, bytes]:
    """All objects of the roll-ups, without what waits to be compacted."""
    found = (one.key for one in store.list(keys.FLEET))
    return {key: store.get(key) for key in found if not key.startswith(keys.FLEET_PARTIALS)}
