"""DLT version 2 in its two dialects: headers, times, payloads."""

from __future__ import annotations

import itertools
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from native_parser.made import SINCE_START, dlt2_message, dlt2_text, dlt_text, parse

START = datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
DIALECTS = pytest.mark.parametrize("little", [True, False], ids=["little", "big"])
OF_VERSION_2 = ("ecu_time", "source_file", "source_line", "tags", "privacy_level")


def row_of(data: bytes) -> dict[str, Any]:
    parsed = parse(data)
    assert (parsed.format, parsed.faults) == ("dlt", [])
    [row] = parsed.messages.to_dicts()
    return row


# The two real samples, read off their bytes by hand.


def test_the_sample_of_the_daemon_is_what_its_bytes_say(shared_data: Path) -> None:
    content = (
        shared_data / "dlt" / "third_party" / "COVESA_dlt-daemon__testfile-v2.dlt"
    ).read_bytes()
    row = row_of(content)
    times = parse(content).messages.select("storage_time", "ecu_time").to_numpy().astype("int64")
    assert times.tolist() == [[1_762_859_017_990_291_006, 1_762_859_017_990_291_678]]
    expected = {
        "offset": 0,
        "size": 128,
        "uptime_s": None,
        "lifecycle": None,
        "counter": 0,
        "ecu": "ECU1",
        "session_id": 28_531,
        "app": "LOGGER",
        "context": "TESTER",
        "type": "log",
        "subtype": "warn",
        "severity": "warn",
        "verbose": True,
        "message_id": None,
        "service": None,
        "text": "0 Hello World",
        "payload": None,
        "source_file": "dlt-example-user-v2.c",
        "source_line": 401,
        "tags": "TAG1 TAG2 TAG3",
        "privacy_level": 32,
        "note": None,
    }
    assert {name: row[name] for name in expected} == expected


def test_the_sample_of_the_viewer_is_what_its_bytes_say(shared_data: Path) -> None:
    row = row_of(
        (shared_data / "dlt" / "third_party" / "COVESA_dlt-viewer__testfile.dlt").read_bytes()
    )
    expected = {
        "offset": 0,
        "size": 71,
        "storage_time": None,
        "ecu_time": None,
        # 0xb41e87ac nanoseconds, whose highest bit says "since the ECU started", and 2 seconds.
        "uptime_s": 2.874416044,
        "counter": 1,
        "ecu": "ECU1",
        "session_id": None,
        "app": "logd",
        "context": "RBUF",
        "severity": "info",
        "verbose": True,
        "text": "Start logging after ECU startup",
        "payload": None,
        "source_file": None,
        "source_line": None,
        "tags": None,
        "privacy_level": None,
        "note": None,
    }
    assert {name: row[name] for name in expected} == expected


# Headers of version 2.


@DIALECTS
def test_every_field_of_version_2_is_read_in_either_dialect(little: bool) -> None:
    row = row_of(
        dlt2_text(
            b"hello\0",
            little=little,
            time=(1_760_000_000, 123_456_789),
            stored=(1_760_000_001, 5),
            counter=200,
            ecu=b"a long name of an ECU",
            ids=(b"application", b"context"),
            session=0x01020304,
            source=(b"main.cpp", 0x010203),
            tags=[b"one", b"two"],
            privacy=7,
        )
    )
    expected = {
        "counter": 200,
        "ecu": "a long name of an ECU",
        "app": "application",
        "context": "context",
        "session_id": 0x01020304,
        "source_file": "main.cpp",
        "source_line": 0x010203,
        "tags": "one two",
        "privacy_level": 7,
        "uptime_s": None,
        "text": "hello",
    }
    assert {name: row[name] for name in expected} == expected
    assert row["ecu_time"] == START.replace(microsecond=123_456)
    assert row["storage_time"] == START.replace(second=21)


@DIALECTS
@pytest.mark.parametrize("stored", [True, False])
def test_any_choice_of_optional_fields_is_read(little: bool, stored: bool) -> None:
    fields: dict[str, Any] = {
        "ecu": b"E",
        "ids": (b"A", b"C"),
        "session": 9,
        "source": (b"f.c", 300),
        "tags": [b"t"],
        "privacy": 1,
    }
    for size in range(len(fields) + 1):
        for names in itertools.combinations(fields, size):
            chosen = {name: fields[name] if name in names else None for name in fields}
            options: dict[str, Any] = {} if stored else {"stored": None}
            if not stored and not {"ecu", "ids"} & set(names):
                continue  # Without a pattern and without any id it could be anything.
            row = row_of(dlt2_text(b"x", little=little, **chosen, **options))
            found = (row["ecu"], row["app"], row["context"], row["session_id"])
            ecu = "E" if "ecu" in names else "STOR" if stored else None
            ids = ("A", "C") if "ids" in names else (None, None)
            assert found == (ecu, *ids, 9 if "session" in names else None), names
            found = (row["source_file"], row["source_line"], row["tags"], row["privacy_level"])
            source = ("f.c", 300) if "source" in names else (None, None)
            tags = "t" if "tags" in names else None
            assert found == (*source, tags, 1 if "privacy" in names else None), names


def test_messages_of_version_1_have_no_fields_of_version_2() -> None:
    row = row_of(dlt_text(b"a"))
    assert [row[name] for name in OF_VERSION_2] == [None] * 5


@DIALECTS
def test_a_set_highest_bit_of_the_nanoseconds_means_since_the_start(little: bool) -> None:
    row = row_of(dlt2_text(b"a", little=little, time=(3, 500_000_000 | SINCE_START)))
    assert (row["uptime_s"], row["ecu_time"]) == (3.5, None)


@DIALECTS
def test_a_small_time_without_the_bit_counts_from_the_start_as_well(little: bool) -> None:
    row = row_of(dlt2_text(b"a", little=little, time=(99_999_999, 0)))
    assert (row["uptime_s"], row["ecu_time"]) == (99_999_999, None)
    row = row_of(dlt2_text(b"a", little=little, time=(100_000_000, 0)))
    assert (row["uptime_s"], row["ecu_time"].timestamp()) == (None, 100_000_000)


def test_without_a_first_pass_the_event_time_is_the_ecus_own_or_the_receivers() -> None:
    later = (1_760_000_060, 0)
    data = (
        dlt2_text(b"a", time=(1_760_000_000, 0), stored=later)
        + dlt2_text(b"b", time=(5, SINCE_START), stored=later)
        + dlt_text(b"c", seconds=1_760_000_060)
        + dlt_text(b"d", storage=False)
    )
    frame = parse(data).messages
    received = START.replace(minute=54)
    assert frame["time"].to_list() == [START, received, received, None]
    assert frame["lifecycle"].to_list() == [None] * 4


# Payloads of version 2.


@DIALECTS
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_payload_is_read_in_the_byte_order_in_which_it_fits(little: bool, order: str) -> None:
    payload = struct.pack(order + "IIIHsIBId", 0x43, 7, 0x200, 1, b"x", 0x11, 1, 0x84, 0.1)
    row = row_of(dlt2_message(payload, little=little, arguments=4))
    assert (row["text"], row["payload"], row["note"]) == ("7 x 1 0.1", None, None)


@DIALECTS
def test_the_message_id_of_version_2_is_in_its_header(little: bool) -> None:
    row = row_of(dlt2_message(b"\x01\x02", little=little, message_id=0x01020304))
    expected = {
        "message_id": 0x01020304,
        "payload": b"\x01\x02",
        "verbose": False,
        "type": None,
        "subtype": None,
        "severity": None,
        "text": None,
    }
    assert {name: row[name] for name in expected} == expected
    assert row["ecu_time"] == START


@DIALECTS
@pytest.mark.parametrize("order", ["<", ">"])
def test_control_messages_of_version_2_are_decoded_and_have_no_time(
    little: bool, order: str
) -> None:
    payload = struct.pack(order + "IBI", 0x13, 0, 6) + b"v2.3.1"
    row = row_of(dlt2_message(payload, little=little, msin=0x26))
    expected = {
        "type": "control",
        "subtype": "response",
        "service": "get_software_version",
        "text": "get_software_version ok: v2.3.1",
        "ecu_time": None,
        "uptime_s": None,
        "verbose": False,
    }
    assert {name: row[name] for name in expected} == expected


@DIALECTS
def test_a_segment_of_a_longer_message_is_kept_raw_and_flagged(little: bool) -> None:
    segment = b"\x01\x00" + struct.pack("<Q" if little else ">Q", 100_000)
    parsed = parse(dlt2_message(b"the beginning", little=little, segment=segment))
    [row] = parsed.messages.to_dicts()
    assert (row["text"], row["payload"]) == (None, segment + b"the beginning")
    assert row["note"] is not None
    assert list(parsed.undecoded.values()) == [1]
