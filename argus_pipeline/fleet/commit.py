"""Several objects changed as one: all of them or none, whatever happens in between.

What shall be written is first put down whole as one object, the commit; with it, it counts. Then
the objects are written, and the commit is removed. Whoever comes next finishes a commit that is
there. Only one process at a time may do this (`lock`).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore

_THREADS = 8
_REMOVED = "removed"

Held = Callable[[], None]
"""Raises where the roll-ups are not held any more (`lock.fleet_lock`)."""


def alone() -> None:
    """The roll-ups are always held: no other process is there."""


def commit(store: ObjectStore, objects: Mapping[str, bytes | None], held: Held) -> None:
    """Write these objects by their keys, and remove those that are None, as one.

    Raises:
        Unavailable: the roll-ups are not held any more. Nothing was written, or all that is left
            is to finish.
    """
    if not objects:
        return
    held()
    store.put(keys.FLEET_COMMIT, _packed(objects))
    finish(store, held)


def finish(store: ObjectStore, held: Held = alone) -> bool:
    """Finish the commit that is there, and say whether there was one."""
    try:
        objects = _unpacked(store.get(keys.FLEET_COMMIT))
    except ObjectMissing:
        return False
    held()

    def write(key: str) -> None:
        data = objects[key]
        if data is None:
            store.delete(key)
        else:
            store.put(key, data)

    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(write, objects))
    store.delete(keys.FLEET_COMMIT)
    return True


def _packed(objects: Mapping[str, bytes | None]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for key, data in objects.items():
            entry = zipfile.ZipInfo(key)
            entry.comment = b"" if data is not None else _REMOVED.encode()
            packed.writestr(entry, data or b"")
    return buffer.getvalue()


def _unpacked(data: bytes) -> dict[str, bytes | None]:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return {
            entry.filename: None if entry.comment == _REMOVED.encode() else packed.read(entry)
            for entry in packed.infolist()
        }
