"""Chunks and damage of every kind: the same output, every byte accounted for, no exception."""

from __future__ import annotations

from pathlib import Path

import argus_native
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native_parser.made import Parsed, dlt_message, dlt_text, envelope, parse

SPECIFICATION = argus_native.Specification(
    "message M [id = 1] { uint32 a [id = 1]; string b [id = 2]; double c [id = 3]; }"
)
DLT_PIECES = st.one_of(
    st.builds(dlt_text, st.binary(max_size=30), storage=st.booleans()),
    st.builds(
        dlt_message,
        st.binary(max_size=30),
        msin=st.one_of(st.none(), st.integers(0, 255)),
        arguments=st.integers(0, 4),
        big_endian=st.booleans(),
    ),
)
REC_PIECES = st.builds(
    envelope, st.integers(-2, 2), st.binary(max_size=20), sender=st.integers(0, 3)
)
GARBAGE = st.one_of(
    st.binary(max_size=40), st.sampled_from([b"DLT\x01", b"DLS\x01", b"DLT", b"\x0d\xa4", b"\x0d"])
)


def recordings(pieces: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.lists(st.one_of(pieces, pieces, GARBAGE), max_size=12).map(b"".join)


def output(parsed: Parsed) -> tuple[object, ...]:
    return parsed.format, parsed.csv, parsed.faults, parsed.undecoded


@settings(max_examples=150)
@given(
    recording=st.one_of(recordings(DLT_PIECES), recordings(REC_PIECES)),
    sizes=st.lists(st.integers(0, 60), max_size=30),
)
def test_any_split_into_chunks_gives_the_same_output(recording: bytes, sizes: list[int]) -> None:
    whole = parse(recording, specification=SPECIFICATION)
    assert output(parse(recording, specification=SPECIFICATION, sizes=sizes)) == output(whole)
    bytewise = parse(recording, specification=SPECIFICATION, sizes=[1] * len(recording))
    assert output(bytewise) == output(whole)


@settings(max_examples=200)
@given(recording=st.binary(max_size=3000))
def test_any_bytes_are_accounted_for(recording: bytes) -> None:
    parse(recording, specification=SPECIFICATION)


@settings(max_examples=100)
@given(
    name=st.sampled_from(["dlt/golden.dlt", "rec/alltypes.rec"]),
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 2000),
    sizes=st.lists(st.integers(1, 300), max_size=10),
)
def test_a_damaged_recording_is_accounted_for(
    name: str, changes: list[tuple[int, int]], cut: int, sizes: list[int]
) -> None:
    damaged = bytearray((Path(__file__).parents[1] / "data" / name).read_bytes()[:cut])
    for at, value in changes:
        if at < len(damaged):
            damaged[at] = value
    recording = bytes(damaged)
    whole = parse(recording, specification=SPECIFICATION)
    assert output(parse(recording, specification=SPECIFICATION, sizes=sizes)) == output(whole)


def test_a_whole_recording_byte_by_byte_gives_the_same_output(data: Path) -> None:
    recording = (data / "dlt" / "c_trunc_mid.dlt").read_bytes()[100_000:130_000]
    assert output(parse(recording, sizes=[1] * len(recording))) == output(parse(recording))


def test_batches_end_where_segments_of_the_recording_end_wherever_chunks_do() -> None:
    message = dlt_text(b"x" * 20)
    recording = message * 140_000
    assert len(message) == 64
    for chunk in (len(recording), 1_000_003):
        parser = argus_native.Parser()
        for at in range(0, len(recording), chunk):
            parser.feed(recording[at : at + chunk])
        parser.finish()
        sizes = [batch.rows for batch in parser.take()]
        assert sizes == [16_384] * 8 + [140_000 - 8 * 16_384]


def test_batches_end_by_rows_too() -> None:
    message = dlt_message(b"", msin=None, storage=False)
    parser = argus_native.Parser()
    parser.feed(message * 200_000)
    parser.finish()
    batches = parser.take()
    assert sum(batch.rows for batch in batches) == 200_000
    assert max(batch.rows for batch in batches) == 65_536


def test_batches_end_by_bytes_too() -> None:
    message = dlt_text(b"x" * 60_000)
    parser = argus_native.Parser()
    parser.feed(message * 300)
    assert all(len(batch.to_csv()) < 9_000_000 for batch in parser.take())


def test_any_bytes_like_object_can_be_fed() -> None:
    message = dlt_text(b"x")
    parser = argus_native.Parser()
    parser.feed(bytearray(message))
    parser.feed(memoryview(message))
    parser.finish()
    assert parser.rows == 2


def test_feeding_after_the_end_is_refused() -> None:
    parser = argus_native.Parser()
    parser.finish()
    parser.finish()
    with pytest.raises(RuntimeError, match="after finish"):
        parser.feed(b"x")


def test_the_format_is_told_by_the_first_bytes(data: Path) -> None:
    assert argus_native.detect((data / "dlt" / "golden.dlt").read_bytes()[:500]) == "dlt"
    assert argus_native.detect((data / "dlt" / "c_trunc_head.dlt").read_bytes()[:500]) == "dlt"
    assert argus_native.detect((data / "rec" / "alltypes.rec").read_bytes()[:500]) == "rec"
    assert argus_native.detect(b"just a text") is None
    assert argus_native.detect(b"") is None
