"""Small tables are copied before they are read several times, large ones are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from charts.made import MadeBatch
from polars.testing import assert_frame_equal

from argus_pipeline.recordings.result import RecordingResult
from argus_pipeline.statistics import at_hand
from argus_pipeline.statistics.batch import compute_statistics
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore


def in_the_bucket(store: ObjectStore, batch: MadeBatch, name: str) -> list[RecordingResult]:
    moved = []
    for result in batch.results:
        tables = []
        for table in result.tables:
            key = keys.table(name, result.recording, table.name, "parquet")
            store.put(key, Path(table.parquet_key).read_bytes())
            tables.append(replace(table, parquet_key=key))
        moved.append(replace(result, tables=tuple(tables)))
    return moved


def a_batch(folder: Path) -> MadeBatch:
    batch = MadeBatch(folder)
    for name in ("b.dlt", "a [1].dlt", "c~;.dlt"):
        batch.dlt(name, [{"severity": "error", "text": f"E00{n}"} for n in range(3)])
    return batch


def test_statistics_are_the_same_from_copies_and_from_the_bucket(
    object_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = in_the_bucket(object_store, a_batch(tmp_path / "x" / "made"), "b1")
    found = []
    for limit in (at_hand.COPIED_BYTES, 0):
        monkeypatch.setattr(at_hand, "COPIED_BYTES", limit)
        with at_hand.tables_at_hand(object_store, "b1", results) as (tables, options):
            assert (options is None) == (limit > 0)
            found.append(compute_statistics(tables, results, storage_options=options))
    copied, scanned = found
    for name, frame in copied.frames().items():
        assert_frame_equal(frame, scanned.frames()[name])


def test_copies_are_gone_afterwards_and_no_name_from_outside_becomes_a_path(
    object_store: ObjectStore, tmp_path: Path
) -> None:
    results = in_the_bucket(object_store, a_batch(tmp_path / "x" / "made"), "b1")
    with at_hand.tables_at_hand(object_store, "b1", results) as (tables, _):
        paths = [Path(path) for one in tables for path in one.tables.values()]
        assert all(path.exists() for path in paths)
    assert {path.name for path in paths} == {f"{n:06}.parquet" for n in range(3)}
    assert not any(path.exists() for path in paths)


def test_a_table_that_is_missing_is_named(object_store: ObjectStore, tmp_path: Path) -> None:
    results = in_the_bucket(object_store, a_batch(tmp_path / "x" / "made"), "b1")
    lost = results[0].tables[0].parquet_key
    object_store.delete(lost)
    with (
        pytest.raises(ObjectMissing, match=r"b\.dlt"),
        at_hand.tables_at_hand(object_store, "b1", results),
    ):
        pass
