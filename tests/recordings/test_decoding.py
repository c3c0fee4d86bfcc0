"""One recording, from a stream to files."""

from __future__ import annotations

import io
import json
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from argus_pipeline.recordings.decoding import NON_VERBOSE, parse_recording, status_of
from argus_pipeline.recordings.result import Fault, Status
from argus_pipeline.recordings.specifications import Specifications, specification_files


@pytest.fixture
def specifications(data: Path) -> Specifications:
    return specification_files([data / "rec" / "vehicle.odvd", data / "rec" / "alltypes.odvd"])


def test_a_whole_recording_becomes_csv_and_parquet_of_the_same_rows(
    data: Path, tmp_path: Path
) -> None:
    with (data / "dlt" / "c_clean.dlt").open("rb") as stream:
        parsed = parse_recording(stream, tmp_path, name="c_clean.dlt")
    assert (parsed.status, parsed.error, parsed.warnings) == (Status.PARSED, None, ())
    [table] = parsed.tables
    assert (table.name, table.rows) == ("messages", 2000)
    assert table.columns[:3] == (
        ("offset", "uint64"),
        ("size", "uint32"),
        ("storage_time", "timestamp[ns, tz=UTC]"),
    )
    frame = pl.read_parquet(table.files["parquet"])
    csv = pl.read_csv(table.files["csv"])
    assert frame.height == csv.height == 2000
    assert frame["text"].to_list() == csv["text"].to_list()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["messages.csv", "messages.parquet"]


def test_the_same_input_gives_the_same_bytes(
    data: Path, tmp_path: Path, specifications: Specifications
) -> None:
    contents = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        with (data / "rec" / "damaged_length.rec").open("rb") as stream:
            parse_recording(stream, folder, name="d.rec", specifications=specifications)
        contents.append({p.name: p.read_bytes() for p in folder.iterdir()})
    assert contents[0] == contents[1]
    assert len(contents[0]) == 2 * 7 + 1


def test_a_damaged_recording_is_partial_and_lists_its_faults(data: Path, tmp_path: Path) -> None:
    with (data / "dlt" / "c_garbage5k.dlt").open("rb") as stream:
        parsed = parse_recording(stream, tmp_path, name="c_garbage5k.dlt")
    assert (parsed.status, parsed.rows, parsed.quarantined_bytes) == (Status.PARTIAL, 2000, 5000)
    [fault] = parsed.faults
    assert fault == Fault(114_877, 5000, "bytes that belong to no DLT message")
    [warning] = parsed.warnings
    assert "5,000 of 234,901 bytes" in warning
    assert parsed.quarantine is not None
    record = json.loads(parsed.quarantine.read_text())
    assert record["faults"] == [
        {"offset": 114_877, "length": 5000, "reason": "bytes that belong to no DLT message"}
    ]
    assert record["decoded_bytes"] + record["quarantined_bytes"] == record["size"]


def test_the_quarantine_record_lists_more_faults_than_the_result(
    tmp_path: Path, data: Path
) -> None:
    clean = (data / "dlt" / "golden.dlt").read_bytes()
    damaged = (clean + b"garbage") * 100
    parsed = parse_recording(io.BytesIO(damaged), tmp_path, name="many.dlt")
    assert parsed.fault_count == 100
    assert len(parsed.faults) == 20
    assert parsed.quarantine is not None
    assert len(json.loads(parsed.quarantine.read_text())["faults"]) == 100


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the recording is empty"),
        (b"time;value\n1;2\n", "it looks like text"),
        (bytes(1000), "zeros"),
        (bytes(range(256)) * 4, "no DLT or .rec message"),
        (b"DLT\x01\xfe\x61\x04\x6b\x55\x6e\x0b\x00ECU1=\x00\x00\x42EC", "not one whole message"),
    ],
)
def test_a_recording_that_cannot_be_read_is_quarantined_with_a_reason(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    parsed = parse_recording(io.BytesIO(content), tmp_path, name="bad.bin")
    assert (parsed.status, parsed.tables) == (Status.QUARANTINED, ())
    assert parsed.quarantined_bytes == parsed.size == len(content)
    assert parsed.error is not None
    assert expected in parsed.error
    assert parsed.error.startswith("bad.bin")
    assert "expected" in parsed.error
    assert parsed.quarantine is not None
    assert json.loads(parsed.quarantine.read_text())["error"] == parsed.error


def test_a_rec_without_a_specification_is_kept_raw_and_says_what_to_do(
    data: Path, tmp_path: Path
) -> None:
    with (data / "rec" / "J7_v2.3.1_0001.rec").open("rb") as stream:
        parsed = parse_recording(stream, tmp_path, name="drive.rec")
    assert (parsed.status, parsed.rows, parsed.quarantined_bytes) == (Status.PARTIAL, 6001, 0)
    assert sum(parsed.kept_raw.values()) == 6001
    assert all(table.name.startswith("unknown-") for table in parsed.tables)
    assert any("Add the .odvd" in warning for warning in parsed.warnings)


def test_a_specification_that_lacks_messages_is_named(data: Path, tmp_path: Path) -> None:
    wrong = specification_files([data / "rec" / "alltypes.odvd"])
    with (data / "rec" / "J7_v2.3.1_0001.rec").open("rb") as stream:
        parsed = parse_recording(stream, tmp_path, name="drive.rec", specifications=wrong)
    assert any("alltypes.odvd lack" in warning for warning in parsed.warnings)


def test_all_samples_of_rec_are_read_with_merged_specifications(
    data: Path, tmp_path: Path, specifications: Specifications
) -> None:
    with (data / "rec" / "J7_v2.3.1_0001.rec").open("rb") as stream:
        parsed = parse_recording(stream, tmp_path, name="d.rec", specifications=specifications)
    assert (parsed.status, len(parsed.tables)) == (Status.PARSED, 7)
    assert sum(pq.read_metadata(t.files["parquet"]).num_rows for t in parsed.tables) == 6001


def test_an_earlier_quarantine_record_does_not_survive_a_clean_parse(
    data: Path, tmp_path: Path
) -> None:
    parse_recording(io.BytesIO(b"bad"), tmp_path, name="a")
    with (data / "dlt" / "golden.dlt").open("rb") as stream:
        parse_recording(stream, tmp_path, name="a")
    assert not (tmp_path / "quarantine.json").exists()


def test_progress_counts_every_byte(data: Path, tmp_path: Path) -> None:
    counts: list[int] = []
    with (data / "dlt" / "typ_4MB.dlt").open("rb") as stream:
        parse_recording(stream, tmp_path, name="a", formats=["csv"], progress=counts.append)
    assert sum(counts) == 4_000_000


def test_raw_payloads_of_non_verbose_messages_are_no_defect() -> None:
    assert status_of(rows=1, quarantined_bytes=0, kept_raw={NON_VERBOSE: 1}) is Status.PARSED
    assert status_of(rows=1, quarantined_bytes=0, kept_raw={"other": 1}) is Status.PARTIAL
    assert status_of(rows=1, quarantined_bytes=1, kept_raw={}) is Status.PARTIAL
    assert status_of(rows=0, quarantined_bytes=1, kept_raw={}) is Status.QUARANTINED
