""".rec recordings: against the reference tool's CSV, with defaults and damage."""

from __future__ import annotations

import base64
import csv
import math
from datetime import UTC, datetime
from pathlib import Path

import argus_native
import polars as pl
import pytest
from native_parser.made import Parsed, delimited, envelope, parse, zigzag


def specification(folder: Path, name: str) -> argus_native.Specification:
    return argus_native.Specification((folder / "rec" / name).read_text(), source=name)


def parse_sample(data: Path, name: str, odvd: str) -> Parsed:
    return parse((data / "rec" / name).read_bytes(), specification=specification(data, odvd))


@pytest.mark.parametrize(
    ("name", "odvd", "envelopes"),
    [
        ("J7_v2.2.9_0002.rec", "vehicle.odvd", 6001),
        ("J7_v2.3.1_0001.rec", "vehicle.odvd", 6001),
        ("alltypes.rec", "alltypes.odvd", 381),
    ],
)
def test_every_envelope_is_decoded(data: Path, name: str, odvd: str, envelopes: int) -> None:
    parsed = parse_sample(data, name, odvd)
    assert (parsed.format, parsed.rows) == ("rec", envelopes)
    assert (parsed.faults, parsed.undecoded) == ([], {})


@pytest.mark.parametrize(
    ("name", "envelopes", "quarantined"),
    [
        ("damaged_garbage4k.rec", 6001, 4096),
        ("damaged_length.rec", 6000, 62),
        ("damaged_truncated.rec", 2940, 9),
    ],
)
def test_one_fault_costs_at_most_the_damaged_envelope(
    data: Path, name: str, envelopes: int, quarantined: int
) -> None:
    parsed = parse_sample(data, name, "vehicle.odvd")
    assert (parsed.rows, parsed.quarantined_bytes) == (envelopes, quarantined)
    assert len(parsed.faults) == 1


@pytest.mark.parametrize(
    ("name", "odvd"), [("J7_v2.3.1_0001", "vehicle.odvd"), ("alltypes", "alltypes.odvd")]
)
def test_values_equal_the_reference_tools_up_to_its_loss_of_digits(
    data: Path, name: str, odvd: str
) -> None:
    parsed = parse_sample(data, f"{name}.rec", odvd)
    expected = {path.stem: path for path in (data / "rec" / "expected" / name).glob("*.csv")}
    assert set(parsed.tables) == set(expected)
    for table, path in expected.items():
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        # The tool sorts by sample time; ties keep the order of the file.
        frame = parsed.tables[table].sort("sample_time", maintain_order=True)
        assert frame.height == len(rows)
        fields = [c for c in frame.columns if c not in ENVELOPE]
        assert fields == [c for c in rows[0] if c and not is_time(c)]
        for found, wanted in zip(frame.iter_rows(named=True), rows, strict=True):
            for column, prefix in TIMES.items():
                assert same_time(found[column], wanted, prefix)
            for field in fields:
                assert same_value(found[field], wanted[field], frame.schema[field]), (field, wanted)


ENVELOPE = ("offset", "size", "sent", "received", "sample_time", "unknown_fields")
TIMES = {"sent": "sent", "received": "received", "sample_time": "sampleTimeStamp"}


def is_time(column: str) -> bool:
    return column.partition(".")[0] in TIMES.values()


def same_time(found: datetime, row: dict[str, str], prefix: str) -> bool:
    wanted = datetime.fromtimestamp(int(row[f"{prefix}.seconds"]), UTC).replace(
        microsecond=int(row[f"{prefix}.microseconds"])
    )
    return found == wanted


def same_value(found: object, wanted: str, kind: pl.DataType) -> bool:
    if isinstance(found, bytes):
        return found == base64.b64decode(wanted)
    if isinstance(found, str):
        # A char is printed as it is, a text in base64, which is never one character long.
        return found == (wanted if len(wanted) == 1 else base64.b64decode(wanted).decode())
    if isinstance(found, bool):
        return found == bool(int(wanted))
    if isinstance(found, float):
        digits = 7 if kind == pl.Float32 else 11
        text = float(wanted)
        if math.isnan(text) or math.isinf(text):
            return str(text) == str(found)
        return math.isclose(found, text, rel_tol=10.0 ** (1 - digits), abs_tol=0.0)
    return found == int(wanted)


def test_absent_fields_take_their_defaults(data: Path) -> None:
    parsed = parse(envelope(4000, b""), specification=specification(data, "alltypes.odvd"))
    row = parsed.tables["alltypes.Scalars-0"].drop(ENVELOPE).to_dicts()[0]
    assert row == {
        "flag": True, "letter": "c", "i8": -1, "u8": 0, "i16": 0, "u16": 0, "i32": 0, "u32": 0,
        "i64": 0, "u64": 0, "f": 0.0, "d": 0.0, "text": "none", "blob": b"",
    }  # fmt: skip


def test_unknown_fields_are_kept_raw_and_counted(data: Path) -> None:
    new, newer = delimited(77, b"new"), b"\xf8\x04\x07"
    payload = new + delimited(13, "grüß".encode()) + newer + b"\x18" + zigzag(-5)
    parsed = parse(
        envelope(4000, payload) + envelope(4000, b"\x18" + zigzag(1)),
        specification=specification(data, "alltypes.odvd"),
    )
    first, second = parsed.tables["alltypes.Scalars-0"].to_dicts()
    assert (first["text"], first["i8"], first["unknown_fields"]) == ("grüß", -5, new + newer)
    assert (second["i8"], second["unknown_fields"]) == (1, None)
    assert parsed.undecoded == {
        "field 77 of alltypes.Scalars that its specification lacks": 1,
        "field 79 of alltypes.Scalars that its specification lacks": 1,
    }


def test_unknown_fields_of_nested_messages_are_kept_as_well(data: Path) -> None:
    inner = b"\x08\x07" + delimited(9, b"?")
    parsed = parse(
        envelope(4002, delimited(2, inner)), specification=specification(data, "alltypes.odvd")
    )
    row = parsed.tables["alltypes.Nested-0"].to_dicts()[0]
    assert (row["inner.a"], row["unknown_fields"]) == (7, delimited(9, b"?"))


def test_absent_times_are_null(data: Path) -> None:
    parsed = parse(
        envelope(4000, b"", times=False), specification=specification(data, "alltypes.odvd")
    )
    row = parsed.tables["alltypes.Scalars-0"].to_dicts()[0]
    assert (row["sent"], row["received"], row["sample_time"]) == (None, None, None)


def test_nested_messages_are_flattened_with_dots(data: Path) -> None:
    payload = delimited(2, b"\x08\x07" + delimited(2, b"in")) + b"\x08\x2a"
    parsed = parse(envelope(4002, payload), specification=specification(data, "alltypes.odvd"))
    row = parsed.tables["alltypes.Nested-0"].drop(ENVELOPE).to_dicts()[0]
    assert row == {"before": 42, "inner.a": 7, "inner.b": "in", "after": 0.0}


def test_each_sender_has_its_own_table(data: Path) -> None:
    recording = envelope(4003, b"", sender=3) + envelope(4003, b"", sender=9)
    parsed = parse(recording, specification=specification(data, "alltypes.odvd"))
    assert set(parsed.tables) == {"alltypes.Empty-3", "alltypes.Empty-9"}


def test_a_message_without_a_specification_is_kept_raw_and_counted() -> None:
    parsed = parse(envelope(-12, b"abc", sender=1) + envelope(-12, b"", sender=1))
    assert parsed.tables["unknown--12-1"]["payload"].to_list() == [b"abc", b""]
    assert parsed.undecoded == {"data type -12 without a specification": 2}


@pytest.mark.parametrize(
    "payload",
    [
        b"\x18\x80\x04",  # i8 = 256
        b"\x1a\x01x",  # i8 as a text
        b"\x6a\x7fabc",  # a text longer than the message
        b"\x08\x02",  # a bool that is 2
    ],
)
def test_a_message_that_contradicts_its_specification_is_kept_raw(
    data: Path, payload: bytes
) -> None:
    parsed = parse(envelope(4000, payload), specification=specification(data, "alltypes.odvd"))
    assert parsed.tables["unknown-4000-0"]["payload"].to_list() == [payload]
    assert parsed.undecoded == {"alltypes.Scalars that does not fit its specification": 1}


def test_a_field_named_like_a_column_of_the_envelope_gets_an_underscore() -> None:
    text = "message A [id = 1] { uint8 offset [id = 1]; uint8 offset_ [id = 2]; }"
    parsed = parse(envelope(1, b"\x08\x05\x10\x06"), specification=argus_native.Specification(text))
    assert parsed.tables["A-0"].columns[5:-1] == ["offset_", "offset__"]
    assert parsed.tables["A-0"].row(0)[5:-1] == (5, 6)


def test_thousands_of_senders_make_a_bounded_number_of_tables(data: Path) -> None:
    recording = b"".join(envelope(4003, b"", sender=sender) for sender in range(1000))
    parsed = parse(recording, specification=specification(data, "alltypes.odvd"))
    assert parsed.rows == 1000
    assert len(parsed.tables) == 257
    assert parsed.tables["unknown-overflow"]["sender"].to_list() == list(range(256, 1000))
    assert parsed.undecoded == {"message beyond the 256th table": 744}


def test_garbage_between_envelopes_costs_none() -> None:
    recording = envelope(1, b"a") + b"garbage \x0d\xa4 garbage" + envelope(1, b"b")
    parsed = parse(recording)
    assert parsed.tables["unknown-1-0"]["payload"].to_list() == [b"a", b"b"]


def test_a_length_that_leaves_fields_out_is_damage_and_no_message() -> None:
    whole = envelope(1, b"payload", sender=7)
    torn = bytearray(whole)
    torn[2] -= 2  # leaves the sender out
    parsed = parse(whole + bytes(torn) + whole)
    assert parsed.tables["unknown-1-7"].height == 2
    assert parsed.quarantined_bytes == len(torn)
