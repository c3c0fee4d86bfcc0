"""Row for row the same as `dlt-convert -a`, on every file where that tool is right.

Where it is not, the tables here say so, and fail when it becomes right. `docs/peers.md` has the
reasons.
"""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import NamedTuple

import pytest
from native_parser.made import Parsed, dlt2_text, dlt_message, dlt_text, parse
from oracle import dlt, dlt_convert
from oracle.dlt_convert import Difference

from argus_pipeline.simulate.fleet import write_fleet

pytestmark = pytest.mark.skipif(
    not os.access(dlt_convert.TOOL, os.X_OK),
    reason=f"{dlt_convert.TOOL} is not here (Debian: apt-get install dlt-tools)",
)


class Differs(NamedTuple):
    """A file of which the tool prints so many `lines`, and we make so many `rows`.

    The first `right` lines are the same.
    """

    lines: int
    rows: int
    right: int


# The files of tests/data/dlt that are not here are the same in every field of every line.
DIFFERS = {
    # A length that is too small: it stops there.
    "c_len_2.dlt": Differs(1000, 1999, 1000),
    # One that is too large: it takes what the length covers for one message.
    "c_len_ffff.dlt": Differs(1429, 1999, 1000),
    "c_len_plus40.dlt": Differs(1999, 1999, 1000),
    # A message cut short swallows the next one.
    "c_trunc_mid.dlt": Differs(1998, 1999, 1000),
    # A last message cut short is printed with what was left in its buffer.
    "c_trunc_tail.dlt": Differs(2000, 1999, 1999),
    "typ_4MB.dlt": Differs(34825, 34824, 34824),
    # It needs the storage header, which the first message has lost.
    "c_trunc_head.dlt": Differs(1999, 2000, 0),
    # It reads no other framing than the storage header of version 1.
    "c_nostorage.dlt": Differs(0, 2000, 0),
    "c_serial.dlt": Differs(0, 2000, 0),
}
DIFFERS_OF_OTHERS = {
    "COVESA_dlt-daemon__testfile-v2.dlt": Differs(0, 1, 0),
    "COVESA_dlt-viewer__testfile.dlt": Differs(0, 1, 0),
}
RIGHT = ("golden", "c_clean", "c_magic_in_payload", "c_garbage5k", "c_zeros4k")
RIGHT_OF_OTHERS = (
    "COVESA_dlt-daemon__testfile.dlt",
    "COVESA_dlt-daemon__testfile_extended.dlt",
    "esrlabs_chipmunk__attachments.dlt",
    "esrlabs_chipmunk__someip.dlt",
)


class Compared(NamedTuple):
    lines: int
    rows: int
    differences: list[Difference]


def compared(path: Path) -> Compared:
    data = path.read_bytes()
    ours = parse(data)
    damaged = [(offset, offset + length) for offset, length, _ in ours.faults]
    messages = dlt.decode(data, damaged=damaged)
    lines = dlt_convert.convert(path)
    found = dlt_convert.differences(ours.csv["messages"], lines, data, messages)
    return Compared(len(lines), ours.rows, list(found))


def check_known(path: Path, known: Differs) -> None:
    lines, rows, differences = compared(path)
    right = min((one.line for one in differences), default=min(lines, rows))
    assert Differs(lines, rows, right) == known, path.name


def test_every_file_is_in_one_of_the_tables(data: Path) -> None:
    names = {path.name for path in (data / "dlt").glob("*.dlt")}
    assert names == {f"{name}.dlt" for name in RIGHT} | set(DIFFERS)


def test_every_file_of_others_is_in_one_of_the_tables(shared_data: Path) -> None:
    names = {path.name for path in (shared_data / "dlt" / "third_party").glob("*.dlt")}
    assert names == set(RIGHT_OF_OTHERS) | set(DIFFERS_OF_OTHERS)


@pytest.mark.parametrize("name", RIGHT)
def test_every_field_of_every_line_is_the_same(data: Path, name: str) -> None:
    lines, rows, differences = compared(data / "dlt" / f"{name}.dlt")
    assert (lines, differences) == (rows, [])


@pytest.mark.parametrize("name", RIGHT_OF_OTHERS)
def test_every_field_of_every_line_of_others_is_the_same(shared_data: Path, name: str) -> None:
    lines, rows, differences = compared(shared_data / "dlt" / "third_party" / name)
    assert (lines, differences) == (rows, [])


@pytest.mark.parametrize("name", DIFFERS)
def test_where_the_tool_is_wrong_it_is_so_as_known(data: Path, name: str) -> None:
    check_known(data / "dlt" / name, DIFFERS[name])


@pytest.mark.parametrize("name", DIFFERS_OF_OTHERS)
def test_where_the_tool_is_wrong_on_others_it_is_so_as_known(shared_data: Path, name: str) -> None:
    check_known(shared_data / "dlt" / "third_party" / name, DIFFERS_OF_OTHERS[name])


def test_a_simulated_fleet_is_the_same_but_for_a_message_cut_short(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet"
    write_fleet(fleet, megabytes=0.4)
    truth = json.loads((fleet / "truth.json").read_text())
    cut = {(d["batch"], d["recording"]) for d in truth["damages"] if d["what"] == "truncated"}
    assert cut
    for path in sorted(fleet.glob("*/*.dlt")):
        lines, rows, differences = compared(path)
        more = 1 if (path.parent.name, path.name) in cut else 0
        assert (lines, differences) == (rows + more, []), path


pack = struct.pack
NUMBERS = bytes(range(16))
NUMBERS_SHOWN = "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f"
ARGUMENTS = {
    # What it prints otherwise: bytes instead of a number.
    "UINT of 128 bits": (
        pack("<I", 0x45) + NUMBERS,
        f"{NUMBERS_SHOWN} 7",
        f"{int.from_bytes(NUMBERS, 'little')} 7",
    ),
    "SINT of 128 bits": (pack("<I", 0x25) + b"\xff" * 16, f"{'ff ' * 16}7", "-1 7"),
    "FLOA of 16 bits": (pack("<Ie", 0x82, 1.5), "00 3e 7", "1.5 7"),
    "FLOA of 128 bits": (
        pack("<I", 0x85) + NUMBERS,
        f"{NUMBERS_SHOWN} 7",
        f"{NUMBERS_SHOWN.replace(' ', chr(39))} 7",
    ),
    # What it leaves out: the scale, names and units, digits.
    "FIXP": (pack("<IfiI", 0x1043, 0.5, -40, 100), "100 7", "10 7"),
    "VARI": (pack("<IHH", 0x841, 2, 2) + b"n\0V\0\x05", "5 7", "n: 5 V 7"),
    "VARI of a text": (pack("<IHH", 0xA00, 2, 2) + b"n\0a\0", "a 7", "n: a 7"),
    "FLOA of 32 bits": (pack("<If", 0x83, 2.0**24), "1.67772e+07 7", "16777216 7"),
    "FLOA of 64 bits": (pack("<Id", 0x84, 1 / 3), "0.333333 7", "0.3333333333333333 7"),
    "NaN": (pack("<If", 0x83, float("nan")), "nan 7", "NaN 7"),
    # Where it stops, or takes one argument for another.
    "binary of 32 bits": (pack("<II", 0x18043, 5), " ", f"0b{'0000 ' * 7}0101 7"),
    "hex of 128 bits": (pack("<I", 0x10045) + NUMBERS, " ", f"0x{NUMBERS[::-1].hex()} 7"),
    "binary of 64 bits": (pack("<IQ", 0x18044, 5), " ", f"0b{'0000 ' * 15}0101 7"),
    "ARAY": (pack("<IHHI", 0x143, 1, 2, 5), "131073 ", ""),
    "STRU": (pack("<IHI", 0x4000, 1, 5), "", ""),
    "TRAI": (pack("<IH", 0x2000, 2) + b"ab", "ab 7", ""),
    "hex of a signed integer": (pack("<Ib", 0x10021, -5), "-5 7", "0xfb 7"),
    "STRG of no bytes": (pack("<IH", 0x200, 0), "", " 7"),
    # Texts: what follows a NUL, and what would do harm on a screen.
    "STRG with a NUL": (pack("<IH", 0x200, 6) + b"ab\0cd\0", "ab 7", "ab\u2400cd 7"),
    "STRG of two lines": (pack("<IH", 0x200, 3) + b"a\nb", "a b 7", "a\nb 7"),
}
SAME = {
    "BOOL of 2": (pack("<IB", 0x11, 2), "2 7"),
    "BOOL with TYLE 0": (pack("<IB", 0x10, 1), "1 7"),
    "BOOL with a name": (pack("<IH", 0x811, 3) + b"on\0\x01", "1 7"),
    "STRG without a NUL": (pack("<IH", 0x200, 3) + b"abc", "abc 7"),
    "RAWD": (pack("<IH", 0x400, 3) + b"abc", "61'62'63 7"),
    "hex": (pack("<IH", 0x10042, 5), "0x0005 7"),
    "binary": (pack("<IB", 0x18041, 5), "0b0000 0101 7"),
}


def both(tmp_path: Path, message: bytes) -> tuple[dlt_convert.Line, Parsed]:
    path = tmp_path / "one.dlt"
    path.write_bytes(message)
    [line] = dlt_convert.convert(path)
    return line, parse(message)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_that_it_prints_otherwise(tmp_path: Path, name: str) -> None:
    argument, theirs, ours = ARGUMENTS[name]
    line, parsed = both(tmp_path, dlt_message(argument + pack("<IB", 0x41, 7), arguments=2))
    assert (line["payload"], parsed.messages["text"].item()) == (theirs, ours)


@pytest.mark.parametrize("name", SAME)
def test_arguments_that_it_prints_alike(tmp_path: Path, name: str) -> None:
    argument, shown = SAME[name]
    message = dlt_message(argument + pack("<IB", 0x41, 7), arguments=2)
    line, parsed = both(tmp_path, message)
    assert line["payload"] == shown
    found = dlt_convert.differences(parsed.csv["messages"], [line], message, dlt.decode(message))
    assert list(found) == []


def test_a_payload_in_the_other_byte_order_is_printed_alike(tmp_path: Path) -> None:
    payload = pack(">IHsIhId", 0x200, 1, b"a", 0x22, -513, 0x84, 0.5)
    message = dlt_message(payload, arguments=3, big_endian=True)
    line, parsed = both(tmp_path, message)
    assert line["payload"] == parsed.messages["text"].item() == "a -513 0.5"


@pytest.mark.parametrize(
    ("msin", "theirs", "ours"),
    [
        (0x55, ("nw_trace", "vfb"), ("network_trace", "ethernet")),
        (0x65, ("nw_trace", ""), ("network_trace", "someip")),
        (0x71, ("log", ""), ("log", "reserved 7")),
        (0x19, ("", ""), ("reserved 4", "reserved 1")),
    ],
)
def test_types_that_it_names_otherwise(
    tmp_path: Path, msin: int, theirs: tuple[str, str], ours: tuple[str, str]
) -> None:
    line, parsed = both(tmp_path, dlt_message(pack("<IB", 0x41, 7), msin=msin))
    row = parsed.messages.to_dicts()[0]
    assert (line["type"], line["subtype"]) == theirs
    assert (row["type"], row["subtype"]) == ours


@pytest.mark.parametrize(
    ("service", "theirs", "ours"),
    [
        (0x17, "service(23), ok", "get_log_channel_names"),
        (0xF03, "service(3843), ok, 10 0e 00 00 00", "timezone"),
    ],
)
def test_services_that_it_does_not_name(
    tmp_path: Path, service: int, theirs: str, ours: str
) -> None:
    data = pack("<iB", 3600, 0) if service == 0xF03 else b""
    line, parsed = both(tmp_path, dlt_message(pack("<IB", service, 0) + data, msin=0x26))
    assert (line["payload"], parsed.messages["service"].item()) == (theirs, ours)


def test_a_time_before_1970_is_printed_with_a_minus_in_the_middle(tmp_path: Path) -> None:
    line, parsed = both(tmp_path, dlt_text(b"a", seconds=0, microseconds=-1))
    assert line["time"] == "1970/01/01 00:00:00.-000001"
    assert parsed.messages["storage_time"].dt.epoch("us").item() == -1


def test_a_text_longer_than_its_buffer_is_lost(tmp_path: Path) -> None:
    line, parsed = both(tmp_path, dlt_text(b"x" * 20_000))
    assert len(line["payload"]) < 200
    assert len(parsed.messages["text"].item()) == 20_000


def test_among_messages_of_other_framings_it_finds_its_own_only(tmp_path: Path) -> None:
    path = tmp_path / "mixed.dlt"
    mixed = dlt_text(b"a") + dlt_text(b"b", storage=False) + dlt2_text(b"c") + dlt_text(b"d")
    path.write_bytes(mixed)
    assert [line["payload"] for line in dlt_convert.convert(path)] == ["a", "d"]
    assert parse(mixed).messages["text"].to_list() == ["a", "b", "c", "d"]
