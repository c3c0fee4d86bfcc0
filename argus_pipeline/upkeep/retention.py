"""Deletes uploaded files and parsed tables past their time.

What everything else goes by stays: manifests, the result of each recording, statistics, charts,
reports and roll-ups. So roll-ups that are made anew come out the same, and a report keeps saying
what it said.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from argus_pipeline.batches.arrivals import locate_manifest
from argus_pipeline.errors import BadInput
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectInfo, ObjectStore
from argus_pipeline.upkeep import records

_THREADS: Final = 8


class Kind(StrEnum):
    """What is deleted."""

    INCOMING = "incoming"
    PARSED = "parsed"


@dataclass(frozen=True, slots=True)
class Expired:
    """What was deleted of a batch."""

    batch: str
    kind: Kind
    objects: int
    bytes: int


def expire(store: ObjectStore, batch: str, kind: Kind) -> Expired:
    """Delete the files of a batch that was done or given up. The caller has made sure of that.

    Interrupted, it is not said to be done, and goes on when it is called again.
    """
    key = keys.expired(batch)
    known = records.read(store, key) or {"batch": batch}
    records.write(store, key, {**known, kind.value: None})
    found = list(_files(store, batch, kind))
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(lambda one: store.delete(one.key), found))
    records.write(store, key, {**known, kind.value: len(found)})
    return Expired(batch, kind, len(found), sum(one.size for one in found))


def is_expired(store: ObjectStore, batch: str, kind: Kind) -> bool:
    """Whether this was done before, to its end."""
    known = records.read(store, keys.expired(batch))
    return known is not None and known.get(kind.value) is not None


def _files(store: ObjectStore, batch: str, kind: Kind) -> Iterator[ObjectInfo]:
    if kind is Kind.PARSED:
        prefix, kept = keys.parsed(batch), keys.RECORDING_RESULT
    else:
        try:
            prefix = locate_manifest(store, batch).removesuffix(keys.MANIFEST_NAME)
        except BadInput:
            return
        kept = keys.MANIFEST_NAME
    yield from (one for one in store.list(prefix) if one.key.rpartition("/")[2] != kept)
