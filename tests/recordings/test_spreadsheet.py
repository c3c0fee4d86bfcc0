"""CSV that a spreadsheet may open: no text of a log is run as a formula."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from argus_pipeline.cli.main import app
from argus_pipeline.recordings.plain_csv import to_csv
from argus_pipeline.recordings.spreadsheet import harmless

RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def cells(batch: pa.RecordBatch) -> list[list[str]]:
    return list(csv.reader(io.StringIO(to_csv(batch).decode(), newline="")))


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1))
def test_no_cell_begins_as_a_formula_does_and_nothing_else_changes(texts) -> None:
    table = cells(harmless(pa.record_batch({"text": pa.array(texts)})))
    for text, [cell] in zip(texts, table[1:], strict=True):
        assert not cell.startswith(RUNS)
        assert cell == (f"'{text}" if text.startswith(RUNS) else text)


@pytest.mark.parametrize("first", RUNS)
def test_each_beginning_is_known_in_plain_and_repeated_texts_and_in_names(first) -> None:
    text = f"{first}HYPERLINK(1)"
    batch = pa.record_batch(
        {text: pa.array([text, None, "fine"]).dictionary_encode(), "n": [-1] * 3}
    )
    assert cells(harmless(batch)) == [
        [f"'{text}", "n"],
        [f"'{text}", "-1"],
        ["", "-1"],
        ["fine", "-1"],
    ]


def test_the_command_makes_the_csv_harmless_where_it_is_asked_to(tmp_path: Path, data) -> None:
    golden = (data / "dlt" / "golden.dlt").read_bytes()
    recording = tmp_path / "golden.dlt"

    def texts(*options: str) -> list[str]:
        out = tmp_path / "-".join(["out", *options])
        done = CliRunner().invoke(app, ["parse", str(recording), "--out", str(out), *options])
        assert done.exit_code in {0, 3}, done.output
        with (out / "golden.dlt" / "messages.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        return [value for row in rows for value in row.values() if "cmd|" in value]

    recording.write_bytes(golden)
    assert golden.count(b"plain,") == 1
    recording.write_bytes(golden.replace(b"plain,", b"=cmd|x"))
    assert any(text.startswith("=cmd|") for text in texts())
    safe = texts("--spreadsheet-safe")
    assert safe
    assert all(text.startswith("'=cmd|") for text in safe)
