from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from charts.made import START, MadeBatch, fields
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_pipeline.errors import BadInput
from argus_pipeline.statistics import schemas
from argus_pipeline.statistics.accounting import check_totals
from argus_pipeline.statistics.batch import BatchStatistics, compute_statistics
from argus_pipeline.statistics.counting import MAX_CRITICAL_EVENTS
from argus_pipeline.statistics.event_rows import event_rows
from argus_pipeline.statistics.faults import MAX_TEXT_CHARACTERS
from argus_pipeline.statistics.severity import SEVERITIES
from argus_pipeline.statistics.sources import RecordingTables
from argus_pipeline.statistics.storage import to_parquet

_SIGNAL = (
    *("recording", "table", "signal", "messages", "missing", "nan"),
    *("min", "max", "mean"),
)


def second(number: float) -> datetime:
    return START + timedelta(seconds=number)


def rows(frame: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return frame.select(columns).rows()


def assert_schemas(statistics: BatchStatistics) -> None:
    for name, frame in statistics.frames().items():
        assert frame.schema == schemas.SCHEMAS[name], name


def test_every_frame_is_described() -> None:
    assert set(BatchStatistics.names()) == set(schemas.SCHEMAS)
    for name in BatchStatistics.names():
        assert f"\n{name} " in (schemas.__doc__ or "")


def test_a_batch_of_nothing_has_empty_frames_and_totals_of_zero() -> None:
    statistics = compute_statistics([], [])
    assert_schemas(statistics)
    assert statistics.total("messages") == 0
    assert statistics.total("first_time") is None
    assert check_totals(statistics, []) == ()


def test_a_batch_of_quarantined_recordings_only_lists_them(tmp_path: Path) -> None:
    batch = MadeBatch(tmp_path).quarantined("noise.bin")
    statistics = batch.statistics()
    assert_schemas(statistics)
    assert rows(statistics.recordings, "recording", "format", "status", "messages") == [
        ("noise.bin", None, "quarantined", 0)
    ]
    assert statistics.total("quarantined_bytes") == 7
    assert check_totals(statistics, batch.results) == ()


def test_one_message_is_counted_everywhere(tmp_path: Path) -> None:
    batch = MadeBatch(tmp_path).dlt("a.dlt", [{"severity": "fatal", "text": "DTC P0A80"}])
    statistics = batch.statistics()
    assert_schemas(statistics)
    assert rows(statistics.severities, "severity", "messages") == [("fatal", 1)]
    assert rows(statistics.sources, "ecu", "app", "context", "messages") == [
        ("ECU1", "UPDM", "INST", 1)
    ]
    assert rows(statistics.minutes, "minute", "messages") == [(START, 1)]
    assert rows(statistics.timeline, "start", "end") == [(START, second(1))]
    assert rows(statistics.critical_events, "code", "template") == [("P0A80", "DTC <code>")]
    assert rows(statistics.critical_templates, "template", "messages") == [("DTC <code>", 1)]
    total = statistics.total
    assert (total("messages"), total("events"), total("critical_events"), total("coded")) == (
        (1,) * 4
    )
    assert total("first_time") == total("last_time") == START


def test_a_code_has_its_worst_severity_its_main_ecu_and_its_first_place(tmp_path: Path) -> None:
    batch = MadeBatch(tmp_path)
    batch.dlt(
        "b.dlt",
        [
            {"time": second(9), "severity": "warn", "text": "E001", "ecu": "TCU"},
            {"time": second(9), "severity": "error", "text": "E001", "ecu": "TCU"},
        ],
    )
    batch.dlt("a.dlt", [{"time": second(20), "text": "E001 of P0A80", "ecu": "GW"}])
    fault = fields(
        [{"sample_time": second(5), "code": "E001", "severity": 1, "ecu": "TCU", "offset": 4_711}],
        code=pl.String,
        severity=pl.UInt8,
        ecu=pl.String,
    )
    batch.rec("c.rec", Fault=fault)
    statistics = batch.statistics()
    first, second_code = statistics.codes.iter_rows(named=True)
    assert first == {
        "code": "E001",
        "severity": "fatal",
        "ecu": "TCU",
        "ecus": 2,
        "messages": 4,
        "first_time": second(5),
        "last_time": second(20),
        "recording": "c.rec",
        "table": "vehicle.Fault-0",
        "offset": 4_711,
        "position": None,
    }
    assert (second_code["code"], second_code["messages"]) == ("P0A80", 1)
    assert statistics.total("coded") == 4
    assert rows(statistics.codes_by_ecu, "code", "ecu", "severity", "messages") == [
        ("E001", "GW", "info", 1),
        ("E001", "TCU", "fatal", 1),
        ("E001", "TCU", "error", 1),
        ("E001", "TCU", "warn", 1),
        ("P0A80", "GW", "info", 1),
    ]


def test_messages_of_the_same_time_are_told_apart_by_their_place(tmp_path: Path) -> None:
    batch = MadeBatch(tmp_path)
    batch.dlt("a.dlt", [{"text": "E001", "offset": 900}, {"text": "E001", "offset": 30}])
    assert rows(batch.statistics().codes, "offset", "messages") == [(30, 2)]


def test_times_before_1970_keep_their_order(tmp_path: Path) -> None:
    early = datetime(1960, 5, 1, tzinfo=UTC)
    batch = MadeBatch(tmp_path)
    batch.dlt("a.dlt", [{"text": "E001"}, {"text": "E001", "time": early, "offset": 2**63}])
    assert rows(batch.statistics().codes, "first_time", "offset") == [(early, 2**63)]


def test_messages_without_a_time_are_counted_and_not_placed(tmp_path: Path) -> None:
    batch = MadeBatch(tmp_path)
    batch.dlt("a.dlt", [{"time": None, "severity": "error", "text": "E001"}, {}])
    statistics = batch.statistics()
    assert statistics.total("unplaced") == 1
    assert statistics.minutes["messages"].sum() == 1
    assert rows(statistics.codes, "first_time", "last_time", "offset") == [(None, None, 0)]
    assert rows(statistics.critical_events, "time") == [(None,)]
    assert check_totals(statistics, batch.results) == ()


def test_a_clock_that_was_not_set_is_counted_and_does_not_stretch_the_span(tmp_path: Path) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    batch = MadeBatch(tmp_path).dlt("a.dlt", [{"time": epoch}, {}, {}])
    statistics = batch.statistics()
    assert statistics.total("clock_not_set") == 1
    assert statistics.total("first_time") == START
    assert statistics.minutes["minute"].min() == epoch
    assert check_totals(statistics, batch.results) == ()


def test_critical_events_are_the_newest_and_the_rest_is_a_number(tmp_path: Path) -> None:
    many = MAX_CRITICAL_EVENTS + 50
    events = [{"time": second(n), "severity": "error"} for n in range(many)]
    statistics = MadeBatch(tmp_path).dlt("a.dlt", [*events, {}]).statistics()
    assert statistics.total("critical_events") == many
    assert statistics.critical_events["time"].to_list() == [second(n) for n in range(50, many)]
    assert statistics.critical_templates["messages"].to_list() == [many]


def test_a_critical_event_keeps_its_place_and_the_start_of_a_long_text(tmp_path: Path) -> None:
    batch = MadeBatch(tmp_path)
    batch.dlt("a.dlt", [{}, {"severity": "fatal", "text": "x" * 60_000, "offset": 12_345}])
    (found,) = batch.statistics().critical_events.iter_rows(named=True)
    assert (found["recording"], found["table"], found["offset"]) == ("a.dlt", "messages", 12_345)
    assert len(found["text"]) == MAX_TEXT_CHARACTERS


def test_severities_on_no_known_scale_are_counted(tmp_path: Path) -> None:
    fault = fields([{"severity": 9}, {"severity": 2}], severity=pl.UInt8)
    statistics = MadeBatch(tmp_path).rec("a.rec", Fault=fault).statistics()
    assert statistics.total("unmapped_severities") == 1
    assert rows(statistics.severities, "severity", "messages") == [("error", 1), ("none", 1)]


def test_signals_are_summed_up_by_recording_and_table(tmp_path: Path) -> None:
    values = [1.0, None, float("nan"), 4.0]
    table = fields(
        [{"voltage": v, "active": True, "name": "x", "blob": b"x"} for v in values],
        voltage=pl.Float32,
        active=pl.Boolean,
        name=pl.String,
        blob=pl.Binary,
    )
    lone = fields([{"voltage": 7.0, "active": False}], **dict(list(table.schema.items())[5:]))
    batch = MadeBatch(tmp_path).rec("a.rec", Power=table).rec("b.rec", Power=lone)
    statistics = batch.statistics()
    assert_schemas(statistics)
    assert rows(statistics.signals, *_SIGNAL) == [
        ("a.rec", "vehicle.Power-0", "active", 4, 0, 0, 1.0, 1.0, 1.0),
        ("a.rec", "vehicle.Power-0", "voltage", 4, 1, 1, 1.0, 4.0, 2.5),
        ("b.rec", "vehicle.Power-0", "active", 1, 0, 0, 0.0, 0.0, 0.0),
        ("b.rec", "vehicle.Power-0", "voltage", 1, 0, 0, 7.0, 7.0, 7.0),
    ]


def test_a_signal_without_any_number_has_no_minimum(tmp_path: Path) -> None:
    table = fields([{"x": None}, {"x": float("nan")}], x=pl.Float64)
    statistics = MadeBatch(tmp_path).rec("a.rec", Power=table).statistics()
    assert rows(statistics.signals, *_SIGNAL) == [
        ("a.rec", "vehicle.Power-0", "x", 2, 1, 1, None, None, None)
    ]


def test_severity_and_code_of_an_event_are_no_signals(tmp_path: Path) -> None:
    fault = fields(
        [{"code": 5, "severity": 2, "odometer": 12}],
        code=pl.UInt16,
        severity=pl.UInt8,
        odometer=pl.UInt32,
    )
    statistics = MadeBatch(tmp_path).rec("a.rec", Fault=fault).statistics()
    assert statistics.signals["signal"].to_list() == ["odometer"]


def test_event_counts_for_the_database_have_both_sums(tmp_path: Path) -> None:
    texts = [{"severity": "error", "text": "E001 P0A80"}, {"app": None, "context": "X"}]
    found = list(event_rows(MadeBatch(tmp_path).dlt("a.dlt", texts).statistics()))
    assert sum(row.messages for row in found if row.code is None) == 2
    assert sorted(row.code for row in found if row.code is not None) == ["E001", "P0A80"]


def test_the_same_tables_give_the_same_bytes(tmp_path: Path) -> None:
    events = [
        {"time": second(n / 7), "severity": "error", "text": f"E{n % 40:03} at {n}"}
        for n in range(3_000)
    ]
    power = fields([{"x": n / 3} for n in range(5_000)], x=pl.Float64)
    batch = MadeBatch(tmp_path).dlt("a.dlt", events).dlt("b.dlt", events).rec("c.rec", Power=power)
    first, again = batch.statistics(), batch.statistics()
    for name, frame in first.frames().items():
        assert to_parquet(frame) == to_parquet(again.frames()[name]), name


def test_a_missing_table_is_named() -> None:
    sources = [RecordingTables("a.dlt", "dlt", {"messages": "/nowhere/messages.parquet"})]
    with pytest.raises(BadInput, match=r"not there.*messages\.parquet"):
        compute_statistics(sources, [])


def test_what_is_no_parquet_or_lacks_a_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("this is no Parquet file, it is a text")
    pl.DataFrame({"offset": [1]}).write_parquet(tmp_path / "other.parquet")
    for name in ("text", "other"):
        sources = [RecordingTables("a", "dlt", {"messages": str(tmp_path / f"{name}.parquet")})]
        with pytest.raises(BadInput, match="not as expected"):
            compute_statistics(sources, [])


_TIMES = st.none() | st.datetimes(
    datetime(1965, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)
)
_TEXTS = st.none() | st.text(max_size=20) | st.sampled_from(["E001", "P0A80 U0100", "DTC 0x1234"])
_NAMES = st.none() | st.text(max_size=4)
_MESSAGE = st.fixed_dictionaries(
    {
        "time": _TIMES,
        "severity": st.none() | st.sampled_from(SEVERITIES[:-1]),
        "text": _TEXTS,
        "ecu": _NAMES,
        "app": _NAMES,
    }
)
_FAULT = st.fixed_dictionaries(
    {"sample_time": _TIMES, "severity": st.none() | st.integers(0, 9), "code": _TEXTS}
)


@given(st.lists(_MESSAGE, max_size=20), st.lists(_FAULT, max_size=10))
@settings(max_examples=40)
def test_the_sums_add_up_for_any_events(
    messages: list[dict[str, Any]], faults: list[dict[str, Any]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        batch = MadeBatch(Path(folder)).dlt("a.dlt", messages)
        batch.rec("b.rec", Fault=fields(faults, severity=pl.Int16, code=pl.String))
        statistics = batch.statistics()
    assert_schemas(statistics)
    assert check_totals(statistics, batch.results) == ()
    placed = [m["time"] for m in messages] + [
        # Where a sample has no time, the time of sending counts, which `fields` fills in.
        f["sample_time"] or START
        for f in faults
    ]
    assert statistics.total("unplaced") == placed.count(None)
    assert statistics.codes["messages"].sum() == statistics.codes_by_ecu["messages"].sum()
    critical = sum(m["severity"] in {"fatal", "error"} for m in messages) + sum(
        f["severity"] in {1, 2} for f in faults
    )
    assert statistics.total("critical_events") == statistics.critical_events.height == critical
    assert statistics.critical_templates["messages"].sum() == critical
