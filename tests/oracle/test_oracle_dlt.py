"""The independent DLT decoder itself, against counts and values that are known otherwise."""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

import pytest
from native_parser.made import dlt2_text, dlt_text
from oracle import dlt

THIRD_PARTY = {
    "COVESA_dlt-daemon__testfile.dlt": 105,
    "COVESA_dlt-daemon__testfile_extended.dlt": 111,
    "esrlabs_chipmunk__attachments.dlt": 9,
    "esrlabs_chipmunk__someip.dlt": 6,
    "COVESA_dlt-daemon__testfile-v2.dlt": 1,
    "COVESA_dlt-viewer__testfile.dlt": 1,
}


@pytest.mark.parametrize(
    ("name", "count"),
    [("golden.dlt", 11), ("c_clean.dlt", 2000), ("c_serial.dlt", 2000), ("c_nostorage.dlt", 2000)],
)
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


def test_it_reads_the_two_real_samples_of_version_2(shared_data: Path) -> None:
    folder = shared_data / "dlt" / "third_party"
    [daemon] = dlt.decode((folder / "COVESA_dlt-daemon__testfile-v2.dlt").read_bytes())
    [viewer] = dlt.decode((folder / "COVESA_dlt-viewer__testfile.dlt").read_bytes())
    assert daemon["storage_time_ns"] == 1_762_859_017_990_291_006
    assert (daemon["ecu_time_ns"], daemon["uptime_ns"]) == (1_762_859_017_990_291_678, None)
    assert (viewer["ecu_time_ns"], viewer["uptime_ns"]) == (None, 2_874_416_044)
    assert (daemon["text"], viewer["framing"]) == ("0 Hello World", "bare")


def test_it_reads_what_is_built_of_any_version_and_framing() -> None:
    mixed = (
        dlt_text(b"a", bare=True)
        + dlt2_text(b"b", little=True, source=(b"f.c", 7), stored=None)
        + dlt2_text(b"c", tags=[b"x", b"y"], session=5)
        + dlt_text(b"d", storage=False)
        + dlt_text(b"e")
    )
    rows = dlt.decode(mixed)
    assert [row["text"] for row in rows] == ["a", "b", "c", "d", "e"]
    assert [row["framing"] for row in rows] == ["bare", "bare", "storage", "serial", "storage"]
    assert [row["version"] for row in rows] == [1, 2, 2, 1, 1]
    assert (rows[1]["source_file"], rows[1]["source_line"]) == ("f.c", 7)
    assert (rows[2]["tags"], rows[2]["session_id"]) == ("x y", 5)


def test_it_says_when_version_2_hangs_together_in_no_byte_order() -> None:
    message = dlt2_text(b"a", time=(1, 1_000_000_000))
    with pytest.raises(dlt.DoesNotFit, match="in no byte order"):
        dlt.decode(message)


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
