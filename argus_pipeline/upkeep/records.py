"""Small records in the bucket of batches that Dagster no longer lists, or whose data was deleted.

A record is written before what it is about is done, so nothing is ever gone without one.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore


def write(store: ObjectStore, key: str, content: dict[str, Any]) -> None:
    """Write a record, with the time."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    store.put(key, json.dumps({**content, "at": at}, indent=1).encode())


def read(store: ObjectStore, key: str) -> dict[str, Any] | None:
    """Read a record, or None where there is none."""
    try:
        content: dict[str, Any] = json.loads(store.get(key))
    except ObjectMissing:
        return None
    return content


def batches(store: ObjectStore, prefix: str) -> set[str]:
    """The batches that there are records of under a prefix."""
    return {one.key.removeprefix(prefix).removesuffix(".json") for one in store.list(prefix)}


def archived(store: ObjectStore) -> set[str]:
    """The batches whose partition keys were taken from Dagster."""
    return batches(store, keys.ARCHIVED)


def expired(store: ObjectStore) -> set[str]:
    """The batches of which some data was deleted for its age."""
    return batches(store, keys.EXPIRED)
