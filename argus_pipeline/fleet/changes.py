"""Notes that a batch's statistics changed: what the roll-ups have to look at, and nothing else.

A note is an object under `fleet/changes/`. It is taken away after what it announces has become part
of the roll-ups, so one that is left over by a crash only makes a batch be looked at again.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

_THREADS = 8


@dataclass(frozen=True, slots=True)
class Note:
    """One note: its key and the batch that it is about."""

    key: str
    batch: str


def announce(store: ObjectStore, batch: str) -> None:
    """Leave a note that the statistics of a batch were written, or removed.

    Each has a name of its own: a note that is taken away was read before the statistics were, and
    one that was left meanwhile stays.
    """
    store.put(keys.fleet_change(batch, uuid.uuid4().hex), b"")


def notes(store: ObjectStore, limit: int) -> Sequence[Note]:
    """The notes on the first `limit` batches that there are notes on."""
    found: list[Note] = []
    batches: set[str] = set()
    for one in store.list(keys.FLEET_CHANGES):
        batch = one.key.removeprefix(keys.FLEET_CHANGES).partition("/")[0]
        batches.add(batch)
        if len(batches) > limit:
            break
        found.append(Note(one.key, batch))
    return found


def take_away(store: ObjectStore, done: Iterable[Note]) -> None:
    """Remove notes that have been acted on."""
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(lambda note: store.delete(note.key), done))
