"""What an inspection says of one recording."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import backports.zstd as zstd
import pyarrow as pa
import pytest
from native_parser.made import dlt2_text, dlt_message, dlt_text, envelope

from argus_pipeline.errors import ArgusError
from argus_pipeline.recordings import tally
from argus_pipeline.recordings.decoders import DecodedBatch, FoundDecoder
from argus_pipeline.recordings.decoding import parse_recording
from argus_pipeline.recordings.findings import Inspection, MessageType, utc_text
from argus_pipeline.recordings.inspection import inspect_file, inspect_recording
from argus_pipeline.recordings.plugin_reader import PluginReader
from argus_pipeline.recordings.result import Fault, Status
from argus_pipeline.recordings.source import open_source
from argus_pipeline.recordings.specifications import specification_files
from argus_pipeline.recordings.verdict import NON_VERBOSE

CONTROL_REQUEST = 0x16
CONTROL_RESPONSE = 0x26


def inspect(recording: bytes, folder: Path, **options: Any) -> Inspection:
    with open_source(io.BytesIO(recording), folder) as source:
        return inspect_recording(source, name="a", **options)


def log(level: int) -> int:
    return level << 4 | 0x01


def test_senders_severities_and_types_are_counted(tmp_path: Path) -> None:
    found = inspect(
        b"".join(
            [
                *(dlt_text(b"x", counter=n, msin=log(4)) for n in range(5)),
                dlt_text(b"x", app=b"OTHR", msin=log(1)),
                dlt_text(b"x", app=b"OTHR", context=b"C2", msin=log(2), counter=1),
                dlt_text(b"x", ecu=b"ECU2", msin=log(6)),
                dlt_message(b"\x13\0\0\0", app=b"DA1", context=b"DC1", msin=CONTROL_REQUEST),
                dlt_message(b"\x07\0\0\0data", msin=None),
            ]
        ),
        tmp_path,
    )
    assert (found.status, found.messages) == (Status.PARSED, 10)
    assert (found.verbose, found.non_verbose, found.control) == (8, 1, 1)
    assert found.types == {"log": 8, "control": 1, "none": 1}
    assert list(found.severities.items()) == [
        ("fatal", 1),
        ("error", 1),
        ("info", 5),
        ("verbose", 1),
        ("none", 2),
    ]
    assert (found.ecu_count, found.app_count, found.context_count) == (2, 4, 5)
    assert [(e.ecu, e.messages, e.applications, e.contexts) for e in found.ecus] == [
        ("ECU1", 9, 3, 4),
        ("ECU2", 1, 1, 1),
    ]
    assert [(s.ecu, s.app, s.context, s.messages, s.errors) for s in found.senders] == [
        ("ECU1", "APP1", "CTX1", 5, 0),
        ("ECU1", None, None, 1, 0),
        ("ECU1", "DA1", "DC1", 1, 0),
        ("ECU1", "OTHR", "C2", 1, 1),
        ("ECU1", "OTHR", "CTX1", 1, 1),
        ("ECU2", "APP1", "CTX1", 1, 0),
    ]
    assert found.kept_raw == {NON_VERBOSE: 1}


def test_counts_go_on_over_batches_with_other_dictionaries(data: Path, tmp_path: Path) -> None:
    once = (data / "dlt" / "typ_4MB.dlt").read_bytes()
    first = dlt_text(b"x", app=b"ZZZZ", msin=log(1))
    found = inspect(first + once * 3, tmp_path, threads=2)
    alone = inspect(once, tmp_path)
    counts = {(s.app, s.context): s.messages for s in found.senders}
    assert counts.pop(("ZZZZ", "CTX1")) == 1
    assert counts == {(s.app, s.context): 3 * s.messages for s in alone.senders}
    assert found.severities["error"] == 3 * alone.severities["error"]
    assert found.messages == 1 + 3 * alone.messages


def test_lifecycles_come_with_their_versions_and_losses(tmp_path: Path) -> None:
    version = dlt_message(
        b"\x13\0\0\0\0\x04\0\0\0v2.1", msin=CONTROL_RESPONSE, app=b"", context=b"", timestamp=20_000
    )
    first = [dlt_text(b"x", counter=n, timestamp=10_000 + n) for n in (0, 1, 4)]
    second = [dlt_text(b"x", counter=n, timestamp=100 + n, seconds=1_760_000_100) for n in range(2)]
    found = inspect(b"".join([*first, version, *second]), tmp_path)
    assert (found.lifecycle_count, found.lifecycle_kinds) == (2, {"boot": 2})
    one, two = found.lifecycles
    assert (one.ecu, one.lifecycle, one.kind, one.boot) == ("ECU1", 1, "boot", 1)
    assert (one.software_version, one.messages, one.lost) == ("v2.1", 4, 2)
    assert (one.uptime_s, two.software_version, two.lost) == (2.0, None, 0)
    assert utc_text(one.start) == "2025-10-09T08:53:18.000000000Z"
    assert found.lost_messages == 2
    [loser] = found.losses
    assert (loser.app, loser.lost, loser.gaps) == ("APP1", 2, 1)
    assert found.ecus[0].lost == 2


def test_the_time_span_is_that_of_the_events(tmp_path: Path) -> None:
    messages = [dlt2_text(b"x", time=(1_760_000_000 + n, 7), counter=n) for n in (5, 0, 9)]
    found = inspect(b"".join(messages), tmp_path)
    assert found.first_time == 1_760_000_000_000_000_007
    assert found.to_dict()["last_time"] == "2025-10-09T08:53:29.000000007Z"
    assert inspect(dlt_text(b"x", storage=False), tmp_path).first_time is None


def test_message_types_of_rec_say_whether_a_specification_fits(data: Path, tmp_path: Path) -> None:
    recording = (data / "rec" / "alltypes.rec").read_bytes()
    without = inspect(recording, tmp_path)
    assert without.status is Status.PARTIAL
    assert without.message_types[0] == MessageType(None, 4000, 0, 100, decoded=False)
    assert (without.ecu_count, without.severities, without.tables) == (0, {}, {})
    known = specification_files([data / "rec" / "alltypes.odvd"])
    found = inspect(recording, tmp_path, specifications=known)
    assert found.status is Status.PARSED
    assert found.message_types[0] == MessageType("alltypes.Scalars", 4000, 0, 100, decoded=True)
    assert found.message_type_count == len(found.message_types) == 5
    assert found.first_time is not None
    broken = inspect(envelope(4000, b"\xff\xff"), tmp_path, specifications=known)
    assert broken.message_types == (MessageType("alltypes.Scalars", 4000, 0, 1, decoded=False),)


def test_what_is_beyond_the_most_tables_of_rec_is_one_type(tmp_path: Path) -> None:
    recording = b"".join(envelope(number, b"") for number in range(-3, 300))
    found = inspect(recording, tmp_path, listed=None)
    assert sum(kind.messages for kind in found.message_types) == 303
    assert MessageType(None, -3, 0, 1, decoded=False) in found.message_types
    assert found.message_types[0] == MessageType(None, None, None, 47, decoded=False)
    assert found.kept_raw_kind_count == len(found.kept_raw)


def test_damage_is_told_by_reason_and_by_place(data: Path, tmp_path: Path) -> None:
    clean = (data / "dlt" / "golden.dlt").read_bytes()
    found = inspect((clean + b"garbage") * 100, tmp_path)
    assert (found.status, found.quarantined_bytes, found.fault_count) == (Status.PARTIAL, 700, 100)
    assert found.decoded_bytes + found.quarantined_bytes == found.size
    assert len(found.faults) == 10
    assert found.faults[0] == Fault(2076, 7, "bytes that belong to no DLT message")
    assert sum(reason.bytes for reason in found.fault_reasons) == 700
    assert sum(reason.faults for reason in found.fault_reasons) == 100
    assert len(inspect((clean + b"garbage") * 100, tmp_path, listed=None).faults) == 100


def test_compressed_recordings_are_inspected_as_what_is_in_them(data: Path, tmp_path: Path) -> None:
    plain = (data / "dlt" / "c_clean.dlt").read_bytes()
    for name, stored in (("gzip", gzip.compress(plain)), ("zstd", zstd.compress(plain))):
        found = inspect(stored, tmp_path)
        assert (found.status, found.compression) == (Status.PARSED, name)
        assert (found.size, found.stored_size) == (len(plain), len(stored))
    torn = gzip.compress(plain)[:-1000]
    found = inspect(torn, tmp_path)
    assert (found.status, found.error) == (Status.PARTIAL, None)
    assert found.compression_fault == Fault(
        len(torn), 0, "the gzip data is torn off: its end is missing"
    )
    assert 0 < found.messages < 2000


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the recording is empty"),
        (b"time;value\n1;2\n", "it looks like text"),
        (bytes(1000), "zeros"),
        (gzip.compress(b"x" * 99, mtime=0)[:-4], "the gzip data is torn off"),
    ],
)
def test_what_cannot_be_read_has_a_reason(tmp_path: Path, content: bytes, expected: str) -> None:
    found = inspect(content, tmp_path)
    assert (found.status, found.messages, found.is_whole) == (Status.QUARANTINED, 0, False)
    assert expected in (found.error or "")
    json.dumps(found.to_dict())


@pytest.mark.parametrize(
    "recording",
    ["dlt/c_len_2.dlt", "dlt/golden.dlt", "rec/damaged_length.rec", "rec/J7_v2.2.9_0002.rec"],
)
def test_an_inspection_agrees_with_parsing(data: Path, tmp_path: Path, recording: str) -> None:
    known = specification_files([data / "rec" / "vehicle.odvd"])
    with open_source(data / recording, tmp_path) as source:
        parsed = parse_recording(source, tmp_path, name="a", specifications=known)
    found = inspect_file(data / recording, specifications=known)
    assert (found.format, found.status, found.messages) == (
        parsed.format,
        parsed.status,
        parsed.rows,
    )
    assert (found.faults, found.fault_count) == (parsed.faults, parsed.fault_count)
    assert (found.lifecycle_count, found.lost_messages) == (parsed.lifecycles, parsed.lost_messages)
    assert found.kept_raw == parsed.kept_raw


def test_lists_are_cut_and_counts_are_not(tmp_path: Path) -> None:
    messages = [
        dlt_text(b"x", ecu=b"E%03d" % n, app=b"A%03d" % n, counter=c)
        for c in range(3)
        for n in range(20)
    ]
    found = inspect(b"".join(messages), tmp_path)
    lists = (found.ecus, found.senders, found.lifecycles)
    assert [len(listed) for listed in lists] == [10, 10, 10]
    assert (found.ecu_count, found.sender_count, found.lifecycle_count) == (20, 20, 20)
    everything = inspect(b"".join(messages), tmp_path, listed=None)
    assert len(everything.senders) == len(everything.lifecycles) == 20


def test_made_up_ids_do_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "MOST_SENDERS", 10)
    recording = b"".join(dlt_text(b"x", app=b"A%03d" % n) for n in range(50))
    found = inspect(recording, tmp_path, listed=None)
    assert found.sender_count == 11
    assert sum(sender.messages for sender in found.senders) == found.messages == 50
    assert (found.senders[0].ecu, found.senders[0].messages) == (None, 40)


def test_a_decoder_of_others_is_named_with_its_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Made:
        name, version = "made", "3.2"

        def recognises(self, head: bytes) -> bool:
            return True

        def decode(self, path: Path) -> Iterator[DecodedBatch | Fault]:
            times = pa.array([1, 2], pa.timestamp("s", "UTC"))
            yield DecodedBatch("messages", pa.record_batch({"time": times}), 6)
            yield DecodedBatch("lifecycles", pa.record_batch({"n": [1]}), 0)
            yield Fault(6, 4, "odd")

    found_decoder = FoundDecoder(Made(), ("another one is broken",))
    # A made-up decoder is not installed, so no other process would find it.
    monkeypatch.setattr("argus_pipeline.recordings.reading.ApartReader", PluginReader)
    monkeypatch.setattr(
        "argus_pipeline.recordings.reading.find_decoder", lambda head: found_decoder
    )
    found = inspect(b"0123456789", tmp_path)
    assert (found.format, found.decoder, found.status) == ("made", "made 3.2", Status.PARTIAL)
    assert found.tables == {"messages": 2, "lifecycles": 1}
    assert (found.first_time, found.last_time) == (1_000_000_000, 2_000_000_000)
    assert found.warnings == ("another one is broken",)
    assert (found.lifecycle_count, found.sender_count) == (0, 0)


def test_the_keys_of_the_json_are_the_documented_ones(data: Path) -> None:
    content = inspect_file(data / "dlt" / "c_len_2.dlt").to_dict()
    assert set(content) == {"schema", "parser_version", *(f.name for f in fields(Inspection))}
    page = Path(__file__).resolve().parents[2] / "docs" / "inspect.md"
    documented = page.read_text(encoding="utf-8")
    for key in content:
        assert f"`{key}`" in documented, key
    for name in ("ecus", "senders", "losses", "lifecycles", "fault_reasons", "faults"):
        for key in content[name][0]:
            assert f"`{key}`" in documented, key


def test_progress_counts_every_byte(data: Path, tmp_path: Path) -> None:
    counts: list[int] = []
    inspect_file(data / "dlt" / "typ_4MB.dlt", progress=counts.append)
    assert sum(counts) == 4_000_000
    stored = tmp_path / "a.gz"
    stored.write_bytes(gzip.compress((data / "dlt" / "typ_4MB.dlt").read_bytes()))
    counts.clear()
    inspect_file(stored, progress=counts.append)
    assert abs(sum(counts) - stored.stat().st_size) < 100


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArgusError, match="cannot be read: Is a directory"):
        inspect_file(tmp_path)


def test_a_catalogues_ids_count_for_messages_and_not_for_losses(data: Path, tmp_path: Path) -> None:
    known = specification_files([], [data / "fibex" / "brake.xml"])
    entry = 100
    recording = b"".join(
        dlt_message(entry.to_bytes(4, "little"), msin=None, counter=n) for n in (0, 1, 5)
    )
    found = inspect(recording, tmp_path, specifications=known)
    assert known.catalogue is not None
    named = known.catalogue.find(entry)
    assert named is not None
    assert [(s.app, s.messages) for s in found.senders] == [(named.app, 3)]
    assert [(s.app, s.messages, s.lost) for s in found.losses] == [(None, 3, 3)]
    assert found.ecus[0].lost == found.lost_messages == 3
