from __future__ import annotations

import dataclasses
from pathlib import Path

import polars as pl
import pytest
from charts.made import MadeBatch, fields

from argus_pipeline.statistics.accounting import Difference, check_totals
from argus_pipeline.statistics.batch import BatchStatistics


@pytest.fixture
def batch(tmp_path: Path) -> MadeBatch:
    made = MadeBatch(tmp_path).dlt(
        "a.dlt", [{"severity": "error"}, {"text": "E001"}, {"time": None}]
    )
    return made.rec("b.rec", Power=fields([{"x": 1.0}], x=pl.Float64)).quarantined("c.bin")


def test_statistics_of_all_rows_add_up(batch: MadeBatch) -> None:
    assert check_totals(batch.statistics(), batch.results) == ()


def test_rows_that_were_parsed_and_not_counted_are_named(batch: MadeBatch) -> None:
    statistics = batch.statistics()
    batch.results[0] = dataclasses.replace(batch.results[0], rows=5)
    assert check_totals(statistics, batch.results) == (
        Difference("messages in all, against the parsed rows", 6, 4),
        Difference("messages of a.dlt", 5, 3),
    )


def test_a_recording_that_was_counted_and_has_no_result_is_named(batch: MadeBatch) -> None:
    statistics = batch.statistics()
    found = {d.what for d in check_totals(statistics, batch.results[1:])}
    assert "messages of a.dlt" in found
    assert "recordings" in found


def test_losses_that_cancel_out_between_recordings_are_found(batch: MadeBatch) -> None:
    statistics = batch.statistics()
    first, second, third = batch.results
    swapped = [
        dataclasses.replace(first, rows=second.rows),
        dataclasses.replace(second, rows=first.rows),
        third,
    ]
    assert [d.what for d in check_totals(statistics, swapped)] == [
        "messages of a.dlt",
        "messages of b.rec",
    ]


@pytest.mark.parametrize(
    ("frame", "what"),
    [
        ("severities", "messages by severity"),
        ("sources", "messages by source"),
        ("minutes", "messages by minute and those without a time"),
        ("rates", "messages by source, in the rates"),
        ("fault_counts", "messages with a code, by code and by firmware"),
        ("fault_counts", "messages with a fingerprint, by firmware"),
    ],
)
def test_a_sum_that_lacks_rows_is_named(batch: MadeBatch, frame: str, what: str) -> None:
    statistics = batch.statistics()
    short: BatchStatistics = dataclasses.replace(
        statistics, **{frame: getattr(statistics, frame).slice(0, 0)}
    )
    assert what in {d.what for d in check_totals(short, batch.results)}


def test_a_difference_reads_as_a_sentence() -> None:
    assert str(Difference("messages", 1_000, 7)) == "messages: expected 1,000, found 7"
