"""One recording of a batch, from the bucket into the bucket, against a real store."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import polars as pl
import pytest

from argus_pipeline.batches.manifest import BatchFile
from argus_pipeline.errors import ArgusError
from argus_pipeline.recordings.parsing import input_hash, parse_to_bucket
from argus_pipeline.recordings.result import RecordingResult, Status
from argus_pipeline.recordings.specifications import (
    Specifications,
    SpecificationText,
    merge_specifications,
    specification_files,
)
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore

BATCH = "20261123T101500Z-V-0001"
NOTHING = merge_specifications([])


def upload(store: ObjectStore, name: str, content: bytes) -> tuple[BatchFile, str]:
    key = f"incoming/2026/11/23/{BATCH}/{name}"
    store.put(key, content)
    return BatchFile(name, len(content), hashlib.sha256(content).hexdigest()), key


def parse(
    store: ObjectStore, name: str, content: bytes, specifications: Specifications = NOTHING
) -> RecordingResult:
    file, key = upload(store, name, content)
    return parse_to_bucket(store, BATCH, file, key, specifications)


def objects(store: ObjectStore) -> dict[str, tuple[str, object]]:
    return {
        found.key: (found.etag, found.modified)
        for prefix in ("parsed/", "quarantine/")
        for found in store.list(prefix)
    }


def test_tables_and_result_are_in_the_bucket(object_store: ObjectStore, data: Path) -> None:
    result = parse(object_store, "ecu1.dlt", (data / "dlt" / "c_clean.dlt").read_bytes())
    assert [table.name for table in result.tables] == ["lifecycles", "messages", "sources"]
    assert (result.lifecycles, result.lost_messages, result.stored_size) == (1, 0, result.size)
    table = result.tables[1]
    assert table.csv_key == f"parsed/{BATCH}/ecu1.dlt/messages.csv"
    assert object_store.get(table.csv_key).startswith(b"offset,size,storage_time,")
    frame = pl.read_parquet(
        object_store.uri(table.parquet_key), storage_options=object_store.storage_options()
    )
    assert frame.height == table.rows == result.rows == 2000
    stored = object_store.get(keys.recording_result(BATCH, "ecu1.dlt"))
    assert RecordingResult.from_json(stored) == result
    assert object_store.head(keys.quarantine(BATCH, "ecu1.dlt")) is None


def test_a_repeat_changes_nothing(object_store: ObjectStore, data: Path) -> None:
    content = (data / "dlt" / "c_len_2.dlt").read_bytes()
    first = parse(object_store, "ecu1.dlt", content)
    before = objects(object_store)
    assert parse(object_store, "ecu1.dlt", content) == first
    assert objects(object_store) == before


@pytest.mark.parametrize("lost", ["table", "etag", "quarantine", "result"])
def test_an_incomplete_output_is_made_again_with_the_same_bytes(
    object_store: ObjectStore, data: Path, lost: str
) -> None:
    content = (data / "dlt" / "c_len_2.dlt").read_bytes()
    first = parse(object_store, "ecu1.dlt", content)
    match lost:
        case "table":
            object_store.delete(first.tables[0].parquet_key)
        case "etag":
            object_store.put(first.tables[0].csv_key, b"torn")
        case "quarantine":
            object_store.delete(keys.quarantine(BATCH, "ecu1.dlt"))
        case _:
            object_store.put(keys.recording_result(BATCH, "ecu1.dlt"), b"{}")
    etags = {key: etag for key, (etag, _) in objects(object_store).items()}
    assert parse(object_store, "ecu1.dlt", content) == first
    after = {key: etag for key, (etag, _) in objects(object_store).items()}
    assert after != etags
    assert {t.csv_etag for t in first.tables} <= set(after.values())
    assert set(after) == {
        *(key for table in first.tables for key in (table.csv_key, table.parquet_key)),
        keys.recording_result(BATCH, "ecu1.dlt"),
        keys.quarantine(BATCH, "ecu1.dlt"),
    }


def test_another_specification_parses_again_and_removes_the_old_tables(
    object_store: ObjectStore, data: Path
) -> None:
    content = (data / "rec" / "alltypes.rec").read_bytes()
    raw = parse(object_store, "drive.rec", content)
    assert raw.status is Status.PARTIAL
    assert object_store.head(keys.quarantine(BATCH, "drive.rec")) is not None
    known = specification_files([data / "rec" / "alltypes.odvd"])
    result = parse(object_store, "drive.rec", content, known)
    assert result.status is Status.PARSED
    assert result.input_hash != raw.input_hash
    kept = {key for table in result.tables for key in (table.csv_key, table.parquet_key)}
    assert set(objects(object_store)) == kept | {keys.recording_result(BATCH, "drive.rec")}


@pytest.mark.parametrize("content", [b"", b"only text\n", bytes(5000)])
def test_a_recording_that_cannot_be_read_is_a_result_and_no_exception(
    object_store: ObjectStore, content: bytes
) -> None:
    result = parse(object_store, "bad.bin", content)
    assert (result.status, result.rows, result.tables) == (Status.QUARANTINED, 0, ())
    assert result.decoded_bytes + result.quarantined_bytes == result.size == len(content)
    record = json.loads(object_store.get(keys.quarantine(BATCH, "bad.bin")))
    assert record["error"] == result.error


def test_an_object_that_is_not_the_manifests_is_an_error(object_store: ObjectStore) -> None:
    file, key = upload(object_store, "a.dlt", b"text")
    object_store.put(key, b"other text")
    with pytest.raises(ArgusError, match="10 bytes"):
        parse_to_bucket(object_store, BATCH, file, key, NOTHING)


def test_a_missing_object_is_an_error(object_store: ObjectStore) -> None:
    with pytest.raises(ObjectMissing):
        parse_to_bucket(
            object_store, BATCH, BatchFile("a", 1, "0" * 64), "incoming/nowhere", NOTHING
        )


def test_the_input_hash_covers_the_recording_and_what_its_format_is_read_with() -> None:
    odvd = merge_specifications([SpecificationText("a", b"")])
    fibex = merge_specifications([], [SpecificationText("a", b"")])
    for kind, other in (("rec", odvd), ("dlt", fibex)):
        hashes = {
            input_hash(sha, s, kind) for sha in ("0" * 64, "1" * 64) for s in (NOTHING, other)
        }
        assert len(hashes) == 4
    for kind, other in (("dlt", odvd), ("rec", fibex), (None, odvd), (None, fibex)):
        assert input_hash("0" * 64, NOTHING, kind) == input_hash("0" * 64, other, kind)


@pytest.mark.parametrize(("recording", "added"), [("c_len_2.dlt", 0), ("alltypes.rec", 1)])
def test_a_specification_of_another_format_parses_nothing_again(
    object_store: ObjectStore, data: Path, recording: str, added: int
) -> None:
    new = [SpecificationText("new", b"")]
    more = merge_specifications([], new) if added else merge_specifications(new)
    content = (data / Path(recording).suffix[1:] / recording).read_bytes()
    first = parse(object_store, recording, content)
    before = objects(object_store)
    assert parse(object_store, recording, content, more) == first
    assert objects(object_store) == before


def test_a_compressed_recording_is_the_manifests_as_it_was_uploaded(
    object_store: ObjectStore, data: Path
) -> None:
    plain = (data / "dlt" / "c_clean.dlt").read_bytes()
    stored = gzip.compress(plain)
    result = parse(object_store, "ecu1.dlt.gz", stored)
    assert (result.status, result.rows, result.compression) == (Status.PARSED, 2000, "gzip")
    assert (result.size, result.stored_size) == (len(plain), len(stored))
    torn = parse(object_store, "ecu2.dlt.gz", stored[:-1000])
    assert (torn.status, torn.unread_bytes) == (Status.PARTIAL, 0)
    assert torn.rows < 2000
    assert "the gzip data is torn off" in torn.warnings[0]
    assert object_store.head(keys.quarantine(BATCH, "ecu2.dlt.gz")) is not None
