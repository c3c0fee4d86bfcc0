"""Statistics read each table several times, a few columns at once: small ones from a copy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from argus_pipeline.recordings.result import RecordingResult
from argus_pipeline.scratch import scratch_folder
from argus_pipeline.statistics.sources import RecordingTables, recording_tables
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

COPIED_BYTES: Final = 128_000_000
"""Up to so much Parquet of a batch is copied. Beyond it a scan reads the columns that it needs from
the bucket: requests no longer count, and no work folder has to have room."""

_THREADS: Final = 8


@contextmanager
def tables_at_hand(
    store: ObjectStore, batch: str, results: Sequence[RecordingResult]
) -> Iterator[tuple[tuple[RecordingTables, ...], Mapping[str, str] | None]]:
    """The tables of a batch, and the options with which polars reads them.

    Raises:
        ObjectMissing: one is not in the bucket.
    """
    wanted = sorted(table.parquet_key for result in results for table in result.tables)
    sizes = {info.key: info.size for info in store.list(keys.parsed(batch))}
    if sum(sizes.get(key, 0) for key in wanted) > COPIED_BYTES:
        tables = recording_tables(results, lambda table: store.uri(table.parquet_key))
        yield tables, store.storage_options()
        return
    with scratch_folder() as folder:
        # Named in the order of the keys: it is that in which files are read.
        paths = {key: folder / f"{n:06}.parquet" for n, key in enumerate(wanted)}
        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(lambda key: paths[key].write_bytes(store.get(key)), wanted))
        yield recording_tables(results, lambda table: str(paths[table.parquet_key])), None
