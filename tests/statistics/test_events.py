from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from charts.made import START, MadeBatch, fields, messages

from argus_pipeline.statistics.events import SCHEMA, EventFields, event_fields, events
from argus_pipeline.statistics.sources import RecordingTables, group_tables


def collected(batch: MadeBatch) -> pl.DataFrame:
    return pl.concat([events(group) for group in group_tables(batch.sources)]).collect()


def event(folder: Path, row: dict[str, Any], **schema: Any) -> dict[str, Any]:
    return collected(MadeBatch(folder).rec("a.rec", Fault=fields([row], **schema))).row(
        0, named=True
    )


def test_both_formats_give_the_same_columns(tmp_path: Path) -> None:
    batch = MadeBatch(tmp_path).dlt("a.dlt", [{}])
    batch.rec("b.rec", Fault=fields([{"code": "E001"}], code=pl.String))
    assert collected(batch).schema == SCHEMA


def test_a_log_message_is_an_event_and_a_control_message_is_none(tmp_path: Path) -> None:
    control = {"type": "control", "severity": None, "text": "E001 in a version string"}
    found = collected(MadeBatch(tmp_path).dlt("a.dlt", [{"severity": "error"}, control]))
    assert found["severity"].to_list() == ["error", "none"]
    assert found["event"].to_list() == [True, False]
    assert found["text"].to_list() == ["hello", None]


def test_text_columns_need_not_be_dictionaries(tmp_path: Path) -> None:
    plain = messages([{"severity": "warn"}]).cast({pl.Categorical: pl.String})
    batch = MadeBatch(tmp_path).add("a.dlt", "dlt", {"messages": plain})
    assert collected(batch)["severity"].to_list() == ["warn"]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            {"ecu": pl.String, "code": pl.String, "severity": pl.UInt8, "message": pl.String},
            EventFields("code", "severity", "ecu", "message"),
        ),
        (
            {"source": pl.String, "errorCode": pl.UInt32, "level": pl.UInt8, "text": pl.String},
            EventFields("errorCode", "level", "source", "text"),
        ),
        ({"dtc": pl.UInt32, "description": pl.String}, EventFields(code="dtc", text="description")),
        # A level alone may be that of a tank, and a fraction is neither a code nor a severity.
        ({"level": pl.UInt8}, EventFields()),
        ({"code": pl.Float64, "severity": pl.Float32}, EventFields()),
        ({"where.code": pl.String}, EventFields()),
    ],
)
def test_the_fields_of_an_event_are_known_by_name_and_type(
    columns: dict[str, Any], expected: EventFields
) -> None:
    assert event_fields(fields([], **columns).schema) == expected


@pytest.mark.parametrize(
    ("value", "kind", "severity", "unmapped"),
    [
        (1, pl.UInt8, "fatal", False),
        (6, pl.Int64, "verbose", False),
        (0, pl.UInt8, "none", True),
        (7, pl.UInt8, "none", True),
        (None, pl.UInt8, "none", False),
        ("Warning", pl.String, "warn", False),
        ("CRITICAL", pl.String, "fatal", False),
        ("2", pl.String, "error", False),
        ("odd", pl.String, "none", True),
    ],
)
def test_severities_are_words_or_levels(
    tmp_path: Path, value: object, kind: Any, severity: str, unmapped: bool
) -> None:
    found = event(tmp_path, {"severity": value}, severity=kind)
    assert (found["severity"], found["unmapped"], found["event"]) == (severity, unmapped, True)


@pytest.mark.parametrize(
    ("field", "value", "kind", "code"),
    [
        ("code", "P0A80", pl.String, "P0A80"),
        ("code", " p0a80 ", pl.String, "P0A80"),
        ("code", "0xabcd", pl.String, "0xABCD"),
        ("code", "GearBox-7", pl.String, "GearBox-7"),
        ("code", "  ", pl.String, None),
        ("code", 17, pl.UInt32, "17"),
        ("code", 0, pl.UInt32, None),
        ("dtc", 0x12AB, pl.UInt32, "0x0012AB"),
        ("dtc", 0xFEDCBA98, pl.UInt64, "0xFEDCBA98"),
        ("dtc", -1, pl.Int32, None),
    ],
)
def test_codes_have_one_spelling(
    tmp_path: Path, field: str, value: object, kind: Any, code: str | None
) -> None:
    assert event(tmp_path, {field: value}, **{field: kind})["code"] == code


def test_the_time_is_that_of_the_sample_then_of_sending_then_of_receiving(tmp_path: Path) -> None:
    sent, received = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    rows = [
        {"sample_time": START, "sent": sent, "received": received},
        {"sample_time": None, "sent": sent, "received": received},
        {"sample_time": None, "sent": None, "received": received},
        {"sample_time": None, "sent": None, "received": None},
    ]
    found = collected(MadeBatch(tmp_path).rec("a.rec", Position=fields(rows, x=pl.Float64)))
    assert found["time"].to_list() == [START, sent, received, None]
    assert found["event"].any() is False


def test_tables_of_one_name_with_other_columns_are_read_apart(tmp_path: Path) -> None:
    batch = MadeBatch(tmp_path)
    batch.rec("a.rec", Fault=fields([{"code": "E001"}], code=pl.String))
    batch.rec("b.rec", Fault=fields([{"code": 7}], code=pl.UInt16))
    groups = group_tables(batch.sources)
    assert [len(group.recordings) for group in groups] == [1, 1]
    assert sorted(collected(batch)["code"].to_list()) == ["7", "E001"]


def test_tables_of_one_shape_become_one_scan(tmp_path: Path) -> None:
    batch = MadeBatch(tmp_path / "[odd] folder*")
    for name in ("a.dlt", "b.dlt", "c.dlt"):
        batch.dlt(name, [{}])
    (group,) = group_tables(batch.sources)
    assert sorted(group.recordings.values()) == ["a.dlt", "b.dlt", "c.dlt"]
    assert group_tables([RecordingTables("d.dlt", "dlt", {})]) == []
