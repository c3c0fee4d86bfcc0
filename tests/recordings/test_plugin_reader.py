"""A recording through somebody else's decoder, well made or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from argus_pipeline.recordings.decoders import DecodedBatch
from argus_pipeline.recordings.plugin_reader import MOST_TABLES, PluginReader
from argus_pipeline.recordings.result import Fault
from argus_pipeline.recordings.tables import TableFiles

Decode = Callable[[Path], Iterator[Any]]
SIZE = 100


class Made:
    name = "made"
    version = "3.2"

    def __init__(self, decode: Decode) -> None:
        self.decode = decode

    def recognises(self, head: bytes) -> bool:
        return True


def rows(*values: int, kind: pa.DataType | None = None) -> pa.RecordBatch:
    return pa.record_batch({"value": pa.array(values, kind or pa.int64())})


def read(*items: object, then: Exception | None = None) -> tuple[PluginReader, list[Any]]:
    def decode(_: Path) -> Iterator[object]:
        yield from items
        if then is not None:
            raise then

    reader = PluginReader(Made(decode), Path("unused"), SIZE)
    batches = list(reader)
    assert reader.decoded_bytes + reader.quarantined_bytes == reader.bytes_in == SIZE
    assert sum(batch.rows for batch in batches) == reader.rows
    return reader, batches


def test_batches_and_faults_are_counted_as_the_native_parser_counts_them() -> None:
    reader, batches = read(
        DecodedBatch("a", rows(1, 2), 40),
        Fault(40, 5, "bad  \n line"),
        Fault(45, 5, "bad line"),
        DecodedBatch("b", rows(3), 50),
    )
    assert [(b.table, b.rows, len(b)) for b in batches] == [("a", 2, 2), ("b", 1, 1)]
    assert reader.take_faults() == [(40, 10, "bad line")]
    assert reader.take_faults() == []
    assert (reader.fault_count, reader.failure, reader.undecoded) == (1, None, {})


def test_a_batch_without_rows_counts_its_bytes_and_makes_no_table() -> None:
    reader, batches = read(DecodedBatch("header", rows(), 10), DecodedBatch("a", rows(1), 90))
    assert [b.table for b in batches] == ["a"]
    assert reader.failure is None


def test_batches_of_any_arrow_library_are_taken() -> None:
    class Foreign:
        def __arrow_c_array__(self, requested_schema: object = None) -> Any:
            return rows(7).__arrow_c_array__(requested_schema)

    _, [batch] = read(DecodedBatch("a", Foreign(), SIZE))
    assert pl.DataFrame(batch)["value"].to_list() == [7]
    assert pa.record_batch(batch).num_rows == 1
    assert pa.schema(batch).names == ["value"]


def test_a_decoder_that_raises_keeps_what_it_gave_and_is_named() -> None:
    reader, batches = read(DecodedBatch("a", rows(1), 30), then=ValueError("odd\nheader"))
    assert len(batches) == 1
    reason = "the decoder made 3.2 failed: ValueError: odd header"
    assert reader.take_faults() == [(30, 70, reason)]
    assert reader.failure == reason


def test_a_decoder_that_ends_the_process_is_stopped_itself() -> None:
    def decode(_: Path) -> Iterator[object]:
        raise SystemExit(1)

    reader = PluginReader(Made(decode), Path("unused"), SIZE)
    assert list(reader) == []
    assert reader.quarantined_bytes == SIZE


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("text", "yielded a str"),
        (DecodedBatch("../a", rows(1), 1), "named a table '../a'"),
        (DecodedBatch("", rows(1), 1), "named a table ''"),
        (DecodedBatch(None, rows(1), 1), "named a table None"),  # type: ignore[arg-type]
        (DecodedBatch("a", [1], 1), "yielded a list, not a pyarrow.RecordBatch"),  # type: ignore[arg-type]
        (DecodedBatch("a", rows(1), -1), "counted -1 decoded bytes"),
        (DecodedBatch("a", rows(1), 1.5), "counted 1.5 decoded bytes"),  # type: ignore[arg-type]
        (DecodedBatch("a", rows(1), SIZE), "counted more bytes than the recording's 100"),
        (Fault(50, SIZE, "x"), "counted more bytes"),
        (Fault(50, -1, "x"), "counted -1 quarantined bytes"),
        (Fault(90, 20, "x"), "yielded a fault at 90 of 20 bytes in a recording of 100"),
        (Fault(5, 10, "x"), "yielded a fault at 5, not behind the one before"),
        (
            DecodedBatch("good", rows(1, kind=pa.int32()), 1),
            "changed the columns of table good after 1 rows: value (int64) became value (int32)",
        ),
        (
            DecodedBatch("good", pa.record_batch({"value": [1], "more": [2]}), 1),
            "1 columns became 2",
        ),
        (DecodedBatch("a", pa.record_batch({"l": [[1]]}), 1), "'l' of table a of type list<"),
        (DecodedBatch("a", pa.record_batch({"n": pa.nulls(2)}), 1), "'n' of table a of type null"),
        (
            DecodedBatch("a", pa.record_batch({"t": pa.array([1], pa.timestamp("s"))}), 1),
            "'t' of table a of type timestamp[s]",
        ),
        (
            DecodedBatch("a", pa.record_batch([pa.array([1])] * 2, names=["x", "x"]), 1),
            "columns ['x', 'x']: expected names, each once",
        ),
        (
            DecodedBatch("a", rows(2**60, kind=pa.timestamp("s", "UTC")), 1),
            "failed: ArrowInvalid",
        ),
    ],
)  # fmt: skip
def test_nonsense_ends_the_decoding_and_quarantines_the_rest(item: object, reason: str) -> None:
    before = (DecodedBatch("good", rows(1), 10), Fault(10, 10, "really"))
    reader, batches = read(*before, item, DecodedBatch("z", rows(), 80))
    assert [b.table for b in batches] == ["good"]
    [first, (offset, length, said)] = reader.take_faults()
    assert first == (10, 10, "really")
    assert (offset, length) == (20, 80)
    assert said == reader.failure
    assert said.startswith("the decoder made 3.2 ")
    assert reason in said


def test_bytes_that_were_not_counted_are_quarantined_and_said() -> None:
    reader, batches = read(DecodedBatch("a", rows(1), 60))
    assert len(batches) == 1
    assert reader.take_faults() == [(60, 40, "the decoder made 3.2 counted 60 of 100 bytes")]


def test_a_decoder_cannot_make_tables_without_end() -> None:
    reader, batches = read(*(DecodedBatch(f"t{i}", rows(1), 0) for i in range(MOST_TABLES + 1)))
    assert len(batches) == MOST_TABLES
    assert "more than 256 tables" in (reader.failure or "")


def test_damaged_arrow_data_is_refused() -> None:
    offsets = pa.array([0, 1], pa.int32()).buffers()[1]
    wild = pa.StringArray.from_buffers(1, offsets, pa.py_buffer(b"\xff"))
    reader, batches = read(DecodedBatch("a", pa.record_batch({"s": wild}), SIZE))
    assert batches == []
    assert "ArrowInvalid" in (reader.failure or "")


def test_each_kind_of_value_has_one_type_in_the_tables(tmp_path: Path) -> None:
    batch = pa.record_batch(
        {
            "time": pa.array([1_500], pa.timestamp("ms", "Europe/Berlin")),
            "text": pa.array(["a"], pa.large_string()),
            "view": pa.array(["b"], pa.string_view()),
            "word": pa.array(["c"], pa.dictionary(pa.int8(), pa.large_string())),
            "raw": pa.array([b"\x0a\xff"], pa.binary(2)),
            "flag": pa.array([True]),
            "float": pa.array([0.1], pa.float32()),
            "day": pa.array([0], pa.date32()),
            "sum": pa.array([Decimal("1.50")], pa.decimal128(5, 2)),
        }
    )
    _, [taken] = read(DecodedBatch("a", batch, SIZE))
    schema = pa.schema(taken)
    assert [str(kind) for kind in schema.types[:5]] == [
        "timestamp[ns, tz=UTC]",
        "string",
        "string",
        "dictionary<values=string, indices=int32, ordered=0>",
        "binary",
    ]
    assert taken.to_csv(header=False, line_end="\n") == (
        b"1970-01-01T00:00:01.500000000Z,a,b,c,0aff,true,0.1,1970-01-01,1.50\n"
    )
    tables = TableFiles(tmp_path)
    tables.append(taken)
    [written] = tables.close()
    assert pq.read_table(written.files["parquet"]).schema.types == schema.types


def test_dictionaries_may_differ_from_batch_to_batch(tmp_path: Path) -> None:
    def words(*values: str, index: pa.DataType) -> pa.RecordBatch:
        return pa.record_batch({"w": pa.array(values, pa.dictionary(index, pa.string()))})

    reader, batches = read(
        DecodedBatch("a", words("x", "y", index=pa.int8()), 50),
        DecodedBatch("a", words("z", index=pa.int32()), 50),
    )
    assert reader.failure is None
    tables = TableFiles(tmp_path)
    for batch in batches:
        tables.append(batch)
    [written] = tables.close()
    assert pl.read_parquet(written.files["parquet"])["w"].to_list() == ["x", "y", "z"]
