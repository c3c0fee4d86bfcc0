"""Bursts and gaps; rates; boots, why they started and how they ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from charts.made import START, MadeBatch

from argus_pipeline.statistics.batch import compute_statistics


def second(number: float) -> datetime:
    return START + timedelta(seconds=number)


def test_a_burst_is_much_more_than_usual(tmp_path: Path) -> None:
    quiet = [{"time": second(n), "severity": "warn"} for n in range(0, 1200, 10)]
    burst = [{"time": second(600 + n / 4), "severity": "error"} for n in range(100)]
    # As many that are not bad are none.
    chatter = [{"time": second(900 + n / 4)} for n in range(100)]
    (row,) = (
        MadeBatch(tmp_path).dlt("a.dlt", quiet + burst + chatter).statistics().bursts.to_dicts()
    )
    assert (row["start"], row["end"]) == (second(600), second(625))
    assert (row["messages"], row["critical"]) == (103, 100)
    assert row["per_s"] == pytest.approx(4.1)


def test_steady_trouble_is_no_burst(tmp_path: Path) -> None:
    rows = [{"time": second(n / 4), "severity": "error"} for n in range(400)]
    assert MadeBatch(tmp_path).dlt("a.dlt", rows).statistics().bursts.is_empty()


def test_gaps_are_silences_of_all_recordings(tmp_path: Path) -> None:
    boots = [{"start": second(0), "end": second(400)}, {"start": second(600), "end": second(700)}]
    batch = MadeBatch(tmp_path)
    batch.dlt("a.dlt", [{"time": second(n)} for n in (0, 50, 350, 400, 600)], boots=boots)
    batch.dlt("b.dlt", [{"time": second(n)} for n in (100, 150, 640)])
    gaps = batch.statistics().gaps
    assert gaps.rows() == [
        (second(151), second(350), 199.0, 1),
        (second(401), second(600), 199.0, 0),
    ]


def test_rates_are_per_hour_of_the_vehicle_and_per_boot_of_the_ecu(tmp_path: Path) -> None:
    boots = [
        {"ecu": "GW", "start": second(0), "end": second(1800)},
        {"ecu": "GW", "start": second(2000), "end": second(3800)},
        {"ecu": "ABS", "start": second(0), "end": second(1800)},
    ]
    boots = [{**boot, "first_uptime_s": 0.0} for boot in boots]
    rows = [
        {"ecu": "GW", "severity": "error", "text": "E001", "lifecycle": 1, "time": second(n)}
        for n in range(6)
    ]
    rates = MadeBatch(tmp_path).dlt("a.dlt", rows, boots=boots).statistics().rates
    found = {row["by"]: (row["per_hour"], row["per_lifecycle"]) for row in rates.to_dicts()}
    assert found == {"severity": (6, 2), "ecu": (6, 3), "source": (6, 3), "code": (6, 2)}
    assert rates["last_time"].to_list() == [second(5)] * 4


def test_without_hours_or_boots_there_is_no_rate(tmp_path: Path) -> None:
    rates = MadeBatch(tmp_path).dlt("a.dlt", [{}]).statistics().rates
    assert rates["per_hour"].null_count() == rates["per_lifecycle"].null_count() == rates.height


def boot(number: int, **more: Any) -> dict[str, Any]:
    """Boots of 60 s, one every 100 s."""
    start = second(100 * number)
    return {
        "start": start,
        "end": start + timedelta(seconds=60),
        "last_offset": 1_000 * number + 5,
        **more,
    }


def said(number: int, at: float, text: str, **more: Any) -> dict[str, Any]:
    return {
        "time": second(100 * number + at),
        "uptime_s": at,
        "lifecycle": number + 1,
        "text": text,
        "offset": 1_000 * number,
        **more,
    }


def test_a_boot_says_why_it_started_and_what_came_before_tells_how_it_ended(
    tmp_path: Path,
) -> None:
    boots = [
        boot(0, software_version="v1"),
        boot(1, software_version="v2"),
        *(boot(n) for n in range(2, 6)),
    ]
    rows = [
        said(0, 1, "started, reason: ignition"),
        said(2, 1, "reset cause=WATCHDOG_2 after 3 s"),
        said(2, 30, "reason: not looked at so late"),
        said(2, 55, "E214 media service hangs", severity="fatal"),
        said(3, 59, "system is shutting down", offset=3_005),
        said(5, 9, "Grund: Klemme 15"),
    ]
    found = MadeBatch(tmp_path).dlt("a.dlt", rows, boots=boots).statistics().boots
    assert found.select("reason", "ended", "last_critical").rows() == [
        ("ignition", "update", None),
        (None, "reset", None),
        ("WATCHDOG_2 after 3 s", "critical", "E214"),
        (None, "shutdown", None),
        (None, "unknown", None),
        ("Klemme 15", "recording", None),
    ]
    assert found["down_s"].to_list() == [40.0] * 5 + [None]


def test_lost_messages_and_resumes_belong_to_their_boot(tmp_path: Path) -> None:
    boots = [boot(0), boot(1, kind="resume", boot=1), boot(2, boot=3)]
    senders = [{"lifecycle": 1, "lost": 4}, {"lifecycle": 1, "app": "X", "lost": 2}]
    batch = MadeBatch(tmp_path).dlt("a.dlt", [{}], boots=boots, senders=senders)
    statistics = compute_statistics(batch.sources, batch.results)
    assert statistics.boots.select("resumes", "messages", "lost").rows() == [(1, 20, 6), (0, 10, 0)]
