"""The frames of a batch in the bucket, one Parquet object each."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Final

import polars as pl

from argus_pipeline.errors import BadInput
from argus_pipeline.statistics import schemas
from argus_pipeline.statistics.batch import BatchStatistics
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

_COMPRESSION_LEVEL: Final = 3


def write_statistics(store: ObjectStore, batch: str, statistics: BatchStatistics) -> dict[str, str]:
    """Write every frame under `statistics/<batch>/`, the same bytes for the same frame.

    Returns:
        The key of each frame by its name.
    """
    written = {}
    for name, frame in statistics.frames().items():
        written[name] = keys.statistics(batch, name)
        store.put(written[name], to_parquet(frame))
    return written


def read_statistics(store: ObjectStore, batch: str) -> BatchStatistics:
    """Read the frames of a batch back.

    Raises:
        ObjectMissing: they were not written.
        BadInput: they are of another schema.
    """
    return BatchStatistics(**read_frames(store, batch, BatchStatistics.names()))


def read_frames(store: ObjectStore, batch: str, names: Iterable[str]) -> dict[str, pl.DataFrame]:
    """Some of the frames of a batch by their names; each is a request.

    Raises:
        ObjectMissing: one was not written.
        BadInput: one is of another schema.
    """
    return {name: _read(store, keys.statistics(batch, name)) for name in names}


def to_parquet(frame: pl.DataFrame) -> bytes:
    """A frame as the bytes of a Parquet file, compressed with zstd."""
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(buffer, compression="zstd", compression_level=_COMPRESSION_LEVEL)
    return buffer.getvalue()


def from_parquet(data: bytes, name: str, *, where: str) -> pl.DataFrame:
    """The frame `name` from the bytes of a Parquet file.

    Raises:
        BadInput: it has other columns or types.
    """
    frame = pl.read_parquet(io.BytesIO(data))
    if frame.schema != schemas.SCHEMAS[name]:
        raise BadInput(
            f"the statistics have the columns {dict(frame.schema)}",
            where=where,
            expected=str(dict(schemas.SCHEMAS[name])),
            hint="Materialize batch_statistics of this batch again",
        )
    return frame


def _read(store: ObjectStore, key: str) -> pl.DataFrame:
    name = key.rpartition("/")[2].removesuffix(".parquet")
    return from_parquet(store.get(key), name, where=store.uri(key))
