"""What is new or gone against earlier batches; boots that ended badly; signals near faults."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
from diagnosis.made import START, Message, manifest, result, statistics

from argus_pipeline.diagnosis.baseline import COLUMNS
from argus_pipeline.diagnosis.evidence import Evidence, FeatureSummary, Kind
from argus_pipeline.diagnosis.summary import MAX_TOKENS, summarise
from argus_pipeline.diagnosis.validator import evidence_tokens, number_tokens
from argus_pipeline.statistics.schemas import SCHEMAS

HOUR = {
    "start": START,
    "end": START + timedelta(hours=1),
    "first_uptime_s": 0.0,
    "last_uptime_s": 3600.0,
}


def baseline(*rows: tuple[str, str | None, int, float]) -> pl.DataFrame:
    """Rows of scope, fault, messages and hours."""
    full = [(scope, fault, fault, messages, hours) for scope, fault, messages, hours in rows]
    kinds = [pl.String, pl.String, pl.String, pl.UInt64, pl.Float64]
    return pl.DataFrame(full, schema=dict(zip(COLUMNS, kinds, strict=True)), orient="row")


def told(folder: Path, past: pl.DataFrame | None, times: int = 10) -> list[str]:
    """Statements on what is new or gone for an hour in which E001 came some times."""
    messages = [Message(n, "error", "E001 again") for n in range(times)]
    counted = statistics(folder, messages, boots={"ecu1.dlt": [HOUR]})
    found = summarise(manifest(), [result(rows=times)], counted, past)
    pieces = [*found.of_kind(Kind.BASELINE), *found.of_kind(Kind.CHANGE)]
    for piece in pieces:
        assert set(number_tokens(piece.statement)) <= evidence_tokens(piece)
    return [piece.statement for piece in pieces]


def test_without_a_baseline_the_summary_says_so(tmp_path: Path) -> None:
    (statement,) = told(tmp_path, None)
    assert statement == (
        "No baseline of the vehicle or its platform: what is new or gone cannot be told."
    )


def test_what_nobody_has_seen_before_is_new(tmp_path: Path) -> None:
    past = baseline(("vehicle", None, 0, 4), ("platform", "P0A80", 9, 1234.5))
    assert told(tmp_path, past) == [
        "Against 4 h of earlier batches of the vehicle and 1,230 h of other vehicles of the"
        " platform: 1 fault new, 0 faults gone.",
        "New: E001, 10 messages here, none in 4 h of the vehicle, none in 1,230 h of the platform.",
    ]


def test_what_other_vehicles_have_is_new_to_the_vehicle_alone(tmp_path: Path) -> None:
    past = baseline(("vehicle", None, 0, 4), ("platform", "E001", 50, 100))
    assert told(tmp_path, past)[1] == (
        "New: E001, 10 messages here, none in 4 h of the vehicle, 0.5 per hour in 100 h of the"
        " platform."
    )


def test_too_few_hours_make_nothing_new(tmp_path: Path) -> None:
    assert len(told(tmp_path, baseline(("vehicle", None, 0, 0.4)))) == 1
    assert len(told(tmp_path, baseline(("vehicle", None, 0, 4)), times=1)) == 1


def test_what_the_vehicle_had_often_and_has_no_more_is_gone(tmp_path: Path) -> None:
    past = baseline(
        ("vehicle", "E001", 40, 4), ("vehicle", "C0035", 60, 4), ("vehicle", "U0100", 6, 4)
    )
    assert told(tmp_path, past)[1:] == [
        "Gone: C0035, none in 1 h here; earlier 60 messages, 15 per hour."
    ]


def anomalies(folder: Path, **frames: list[dict[str, Any]]) -> FeatureSummary:
    counted = statistics(folder, [Message(0, "info", "hello")])
    replaced = {name: pl.DataFrame(rows, schema=SCHEMAS[name]) for name, rows in frames.items()}
    return summarise(manifest(), [result(rows=1)], dataclasses.replace(counted, **replaced))


def one(pieces: tuple[Evidence, ...]) -> str:
    (piece,) = pieces
    assert set(number_tokens(piece.statement)) <= evidence_tokens(piece)
    return piece.statement


def test_boots_that_ended_badly_are_evidence(tmp_path: Path) -> None:
    ends = ["reset", "critical", "reset", "recording"]
    reasons = [None, "watchdog", "ignition", "watchdog"]
    boots = [
        {"ecu": "IVI", "start": START + timedelta(hours=n), "ended": end, "reason": reason}
        | {"last_critical": "E214" if end == "critical" else None}
        for n, (end, reason) in enumerate(zip(ends, reasons, strict=True))
    ]
    assert one(anomalies(tmp_path, boots=boots).of_kind(Kind.RESTART)) == (
        "ECU IVI: of 4 boots 2 ended in a reset (the next boot says: watchdog) and 1 right after a"
        " fatal or error message; the last words before were mostly E214."
    )


def test_a_signal_that_left_its_range_with_a_fault_is_evidence(tmp_path: Path) -> None:
    row = {
        "fault": "P0A80",
        "table": "vehicle.PowerState-0",
        "signal": "voltage",
        "moments": 32,
        "below": 26,
        "above": 2,
        "lowest": 9.35625,
        "highest": 14.09,
        "usual_low": 10.0106,
        "usual_high": 14.4,
    }
    assert one(anomalies(tmp_path, event_signals=[row]).of_kind(Kind.SIGNAL)) == (
        "Near P0A80 the signal voltage of vehicle.PowerState-0 was below its usual 10.01 at 26 of"
        " 32 moments, lowest value there 9.356 (median)."
    )


def test_a_summary_is_bounded_whatever_the_baseline(tmp_path: Path) -> None:
    past = baseline(*(("vehicle", f"fault {n} " + "x" * 90, 10**9, 4.0) for n in range(500)))
    boots = [
        {"ecu": f"ECU{n}" * 20, "ended": "reset", "reason": "制" * 90, "last_critical": "制" * 90}
        for n in range(200)
    ]
    counted = statistics(
        tmp_path, [Message(n, "fatal", f"E{n:03}") for n in range(500)], boots={"ecu1.dlt": [HOUR]}
    )
    counted = dataclasses.replace(counted, boots=pl.DataFrame(boots, schema=SCHEMAS["boots"]))
    found = summarise(manifest(), [result(rows=500)], counted, past)
    assert found.tokens <= MAX_TOKENS
    (remainder,) = found.of_kind(Kind.REMAINDER)
    shown = len(found.of_kind(Kind.CHANGE))
    assert shown + remainder.numbers["change_left_out"] == 500
