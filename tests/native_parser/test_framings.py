"""Recordings in any framing, or several: behind storage headers, behind serial ones, and bare."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import argus_native
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native_parser.made import SINCE_START, dlt2_message, dlt2_text, dlt_message, dlt_text, parse
from oracle import dlt
from oracle.compare import dlt_differences


def test_bare_messages_are_the_same_as_behind_serial_headers(data: Path) -> None:
    bare = parse((data / "dlt" / "c_nostorage.dlt").read_bytes())
    serial = parse((data / "dlt" / "c_serial.dlt").read_bytes())
    assert (bare.format, bare.rows, bare.faults) == ("dlt", 2000, [])
    assert bare.messages["size"].to_list() == (serial.messages["size"] - 4).to_list()
    assert bare.messages.drop("offset", "size").equals(serial.messages.drop("offset", "size"))


def test_bare_recordings_are_recognised_by_their_bytes(data: Path, shared_data: Path) -> None:
    assert argus_native.detect((data / "dlt" / "c_nostorage.dlt").read_bytes()) == "dlt"
    for name in ("COVESA_dlt-viewer__testfile.dlt", "COVESA_dlt-daemon__testfile-v2.dlt"):
        content = (shared_data / "dlt" / "third_party" / name).read_bytes()
        assert argus_native.detect(content) == "dlt"


MAKERS: dict[str, Callable[[bytes], bytes]] = {
    "1 stored": lambda text: dlt_text(text),
    "1 serial": lambda text: dlt_text(text, storage=False),
    "1 bare": lambda text: dlt_text(text, bare=True),
    "2 stored, little": lambda text: dlt2_text(text, little=True),
    "2 stored, big": lambda text: dlt2_text(text),
    "2 bare, little": lambda text: dlt2_text(text, little=True, stored=None),
    "2 bare, big": lambda text: dlt2_text(text, stored=None),
    "2 serial": lambda text: b"DLS\x01" + dlt2_text(text, stored=None),
}
PATTERNED = [name for name in MAKERS if "bare" not in name]


@pytest.mark.parametrize("first", MAKERS)
@pytest.mark.parametrize("second", MAKERS)
def test_any_framing_may_follow_any_other(first: str, second: str) -> None:
    parts = [MAKERS[first](b"one"), MAKERS[second](b"two"), MAKERS[first](b"three")]
    parsed = parse(b"".join(parts))
    assert parsed.messages["text"].to_list() == ["one", "two", "three"]
    assert parsed.messages["size"].to_list() == [len(part) for part in parts]
    assert parsed.faults == []


@pytest.mark.parametrize("name", MAKERS)
def test_bytes_before_a_message_that_has_a_pattern_cost_none(name: str) -> None:
    garbage = b"\xff" * 77
    after = MAKERS["1 stored"](b"two") + MAKERS["2 stored, big"](b"three")
    before = MAKERS[name](b"zero") + MAKERS[name](b"one")
    parsed = parse(before + garbage + after)
    assert parsed.messages["text"].to_list() == ["zero", "one", "two", "three"]
    assert parsed.faults[0][:2] == (len(before), len(garbage))


@pytest.mark.parametrize("name", PATTERNED)
@pytest.mark.parametrize("byte", [0x00, 0x02, 0xFF])
def test_any_damaged_byte_costs_the_message_it_is_in_and_no_other(name: str, byte: int) -> None:
    parts = [MAKERS[name](text) for text in (b"zero", b"one", b"two", b"three")]
    whole = b"".join(parts)
    clean = parse(whole).messages
    begin = len(parts[0])
    for at in range(begin, begin + len(parts[1])):
        harmed = bytearray(whole)
        harmed[at] = byte
        found = {row["offset"]: row for row in parse(bytes(harmed)).messages.to_dicts()}
        for row in clean.to_dicts():
            if row["offset"] != begin:
                assert found.get(row["offset"]) == row, at


@pytest.mark.parametrize("name", MAKERS)
def test_a_recording_cut_anywhere_keeps_what_was_whole(name: str) -> None:
    parts = [MAKERS[name](text) for text in (b"zero", b"one", b"two")]
    whole = b"".join(parts)
    begin = len(parts[0]) + len(parts[1])
    for end in range(begin, len(whole)):
        parsed = parse(whole[:end])
        assert parsed.messages["text"].to_list() == ["zero", "one"], end
        assert parsed.quarantined_bytes == end - begin


# Anything that can be built.


texts_made = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
ids = st.text("ABCXYZ0123", min_size=1, max_size=4).map(str.encode)
long_ids = st.text("ABCxyz0189 _", min_size=1, max_size=12).map(str.encode)
fractions = st.integers(0, 999_999_999)
counters = st.integers(0, 255)


@st.composite
def payloads(draw: st.DrawFn, order: str) -> tuple[bytes, int]:
    """Some arguments, and how many."""
    made = []
    for kind in draw(st.lists(st.sampled_from("utsfbr"), min_size=1, max_size=3)):
        if kind == "u":
            made.append(struct.pack(order + "IH", 0x42, draw(st.integers(0, 0xFFFF))))
        elif kind == "s":
            made.append(struct.pack(order + "Iq", 0x24, draw(st.integers(-(2**63), 2**63 - 1))))
        elif kind == "f":
            made.append(struct.pack(order + "Id", 0x84, draw(st.floats(-1e9, 1e9, width=32))))
        elif kind == "b":
            made.append(struct.pack(order + "IB", 0x11, draw(st.booleans())))
        elif kind == "r":
            raw = draw(st.binary(max_size=12))
            made.append(struct.pack(order + "IH", 0x400, len(raw)) + raw)
        else:
            text = draw(texts_made).encode() + b"\0"
            made.append(struct.pack(order + "IH", 0x8200, len(text)) + text)
    return b"".join(made), len(made)


@st.composite
def messages_of_version_1(draw: st.DrawFn) -> bytes:
    order = draw(st.sampled_from("<>"))
    common: dict[str, Any] = {
        "big_endian": order == ">",
        "counter": draw(counters),
        "seconds": draw(st.integers(0, 2**32 - 1)),
        "microseconds": draw(st.integers(0, 999_999)),
        "timestamp": draw(st.none() | st.integers(0, 2**32 - 1)),
        "session": draw(st.none() | st.integers(0, 2**32 - 1)),
        "ecu": draw(ids),
        "app": draw(ids),
        "context": draw(ids),
        **draw(st.sampled_from([{}, {"storage": False}, {"bare": True}])),
    }
    if draw(st.integers(0, 4)) == 0:
        payload = struct.pack(order + "I", draw(st.integers(0, 2**32 - 1)))
        return dlt_message(payload + draw(st.binary(max_size=9)), msin=0x40, **common)
    payload, count = draw(payloads(order))
    subtype = draw(st.integers(1, 6))
    return dlt_message(payload, msin=subtype << 4 | 1, arguments=count, **common)


@st.composite
def messages_of_version_2(draw: st.DrawFn) -> bytes:
    since_start = draw(st.booleans())
    seconds = st.integers(0, 10**6) if since_start else st.integers(10**8, 2**33)
    common: dict[str, Any] = {
        "little": draw(st.booleans()),
        "counter": draw(counters),
        "time": (draw(seconds), draw(fractions) | (SINCE_START if since_start else 0)),
        "stored": draw(st.none() | st.tuples(st.integers(0, 2**33), fractions)),
        "ecu": draw(long_ids),
        "ids": draw(st.none() | st.tuples(long_ids, long_ids)),
        "session": draw(st.none() | st.integers(0, 2**32 - 1)),
        "source": draw(st.none() | st.tuples(long_ids, st.integers(0, 2**32 - 1))),
        "tags": draw(st.none() | st.lists(long_ids, min_size=1, max_size=3)),
        "privacy": draw(st.none() | st.integers(0, 255)),
    }
    if draw(st.integers(0, 4)) == 0:
        number = draw(st.integers(0, 2**32 - 1))
        return dlt2_message(draw(st.binary(max_size=9)), message_id=number, **common)
    payload, count = draw(payloads(draw(st.sampled_from("<>"))))
    subtype = draw(st.integers(1, 6))
    return dlt2_message(payload, msin=subtype << 4 | 1, arguments=count, **common)


mixes = st.lists(messages_of_version_1() | messages_of_version_2(), min_size=1, max_size=8)


def is_clear(parts: list[bytes]) -> bool:
    """Whether the independent decoder finds these messages and no others."""
    try:
        sizes = [row["size"] for row in dlt.decode(b"".join(parts))]
    except dlt.DoesNotFit:
        return False
    return sizes == [len(part) for part in parts]


@settings(max_examples=200)
@given(mixes.filter(is_clear), st.lists(st.integers(1, 90), max_size=8))
def test_any_mix_decodes_to_the_messages_built_however_it_is_cut(
    parts: list[bytes], sizes: list[int]
) -> None:
    data = b"".join(parts)
    parsed = parse(data, sizes=sizes)
    assert parsed.faults == []
    assert parsed.messages["size"].to_list() == [len(part) for part in parts]
    assert dlt_differences(parsed.csv["messages"], dlt.decode(data)) == []


@settings(max_examples=30)
@given(mixes.filter(is_clear))
def test_any_mix_decodes_alike_one_byte_at_a_time(parts: list[bytes]) -> None:
    data = b"".join(parts)
    assert parse(data, sizes=[1] * len(data)).csv == parse(data).csv
