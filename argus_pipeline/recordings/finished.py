"""The results that lie in the bucket: what the assets after parsing go by."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from argus_pipeline.batches.manifest import Manifest
from argus_pipeline.errors import ArgusError
from argus_pipeline.recordings.result import RecordingResult
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore

_THREADS = 16


def read_results(store: ObjectStore, manifest: Manifest) -> Sequence[RecordingResult]:
    """The result of every recording of a batch, in the manifest's order.

    Raises:
        ArgusError: a recording has no result; statistics over the rest would be wrong.
    """

    def read(name: str) -> RecordingResult | None:
        try:
            return RecordingResult.from_json(store.get(keys.recording_result(manifest.batch, name)))
        except (ObjectMissing, ValueError):
            return None

    names = [file.name for file in manifest.recordings]
    with ThreadPoolExecutor(_THREADS) as threads:
        found = list(threads.map(read, names))
    missing = [name for name, result in zip(names, found, strict=True) if result is None]
    if missing:
        raise ArgusError(
            f"{len(missing)} recordings have no result: {', '.join(missing[:10])}",
            where=store.uri(keys.parsed(manifest.batch)),
            hint="Materialize parsed_csv for this batch first",
        )
    return [result for result in found if result is not None]


def remove_dropped(store: ObjectStore, manifest: Manifest) -> None:
    """Remove what was made of recordings that an earlier manifest of this batch named.

    Else whoever scans `parsed/<batch>/*/` would count a renamed recording twice.
    """
    named = {file.name for file in manifest.recordings}
    prefix = keys.parsed(manifest.batch)
    for folder in store.list_folders(prefix):
        recording = folder.removeprefix(prefix).rstrip("/")
        if recording not in named:
            for found in list(store.list(folder)):
                store.delete(found.key)
            store.delete(keys.quarantine(manifest.batch, recording))
