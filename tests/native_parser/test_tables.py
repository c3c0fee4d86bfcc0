"""Batches as Arrow columns and as CSV."""

from __future__ import annotations

import csv
import gc
import io
import struct
from pathlib import Path

import argus_native
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native_parser.made import dlt_message, dlt_text, envelope, parse


def batches(data: bytes, odvd: Path | None = None) -> list[argus_native.Batch]:
    specification = argus_native.Specification(odvd.read_text()) if odvd else None
    parser = argus_native.Parser(specification=specification)
    parser.feed(data)
    parser.finish()
    return parser.take()


@pytest.mark.parametrize(
    ("name", "odvd"), [("dlt/golden.dlt", None), ("rec/alltypes.rec", "rec/alltypes.odvd")]
)
def test_arrow_columns_are_valid_and_outlive_the_parser(
    data: Path, name: str, odvd: str | None
) -> None:
    records = [
        pa.record_batch(batch)
        for batch in batches((data / name).read_bytes(), data / odvd if odvd else None)
    ]
    gc.collect()
    for record in records:
        record.validate(full=True)
        assert record.num_rows > 0
        assert record.schema.field("offset").nullable is False
    assert records[0].schema.field("offset").type == pa.uint64()


def test_a_single_column_can_outlive_its_batch(data: Path) -> None:
    [batch] = batches((data / "dlt" / "golden.dlt").read_bytes())
    ecu = pa.record_batch(batch).column("ecu")
    del batch
    gc.collect()
    assert ecu.to_pylist() == ["ECU1"] * 11


def test_capsules_nobody_takes_are_released(data: Path) -> None:
    [batch] = batches((data / "dlt" / "golden.dlt").read_bytes())
    for _ in range(100):
        batch.__arrow_c_array__()
        batch.__arrow_c_schema__()
    gc.collect()
    assert pl.DataFrame(batch).height == 11


def test_ids_that_read_the_same_share_one_dictionary_entry() -> None:
    [batch] = batches(dlt_text(b"x", app=b"A\0B") + dlt_text(b"x", app=b"A\0C"))
    assert pa.record_batch(batch).column("app").dictionary.to_pylist() == ["A"]


@pytest.mark.parametrize(
    ("name", "odvd"),
    [
        ("dlt/golden.dlt", None),
        ("dlt/c_magic_in_payload.dlt", None),
        ("rec/alltypes.rec", "rec/alltypes.odvd"),
        ("rec/J7_v2.3.1_0001.rec", "rec/vehicle.odvd"),
    ],
)
def test_the_csv_reads_back_as_the_columns(data: Path, name: str, odvd: str | None) -> None:
    specification = argus_native.Specification((data / odvd).read_text()) if odvd else None
    parsed = parse((data / name).read_bytes(), specification=specification)
    for table, frame in parsed.tables.items():
        assert read_back(parsed.csv[table], frame.schema).equals(as_read(frame)), table


def as_read(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns in the types that a CSV can be read into."""
    return frame.with_columns(
        pl.col(pl.Categorical).cast(pl.String), pl.col(pl.Binary).bin.encode("hex")
    )


def read_back(content: bytes, schema: pl.Schema) -> pl.DataFrame:
    texts = dict.fromkeys(schema, pl.String)
    frame = pl.read_csv(content, schema=texts)
    kinds = {n: pl.String if k in (pl.Categorical, pl.Binary) else k for n, k in schema.items()}
    return frame.with_columns(
        pl.col(name).str.to_datetime("%Y-%m-%dT%H:%M:%S%.9fZ", time_unit="ns", time_zone="UTC")
        if isinstance(kind, pl.Datetime)
        else pl.col(name) == "true"
        if kind == pl.Boolean
        else pl.col(name).cast(kind)
        for name, kind in kinds.items()
    )


@settings(max_examples=100)
@given(
    texts=st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C"])), min_size=1),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    line_end=st.sampled_from(["\r\n", "\n"]),
)
def test_any_text_survives_any_csv_style(texts: list[str], delimiter: str, line_end: str) -> None:
    [batch] = batches(b"".join(dlt_text(text.encode()) for text in texts))
    content = batch.to_csv(delimiter=delimiter, line_end=line_end).decode()
    rows = list(csv.DictReader(io.StringIO(content, newline=""), delimiter=delimiter))
    assert [row["text"] for row in rows] == texts
    assert content.endswith(line_end)


def test_null_and_the_empty_text_differ() -> None:
    content = batches(dlt_text(b"") + dlt_message(b"\0\0\0\0", msin=None))[0].to_csv(header=False)
    first, second = content.decode().splitlines()
    assert ',,"",,' in first
    assert first.count('"') == 2
    assert second.endswith(',0,,,"",,,,,')


def test_fields_are_quoted_only_where_needed() -> None:
    messages = b"".join(map(dlt_text, (b"a b", b"a,b", b'a"b', b"a\r\nb", b"a;b")))
    lines = batches(messages)[0].to_csv(header=False).decode()
    for expected in (",a b,", ',"a,b",', ',"a""b",', ',"a\r\nb",', ",a;b,"):
        assert expected in lines


def test_floats_are_the_shortest_that_read_back(data: Path) -> None:
    fields = b"".join(
        b"\x5d" + struct.pack("<f", f) + b"\x61" + struct.pack("<d", d) for f, d in [(0.1, 0.1)]
    )
    special = [
        b"\x5d" + struct.pack("<f", f) + b"\x61" + struct.pack("<d", d)
        for f, d in [(float("nan"), float("-inf")), (float("inf"), 1e300)]
    ]
    recording = b"".join(envelope(4000, part) for part in (fields, *special))
    [batch] = batches(recording, data / "rec" / "alltypes.odvd")
    lines = batch.to_csv(header=False).decode().splitlines()
    for line, expected in zip(lines, (",0.1,0.1,", ",NaN,-inf,", ",inf,1e+300,"), strict=True):
        assert expected in line


@pytest.mark.parametrize("style", [{"delimiter": '"'}, {"delimiter": ",,"}, {"line_end": "x"}])
def test_a_style_that_cannot_be_read_back_is_refused(style: dict[str, str]) -> None:
    [batch] = batches(dlt_text(b"a"))
    with pytest.raises(ValueError, match="expected"):
        batch.to_csv(**style)
