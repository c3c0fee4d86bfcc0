"""One recording, from its bytes to files."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from native_parser.made import dlt_message, dlt_text

from argus_pipeline.errors import BadInput
from argus_pipeline.recordings.cancellation import Cancellation
from argus_pipeline.recordings.decoders import DecodedBatch, FoundDecoder
from argus_pipeline.recordings.decoding import ParsedRecording, parse_recording
from argus_pipeline.recordings.plugin_reader import PluginReader
from argus_pipeline.recordings.result import Fault, Status
from argus_pipeline.recordings.source import CancelledError, open_source
from argus_pipeline.recordings.specifications import Specifications, specification_files
from argus_pipeline.recordings.verdict import NON_VERBOSE, status_of


@pytest.fixture
def specifications(data: Path) -> Specifications:
    return specification_files([data / "rec" / "vehicle.odvd", data / "rec" / "alltypes.odvd"])


def parse(
    recording: Path | bytes, folder: Path, *, name: str = "a", **options: Any
) -> ParsedRecording:
    opened = io.BytesIO(recording) if isinstance(recording, bytes) else recording
    with open_source(opened, folder) as source:
        return parse_recording(source, folder, name=name, **options)


def test_a_whole_recording_becomes_csv_and_parquet_of_the_same_rows(
    data: Path, tmp_path: Path
) -> None:
    parsed = parse(data / "dlt" / "c_clean.dlt", tmp_path)
    assert (parsed.status, parsed.error, parsed.warnings) == (Status.PARSED, None, ())
    assert (parsed.lifecycles, parsed.lost_messages) == (1, 0)
    assert [(t.name, t.rows) for t in parsed.tables] == [
        ("lifecycles", 1),
        ("messages", 2000),
        ("sources", 4),
    ]
    table = parsed.tables[1]
    assert table.columns[:3] == (
        ("offset", "uint64"),
        ("size", "uint32"),
        ("storage_time", "timestamp[ns, tz=UTC]"),
    )
    frame = pl.read_parquet(table.files["parquet"])
    csv = pl.read_csv(table.files["csv"])
    assert frame.height == csv.height == 2000
    assert frame["text"].to_list() == csv["text"].to_list()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        f"{t.name}.{suffix}" for t in parsed.tables for suffix in ("csv", "parquet")
    ]


@pytest.mark.parametrize("recording", ["dlt/typ_4MB.dlt", "rec/damaged_garbage4k.rec"])
def test_any_number_of_threads_gives_the_same_bytes(
    data: Path, tmp_path: Path, specifications: Specifications, recording: str
) -> None:
    contents = []
    for threads in (1, 3):
        folder = tmp_path / str(threads)
        folder.mkdir()
        parse(data / recording, folder, specifications=specifications, threads=threads)
        contents.append({p.name: p.read_bytes() for p in folder.iterdir()})
    assert contents[0] == contents[1]


def test_the_same_input_gives_the_same_bytes(
    data: Path, tmp_path: Path, specifications: Specifications
) -> None:
    contents = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        parse(data / "rec" / "damaged_length.rec", folder, specifications=specifications)
        contents.append({p.name: p.read_bytes() for p in folder.iterdir()})
    assert contents[0] == contents[1]
    assert len(contents[0]) == 2 * 7 + 1


def test_a_damaged_recording_is_partial_and_lists_its_faults(data: Path, tmp_path: Path) -> None:
    parsed = parse(data / "dlt" / "c_garbage5k.dlt", tmp_path)
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
    parsed = parse(damaged, tmp_path)
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
    parsed = parse(content, tmp_path, name="bad.bin")
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
    parsed = parse(data / "rec" / "J7_v2.3.1_0001.rec", tmp_path)
    assert (parsed.status, parsed.rows, parsed.quarantined_bytes) == (Status.PARTIAL, 6001, 0)
    assert sum(parsed.kept_raw.values()) == 6001
    assert all(table.name.startswith("unknown-") for table in parsed.tables)
    assert any("Add the .odvd" in warning for warning in parsed.warnings)


def test_a_specification_that_lacks_messages_is_named(data: Path, tmp_path: Path) -> None:
    wrong = specification_files([data / "rec" / "alltypes.odvd"])
    parsed = parse(data / "rec" / "J7_v2.3.1_0001.rec", tmp_path, specifications=wrong)
    assert any("alltypes.odvd lack" in warning for warning in parsed.warnings)


def test_all_samples_of_rec_are_read_with_merged_specifications(
    data: Path, tmp_path: Path, specifications: Specifications
) -> None:
    recording = data / "rec" / "J7_v2.3.1_0001.rec"
    parsed = parse(recording, tmp_path, specifications=specifications)
    assert (parsed.status, len(parsed.tables)) == (Status.PARSED, 7)
    assert sum(pq.read_metadata(t.files["parquet"]).num_rows for t in parsed.tables) == 6001


def test_an_earlier_quarantine_record_does_not_survive_a_clean_parse(
    data: Path, tmp_path: Path
) -> None:
    assert parse(b"bad", tmp_path).quarantine is not None
    parse(data / "dlt" / "golden.dlt", tmp_path)
    assert not (tmp_path / "quarantine.json").exists()


def test_progress_counts_every_byte(data: Path, tmp_path: Path) -> None:
    counts: list[int] = []
    parse(data / "dlt" / "typ_4MB.dlt", tmp_path, formats=["csv"], progress=counts.append)
    assert sum(counts) == 4_000_000
    assert min(counts) >= 0


def test_raw_payloads_of_non_verbose_messages_are_no_defect() -> None:
    assert status_of(rows=1, quarantined_bytes=0, kept_raw={NON_VERBOSE: 1}) is Status.PARSED
    assert status_of(rows=1, quarantined_bytes=0, kept_raw={"other": 1}) is Status.PARTIAL
    assert status_of(rows=1, quarantined_bytes=1, kept_raw={}) is Status.PARTIAL
    assert status_of(rows=0, quarantined_bytes=1, kept_raw={}) is Status.QUARANTINED


def test_a_lost_message_is_counted_and_is_no_defect(tmp_path: Path) -> None:
    counters = [number for number in range(10) if number != 4]
    parsed = parse(b"".join(dlt_text(b"x", counter=number) for number in counters), tmp_path)
    assert (parsed.status, parsed.lost_messages) == (Status.PARSED, 1)
    assert parsed.warnings == (
        "1 messages are missing by the counters of their senders (table sources)",
    )


def test_a_non_verbose_message_without_a_catalogue_is_named_and_no_defect(tmp_path: Path) -> None:
    parsed = parse(dlt_message(b"\x01\0\0\0more", msin=None), tmp_path)
    assert (parsed.status, parsed.quarantine) == (Status.PARSED, None)
    assert parsed.warnings == (f"kept raw: 1 × {NON_VERBOSE}",)


def test_a_catalogue_that_lacks_messages_is_named_and_that_is_no_defect(
    data: Path, tmp_path: Path
) -> None:
    catalogue = specification_files([], [data / "fibex" / "brake.xml"])
    recording = dlt_message(b"\x01\0\0\0more", msin=None)
    parsed = parse(recording, tmp_path, specifications=catalogue)
    assert parsed.status is Status.PARSED
    assert parsed.warnings[0] == "kept raw: 1 × message id 1 that the catalogue lacks"
    assert "brake.xml lack some messages" in parsed.warnings[-1]


def test_strict_reading_stops_at_the_first_fault(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"x\.dlt, byte 114877: bytes that belong to no DLT"):
        parse(data / "dlt" / "c_garbage5k.dlt", tmp_path, name="x.dlt", strict=True)
    whole = parse(data / "dlt" / "c_clean.dlt", tmp_path, strict=True)
    assert whole.status is Status.PARSED


def test_a_cancelled_recording_ends_early(data: Path, tmp_path: Path) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(CancelledError):
        parse(data / "dlt" / "typ_4MB.dlt", tmp_path, cancellation=cancellation)
    assert not (tmp_path / "quarantine.json").exists()


def test_a_recording_without_a_message_that_is_no_damage_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class HeaderOnly:
        name, version = "made", "1"

        def recognises(self, head: bytes) -> bool:
            return True

        def decode(self, path: Path) -> Iterator[DecodedBatch]:
            nothing = pa.record_batch({"value": pa.array([], pa.int64())})
            yield DecodedBatch("values", nothing, path.stat().st_size)

    # A made-up decoder is not installed, so no other process would find it.
    monkeypatch.setattr("argus_pipeline.recordings.reading.ApartReader", PluginReader)
    monkeypatch.setattr(
        "argus_pipeline.recordings.reading.find_decoder", lambda head: FoundDecoder(HeaderOnly())
    )
    parsed = parse(b"only a header", tmp_path, name="a.log")
    assert (parsed.status, parsed.fault_count) == (Status.QUARANTINED, 0)
    assert parsed.error is not None
    assert parsed.error.startswith("a.log: the recording holds no message")
