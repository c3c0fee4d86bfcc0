"""DLT recordings: the golden one column by column, the samples of others, and damage."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from native_parser.made import dlt_message, dlt_text, parse

COLUMNS = {
    "offset": pl.UInt64,
    "size": pl.UInt32,
    "storage_time": pl.Datetime("ns", "UTC"),
    "ecu_time": pl.Datetime("ns", "UTC"),
    "uptime_s": pl.Float64,
    "time": pl.Datetime("ns", "UTC"),
    "lifecycle": pl.UInt32,
    "counter": pl.UInt8,
    "ecu": pl.Categorical,
    "session_id": pl.UInt32,
    "app": pl.Categorical,
    "context": pl.Categorical,
    "type": pl.Categorical,
    "subtype": pl.Categorical,
    "severity": pl.Categorical,
    "verbose": pl.Boolean,
    "message_id": pl.UInt32,
    "service": pl.Categorical,
    "text": pl.String,
    "payload": pl.Binary,
    "source_file": pl.Categorical,
    "source_line": pl.UInt32,
    "tags": pl.Categorical,
    "privacy_level": pl.UInt8,
    "note": pl.Categorical,
}

# Read off the bytes of golden.dlt by hand: offset, size, microseconds of the storage time, counter,
# context, type, subtype, verbose, message id, text, payload.
LOG = "log"
GOLDEN = [
    (0, 82, 749141, 0, "INST", LOG, "fatal", True, None, 'plain, "quoted"\nnewline 1 0', None),
    (82, 64, 749166, 1, "INST", LOG, "error", True, None, "ä日本 ", None),
    (
        146,
        73,
        749173,
        2,
        "INST",
        LOG,
        "warn",
        True,
        None,
        "-128 -32768 -2147483648 -9223372036854775808",
        None,
    ),
    (
        219,
        73,
        749177,
        3,
        "INST",
        LOG,
        "info",
        True,
        None,
        "255 65535 4294967295 18446744073709551615",
        None,
    ),
    (292, 74, 749181, 4, "INST", LOG, "debug", True, None, "3.14159 -1e+300 0.1", None),
    (
        366,
        80,
        749186,
        5,
        "INST",
        LOG,
        "verbose",
        True,
        None,
        "00'01'fe'ff'44'4c'54'01 0xab 0xdeadbeef 0b0000 0101 0b1000 0000 0000 0001",
        None,
    ),
    (
        446,
        107,
        749190,
        6,
        "INST",
        LOG,
        "info",
        True,
        None,
        "coolant: -40 degC batt: 12.6 V ver: v2.3",
        None,
    ),
    (553, 59, 749193, 0, "PWRM", LOG, "info", True, None, "7 nv", None),
    (612, 60, 749198, 0, "NETM", "network_trace", "can", True, None, "01'02 01'02'03'04", None),
    (
        672,
        56,
        749201,
        1,
        "PWRM",
        LOG,
        "warn",
        False,
        42,
        None,
        bytes.fromhex("0700000004006e763200"),
    ),
    (728, 1348, 749204, 0, "DIAG", LOG, "info", True, None, "x" * 1299, None),
]


def read(folder: Path, name: str) -> bytes:
    return (folder / "dlt" / name).read_bytes()


def test_the_table_has_the_documented_columns(data: Path) -> None:
    assert dict(parse(read(data, "golden.dlt")).messages.schema) == COLUMNS


def test_every_column_of_the_golden_recording_is_what_its_bytes_say(data: Path) -> None:
    frame = parse(read(data, "golden.dlt")).messages
    expected = [
        {
            "offset": offset,
            "size": size,
            "storage_time": datetime(2026, 11, 23, 15, 55, 42, microseconds, UTC),
            "ecu_time": None,
            "uptime_s": 1021.0872,
            # Without the first pass there is no better time than the receiver's.
            "time": datetime(2026, 11, 23, 15, 55, 42, microseconds, UTC),
            "lifecycle": None,
            "counter": counter,
            "ecu": "ECU1",
            "session_id": 0x5547,
            "app": "UPDM",
            "context": context,
            "type": kind,
            "subtype": subtype,
            "severity": subtype if kind == LOG else None,
            "verbose": verbose,
            "message_id": message_id,
            "service": None,
            "text": text,
            "payload": payload,
            "source_file": None,
            "source_line": None,
            "tags": None,
            "privacy_level": None,
            "note": None,
        }
        for offset, size, microseconds, counter, context, kind, subtype, verbose, message_id, text,
        payload in GOLDEN
    ]  # fmt: skip
    assert frame.to_dicts() == expected


@pytest.mark.parametrize(
    ("name", "messages"),
    [("golden.dlt", 11), ("c_clean.dlt", 2000), ("c_serial.dlt", 2000), ("c_nostorage.dlt", 2000)],
)
def test_whole_recordings_decode_to_the_last_byte(data: Path, name: str, messages: int) -> None:
    parsed = parse(read(data, name))
    assert (parsed.format, parsed.rows, parsed.faults) == ("dlt", messages, [])


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        ("COVESA_dlt-daemon__testfile.dlt", 105),
        ("COVESA_dlt-daemon__testfile_extended.dlt", 111),
        ("esrlabs_chipmunk__attachments.dlt", 9),
        ("esrlabs_chipmunk__someip.dlt", 6),
    ],
)
def test_recordings_of_other_projects_decode_to_the_last_byte(
    shared_data: Path, name: str, messages: int
) -> None:
    parsed = parse((shared_data / "dlt" / "third_party" / name).read_bytes())
    assert (parsed.rows, parsed.faults) == (messages, [])


@pytest.mark.parametrize(
    ("name", "messages", "quarantined"),
    [
        ("c_len_2.dlt", 1999, 128),
        ("c_len_ffff.dlt", 1999, 128),
        ("c_len_plus40.dlt", 1999, 128),
        ("c_garbage5k.dlt", 2000, 5000),
        ("c_zeros4k.dlt", 2000, 4096),
        ("c_trunc_head.dlt", 2000, 5),
        ("c_trunc_mid.dlt", 1999, 30),
        ("c_trunc_tail.dlt", 1999, 53),
        ("c_magic_in_payload.dlt", 2000, 0),
    ],
)
def test_one_fault_costs_at_most_the_damaged_message(
    data: Path, name: str, messages: int, quarantined: int
) -> None:
    parsed = parse(read(data, name))
    assert (parsed.rows, parsed.quarantined_bytes) == (messages, quarantined)
    assert len(parsed.faults) == (1 if quarantined else 0)
    # What is left is what the clean recording holds, and nothing made up.
    clean = parse(read(data, "c_clean.dlt")).messages
    if name != "c_magic_in_payload.dlt":
        texts = parsed.messages["text"].to_list()
        assert set(texts) <= set(clean["text"].to_list())


def test_a_message_with_the_pattern_in_its_text_is_not_split(data: Path) -> None:
    frame = parse(read(data, "c_magic_in_payload.dlt")).messages
    with_pattern = frame.filter(pl.col("text").str.contains("DLT\u2401", literal=True))
    assert with_pattern.height == 1
    assert with_pattern["size"].item() == 16 + 0x71


def test_serial_framing_has_no_storage_time() -> None:
    frame = parse(dlt_text(b"a", storage=False) + dlt_text(b"b")).messages
    assert frame["storage_time"].is_null().to_list() == [True, False]
    assert frame["ecu"].to_list() == ["ECU1", "ECU1"]


def test_invalid_text_and_ids_are_made_harmless() -> None:
    frame = parse(dlt_text(b"a\xff\x1b[2J\0", app=b"\x01\xffA\0")).messages
    assert frame["text"].item() == "a\ufffd\u241b[2J"
    assert frame["app"].item() == "\u2401\ufffdA"


def test_an_aray_argument_is_kept_raw_and_flagged() -> None:
    array = struct.pack("<IHB", 0x100, 1, 7)
    message = dlt_message(struct.pack("<IB", 0x41, 5) + array, arguments=2)
    parsed = parse(message)
    row = parsed.messages.to_dicts()[0]
    assert (row["text"], row["payload"], row["note"]) == ("5", array, "ARAY argument kept raw")
    assert parsed.undecoded == {"ARAY argument kept raw": 1}


def test_missing_arguments_are_noted_and_nothing_is_lost() -> None:
    row = parse(dlt_message(struct.pack("<IB", 0x41, 5), arguments=3)).messages.to_dicts()[0]
    assert (row["text"], row["note"]) == ("5", "fewer arguments than announced")


def test_a_software_version_response_is_decoded() -> None:
    payload = struct.pack("<IBI", 0x13, 0, 6) + b"v2.3.1"
    row = parse(dlt_message(payload, msin=0x26)).messages.to_dicts()[0]
    assert (row["type"], row["subtype"], row["service"], row["text"]) == (
        "control",
        "response",
        "get_software_version",
        "get_software_version ok: v2.3.1",
    )
    assert row["severity"] is None


def test_an_unknown_service_is_named_by_its_number() -> None:
    row = parse(dlt_message(struct.pack("<I", 0x1234), msin=0x16)).messages.to_dicts()[0]
    assert row["service"] == "0x00001234"


def test_the_time_before_1970_and_after_2038_is_kept() -> None:
    frame = parse(
        dlt_text(b"a", seconds=0, microseconds=-1) + dlt_text(b"b", seconds=0xFFFFFFFF)
    ).messages
    assert frame["storage_time"].dt.epoch("us").to_list() == [-1, 0xFFFFFFFF * 1_000_000]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"one line\nanother line\n" * 10, "looks like text"),
        (b"\x1f\x8b\x08" + bytes(range(50)), "gzip"),
        (b"LOGG" + bytes(range(200)), "BLF"),
    ],
)
def test_an_unknown_format_is_quarantined_whole_and_says_what_it_looks_like(
    content: bytes, reason: str
) -> None:
    parsed = parse(content)
    assert parsed.format is None
    [(offset, length, text)] = parsed.faults
    assert (offset, length) == (0, len(content))
    assert reason in text
