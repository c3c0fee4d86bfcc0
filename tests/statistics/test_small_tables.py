"""What the small DLT tables, and those of added decoders, mean to the statistics."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from charts.made import ENVELOPE, START, TIME, MadeBatch, fields

from argus_pipeline.statistics.accounting import Difference, check_totals
from argus_pipeline.statistics.lifecycles import MAX_LIFECYCLES, MAX_LOSSES


def test_a_batch_without_dlt_has_no_lifecycles_and_no_losses(tmp_path: Path) -> None:
    batch = MadeBatch(tmp_path).rec("a.rec", Power=fields([{"x": 1.0}], x=pl.Float64))
    statistics = batch.statistics()
    assert statistics.lifecycles.is_empty()
    assert statistics.losses.is_empty()
    assert (statistics.total("lifecycles"), statistics.total("lost_messages")) == (0, 0)


def test_rows_of_the_small_tables_are_no_messages_and_no_signals(tmp_path: Path) -> None:
    batch = MadeBatch(tmp_path).dlt("a.dlt", [{}, {}], boots=[{}], senders=[{"lost": 4}])
    statistics = batch.statistics()
    assert statistics.total("messages") == 2
    assert statistics.signals.is_empty()
    assert check_totals(statistics, batch.results) == ()


def test_lifecycles_are_ordered_by_ecu_and_start(tmp_path: Path) -> None:
    early = START - timedelta(hours=1)
    batch = MadeBatch(tmp_path)
    batch.dlt("b.dlt", [{}], boots=[{"ecu": "ABS"}, {"ecu": "ABS", "start": early}])
    batch.dlt("a.dlt", [{}], boots=[{"ecu": "TCU"}, {"ecu": "ABS", "start": None}])
    found = batch.statistics().lifecycles.select("ecu", "start", "recording").rows()
    assert found == [
        ("ABS", None, "a.dlt"),
        ("ABS", early, "b.dlt"),
        ("ABS", START, "b.dlt"),
        ("TCU", START, "a.dlt"),
    ]


def test_the_loss_of_a_boot_stands_in_its_row_only(tmp_path: Path) -> None:
    boots = [{}, {"kind": "resume", "boot": 1}, {}]
    senders = [{"lost": 5}, {"lost": 2, "app": "SYS"}, {"lifecycle": 3, "lost": 1}]
    batch = MadeBatch(tmp_path).dlt("a.dlt", [{}], boots=boots, senders=senders)
    # The same ECU and number in another recording is another boot.
    batch.dlt("b.dlt", [{}], boots=[{}], senders=[{"ecu": "TCU", "lost": 9}])
    found = batch.statistics().lifecycles.sort("recording", "lifecycle")
    assert found.select("recording", "lifecycle", "lost").rows() == [
        ("a.dlt", 1, 7),
        ("a.dlt", 2, 0),
        ("a.dlt", 3, 1),
        ("b.dlt", 1, 0),
    ]
    assert check_totals(batch.statistics(), batch.results) == ()


def test_losses_are_the_senders_that_lack_most_first(tmp_path: Path) -> None:
    senders: list[dict[str, Any]] = [
        {"lost": 2, "gaps": 2},
        {"lost": 0, "app": "SYS"},
        {"lost": 9, "gaps": 1, "app": None, "context": None},
    ]
    found = MadeBatch(tmp_path).dlt("a.dlt", [{}], senders=senders).statistics().losses
    assert found.select("app", "lost", "gaps").rows() == [(None, 9, 1), ("UPDM", 2, 2)]


def test_more_lifecycles_and_losses_than_are_kept_are_counted(tmp_path: Path) -> None:
    many = MAX_LIFECYCLES + 20
    boots = [{"start": START + timedelta(minutes=n)} for n in range(many)]
    senders = [{"lost": n + 1, "lifecycle": n + 1} for n in range(many)]
    batch = MadeBatch(tmp_path).dlt("a.dlt", [{}], boots=boots, senders=senders)
    statistics = batch.statistics()
    assert statistics.lifecycles["lifecycle"].to_list() == list(range(21, many + 1))
    assert statistics.losses["lost"].to_list() == list(range(many, many - MAX_LOSSES, -1))
    total = statistics.total
    assert (total("lifecycles"), total("losses")) == (many, many)
    assert total("lost_messages") == many * (many + 1) // 2
    assert check_totals(statistics, batch.results) == ()


def test_lifecycles_and_losses_that_no_result_knows_are_named(tmp_path: Path) -> None:
    batch = MadeBatch(tmp_path).dlt("a.dlt", [{}], boots=[{}, {}], senders=[{"lost": 3}])
    results = [dataclasses.replace(r, lifecycles=1, lost_messages=0) for r in batch.results]
    assert check_totals(batch.statistics(), results) == (
        Difference("lifecycles", 1, 2),
        Difference("lost messages", 0, 3),
    )


def test_what_a_torn_stream_left_out_is_summed_up(tmp_path: Path) -> None:
    batch = MadeBatch(tmp_path).dlt("a.dlt", [{}]).dlt("b.dlt", [{}])
    batch.results[0] = dataclasses.replace(batch.results[0], unread_bytes=500)
    statistics = batch.statistics()
    assert statistics.recordings["unread_bytes"].to_list() == [500, 0]
    assert statistics.total("unread_bytes") == 500


def test_a_table_of_an_added_decoder_counts_when_it_has_the_columns_of_messages(
    tmp_path: Path,
) -> None:
    columns = {name: kind for name, kind in ENVELOPE.items() if name != "size"}
    faults = pl.DataFrame(
        [{"offset": 3, "received": START, "code": "E001", "severity": "error", "speed": 80.0}],
        schema={**columns, "code": pl.String, "severity": pl.String, "speed": pl.Float64},
    )
    lines = pl.DataFrame({"offset": [1, 2], "text": ["a", "b"]})
    batch = MadeBatch(tmp_path).add("bench.log", "bench-log", {"faults": faults, "lines": lines})
    statistics = batch.statistics()
    assert statistics.codes.select("code", "first_time").rows() == [("E001", START)]
    assert statistics.signals.is_empty()
    assert statistics.recordings.select("rows", "messages").rows() == [(3, 1)]
    assert check_totals(statistics, batch.results) == ()


@pytest.mark.parametrize(
    "changed", [{"offset": pl.Int64}, {"sent": pl.String}, {"received": pl.Float64}]
)
def test_a_table_of_an_added_decoder_with_other_types_is_left_out(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    schema = {"offset": pl.UInt64, "sent": TIME, "received": TIME, "sample_time": TIME, **changed}
    table = pl.DataFrame({name: [None] for name in schema}, schema=schema)
    batch = MadeBatch(tmp_path).add("bench.log", "bench-log", {"lifecycles": table})
    statistics = batch.statistics()
    assert (statistics.total("messages"), statistics.total("lifecycles")) == (0, 0)
    assert check_totals(statistics, batch.results) == ()
