"""The independent DLT decoder itself, against counts and values that are known otherwise."""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

import pytest
from oracle import dlt

THIRD_PARTY = {
    "COVESA_dlt-daemon__testfile.dlt": 105,
    "COVESA_dlt-daemon__testfile_extended.dlt": 111,
    "esrlabs_chipmunk__attachments.dlt": 9,
    "esrlabs_chipmunk__someip.dlt": 6,
}


@pytest.mark.parametrize(("name", "count"), [("golden.dlt", 11), ("c_clean.dlt", 2000)])
def test_it_finds_every_message_of_the_samples(data: Path, name: str, count: int) -> None:
    content = (data / "dlt" / name).read_bytes()
    messages = dlt.decode(content)
    assert len(messages) == count
    assert sum(m["size"] for m in messages) == len(content)


@pytest.mark.parametrize(("name", "count"), THIRD_PARTY.items())
def test_it_finds_every_message_of_others_samples(shared_data: Path, name: str, count: int) -> None:
    assert len(dlt.decode((shared_data / "dlt" / "third_party" / name).read_bytes())) == count


def test_it_reads_the_arguments_of_the_golden_sample(data: Path) -> None:
    messages = dlt.decode((data / "dlt" / "golden.dlt").read_bytes())
    kinds = Counter(a.kind for m in messages for a in m["arguments"] or ())
    assert {"text", "int", "float", "bool", "raw"} <= set(kinds)
    assert {m["severity"] for m in messages} & {"fatal", "error", "warn", "info"}


def test_it_says_where_a_damaged_file_stops_to_fit(data: Path) -> None:
    with pytest.raises(dlt.DoesNotFit) as caught:
        dlt.decode((data / "dlt" / "c_garbage5k.dlt").read_bytes())
    assert caught.value.offset > 0


def test_it_jumps_over_known_damage(data: Path) -> None:
    content = (data / "dlt" / "golden.dlt").read_bytes()
    first = dlt.message(content, 0)["size"]
    harmed = content[:first] + b"garbage" + content[first:] + b"DLT"
    found = dlt.decode(harmed, damaged=[(first, first + 7), (len(content) + 7, len(harmed))])
    assert len(found) == 11


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [(0.1, "f", "0.1"), (0.1, "d", "0.1"), (1 / 3, "d", "0.3333333333333333"), (2.0, "e", "2")],
)
def test_floats_have_the_fewest_digits_that_read_back(value: float, form: str, shown: str) -> None:
    (rounded,) = struct.unpack(form, struct.pack(form, value))
    assert dlt.shortest(rounded, form) == shown


def test_control_characters_and_bad_utf8_are_made_visible() -> None:
    assert dlt.text_of(b"a\x00") == "a"
    assert dlt.text_of("é\n\x1b\x7f".encode() + b"\xff") == "é\n␛␡\ufffd"
