"""CSV of batches that the native parser did not make, by the native parser's rules."""

from __future__ import annotations

from pathlib import Path

import argus_native
import pyarrow as pa
import pytest

from argus_pipeline.recordings.plain_csv import to_csv


def test_null_empty_times_binary_and_quotes_are_written_by_the_rules() -> None:
    batch = pa.record_batch(
        {
            "text": pa.array(["plain", "", None, 'a "b"', "c\r\nd", "e,f", "g;h", "\t"]),
            "time": pa.array([0, -1, None, 10**18, 1, 2, 3, 4], pa.timestamp("ns", "UTC")),
            "raw": pa.array([b"\x00\xff", b"", None, b"a", b"b", b"c", b"d", b"e"]),
            "number": pa.array([1e300, 0.1, None, float("nan"), float("inf"), -float("inf"), 2, 3]),
            "flag": pa.array([True, False, None] + [True] * 5),
        }
    )
    lines = to_csv(batch).decode().split("\r\n")
    assert lines[0] == "text,time,raw,number,flag"
    assert lines[1] == "plain,1970-01-01T00:00:00.000000000Z,00ff,1e+300,true"
    assert lines[2] == '"",1969-12-31T23:59:59.999999999Z,"",0.1,false'
    assert lines[3] == ",,,,"
    assert lines[4] == '"a ""b""",2001-09-09T01:46:40.000000000Z,61,NaN,true'
    assert lines[5:7] == ['"c', 'd",1970-01-01T00:00:00.000000001Z,62,inf,true']
    assert lines[7] == '"e,f",1970-01-01T00:00:00.000000002Z,63,-inf,true'
    assert lines[8] == "g;h,1970-01-01T00:00:00.000000003Z,64,2.0,true"
    assert lines[10:] == [""]


def test_delimiter_line_end_and_header_are_options() -> None:
    batch = pa.record_batch({"a;b": ["x;y", "z,w"]})
    assert to_csv(batch, delimiter=";", line_end="\n") == b'"a;b"\n"x;y"\nz,w\n'
    assert to_csv(batch, header=False) == b'x;y\r\n"z,w"\r\n'


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n", "\r", "é"])
def test_a_delimiter_that_breaks_the_csv_is_refused(delimiter: str) -> None:
    with pytest.raises(ValueError, match="delimiter"):
        to_csv(pa.record_batch({"a": [1]}), delimiter=delimiter)


def test_a_line_end_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="line_end"):
        to_csv(pa.record_batch({"a": [1]}), line_end="\r")


def floats_as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Floats alone may be spelled otherwise: 1.0 here is 1 there."""
    columns = [
        pa.array([None if v is None else repr(v).removesuffix(".0") for v in column.to_pylist()])
        if pa.types.is_floating(column.type)
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_it_writes_what_the_native_parser_writes(data: Path, delimiter: str) -> None:
    parser = argus_native.Parser()
    for name in ("golden.dlt", "c_clean.dlt"):
        parser.feed((data / "dlt" / name).read_bytes())
    parser.finish()
    for batch in parser.take():
        ours = to_csv(floats_as_text(pa.record_batch(batch)), delimiter=delimiter)
        assert ours == batch.to_csv(delimiter=delimiter)
