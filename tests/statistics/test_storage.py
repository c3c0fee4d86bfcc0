from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from charts.made import MadeBatch, fields

from argus_pipeline.errors import BadInput
from argus_pipeline.statistics import schemas
from argus_pipeline.statistics.batch import BatchStatistics, compute_statistics
from argus_pipeline.statistics.sources import recording_tables
from argus_pipeline.statistics.storage import (
    from_parquet,
    read_statistics,
    to_parquet,
    write_statistics,
)
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore

BATCH = "20261123T101500Z-LFV3A23C0K3000001-7f3a"


@pytest.fixture
def batch(tmp_path: Path) -> MadeBatch:
    made = MadeBatch(tmp_path).dlt("a.dlt", [{"severity": "error", "text": "E001"}] * 3)
    return made.rec("b.rec", Power=fields([{"x": 1.0}], x=pl.Float64))


def test_what_is_written_is_read_back_the_same(batch: MadeBatch, object_store: ObjectStore) -> None:
    statistics = batch.statistics()
    written = write_statistics(object_store, BATCH, statistics)
    assert written == {n: keys.statistics(BATCH, n) for n in BatchStatistics.names()}
    again = read_statistics(object_store, BATCH)
    for name, frame in statistics.frames().items():
        assert frame.equals(again.frames()[name]), name


def test_writing_again_leaves_the_same_objects(batch: MadeBatch, object_store: ObjectStore) -> None:
    def etags() -> dict[str, str]:
        write_statistics(object_store, BATCH, batch.statistics())
        return {o.key: o.etag for o in object_store.list(f"statistics/{BATCH}/")}

    assert etags() == etags()


def test_statistics_that_were_never_written_are_missing(object_store: ObjectStore) -> None:
    with pytest.raises(ObjectMissing):
        read_statistics(object_store, BATCH)


def test_tables_in_the_store_are_read_where_they_lie(
    batch: MadeBatch, object_store: ObjectStore
) -> None:
    places = {}
    for result in batch.results:
        for table in result.tables:
            key = keys.table(BATCH, result.recording, table.name, "parquet")
            object_store.put(key, Path(table.parquet_key).read_bytes())
            places[table.parquet_key] = object_store.uri(key)
    sources = recording_tables(batch.results, lambda table: places[table.parquet_key])
    found = compute_statistics(
        sources, batch.results, storage_options=object_store.storage_options()
    )
    for name, frame in batch.statistics().frames().items():
        assert frame.equals(found.frames()[name]), name


def test_a_table_that_is_not_in_the_store_is_named(
    batch: MadeBatch, object_store: ObjectStore
) -> None:
    sources = recording_tables(batch.results, lambda table: object_store.uri("no/table.parquet"))
    with pytest.raises(BadInput, match=r"table\.parquet"):
        compute_statistics(sources, batch.results, storage_options=object_store.storage_options())


def test_a_frame_of_another_schema_is_refused() -> None:
    other = to_parquet(pl.DataFrame({"code": ["E001"]}))
    with pytest.raises(BadInput, match="batch_statistics"):
        from_parquet(other, "codes", where="statistics/b/codes.parquet")


@pytest.mark.parametrize("name", BatchStatistics.names())
def test_empty_frames_keep_their_schema_on_the_way(name: str) -> None:
    empty = schemas.empty(name)
    assert from_parquet(to_parquet(empty), name, where="here").schema == empty.schema


def test_another_process_writes_the_same_bytes() -> None:
    program = (
        "import hashlib; from argus_pipeline.statistics.batch import compute_statistics;"
        "from argus_pipeline.statistics.storage import to_parquet;"
        "frames = compute_statistics([], []).frames();"
        "print(hashlib.sha256(b''.join(map(to_parquet, frames.values()))).hexdigest())"
    )
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
