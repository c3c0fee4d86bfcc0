from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import polars as pl
import pytest

from argus_pipeline.charts import adoption, rate_ratios, render
from argus_pipeline.charts.adoption import rates_by_bin, reports, shares_by_bin
from argus_pipeline.charts.rate_ratios import CLASSES, MAX_FAULTS, rate
from argus_pipeline.fleet.cells import CELLS
from argus_pipeline.fleet.comparison import COMPARISON
from argus_pipeline.fleet.rules import CLASSES as KNOWN_CLASSES

HOSTILE = "</script><script>alert(1)</script>\x00\u202e"
DAY = datetime(2026, 11, 20, tzinfo=UTC)


def compared(*rows: dict[str, Any]) -> pl.DataFrame:
    usual = {
        "platform": "J7",
        "fault": "E001",
        "kind": "code",
        "class": "worse",
        "per_hour_before": 1.0,
        "per_hour_after": 2.0,
        "ratio": 2.0,
        "low": 1.5,
        "high": 2.6,
        "vehicles_before": 12,
        "vehicles_after": 9,
        "hours_before": 340.6,
        "hours_after": 0.5,
    }
    return pl.DataFrame([{**usual, **row} for row in rows], schema=COMPARISON)


def reported(*rows: tuple[str, str | None, float, float, int]) -> pl.DataFrame:
    """Cells from vehicle, firmware, days after the first, hours and errors."""
    found: list[dict[str, Any]] = []
    for number, (vehicle, firmware, days, hours, errors) in enumerate(rows):
        time = DAY + timedelta(days=days)
        batch = {"batch": f"b{number}", "vehicle": vehicle, "firmware": firmware}
        batch |= {"day": time.date(), "created": time, "updated_to": firmware}
        found.append({**batch, "kind": "hours", "seconds": int(hours * 3600), "messages": 0})
        for severity, messages in (("error", errors), ("warn", 7)):
            fault = {"kind": "code", "fault": "E001", "severity": severity, "messages": messages}
            found.append({**batch, **fault, "seconds": 0})
    return pl.DataFrame(found, schema=CELLS)


def words(chart: Any) -> str:
    return " ".join(ElementTree.fromstring(render(chart).svg).itertext())


def test_every_class_is_drawn_with_its_rates_and_what_is_behind_it() -> None:
    rows = [{"fault": f"E{n:03}", "class": name} for n, name in enumerate(CLASSES)]
    text = words(rate_ratios(compared(*rows)))
    for name in CLASSES:
        assert name in text
    assert "1.0 → 2.0" in text
    assert "12 → 9" in text
    assert "341 → 0.50" in text


def test_every_class_of_the_comparison_has_a_look() -> None:
    assert set(CLASSES) == set(KNOWN_CLASSES)


def test_classes_differ_in_shape_or_filling_not_only_in_colour() -> None:
    shapes = [shape for name, (_, shape) in CLASSES.items() if name != "too little data"]
    assert len(set(shapes)) == len(shapes)


def test_what_got_worse_stands_first_and_what_is_uncertain_last() -> None:
    names = ["too little data", "gone", "unchanged", "worse", "new", "better"]
    found = rate_ratios(compared(*({"fault": name, "class": name} for name in names))).to_dict()
    labels = re.findall(r"'key': '(\d{4}) ([a-z ]+)'", str(found["datasets"]))
    assert [name for _, name in sorted(set(labels))] == [
        "worse",
        "new",
        "unchanged",
        "better",
        "gone",
        "too little data",
    ]


def test_ratios_without_an_end_stay_inside_the_axis() -> None:
    rows = [
        {"ratio": math.inf, "low": 3.0, "high": math.inf, "class": "new"},
        {"ratio": 0.0, "low": 0.0, "high": 0.5, "class": "gone"},
        {"ratio": None, "low": None, "high": None, "class": "too little data"},
    ]
    spec = rate_ratios(compared(*rows)).to_dict()
    drawn = [row for data in spec["datasets"].values() for row in data if "low_drawn" in row]
    ends = [row[field] for row in drawn for field in ("middle", "low_drawn", "high_drawn")]
    assert all(end is None or 1 / 32 <= end <= 32 for end in ends)
    assert any(end is None for end in ends)


def test_faults_beyond_the_limit_are_told() -> None:
    rows = [{"fault": f"E{n:03}"} for n in range(MAX_FAULTS + 5)]
    [facts] = rate_ratios(compared(*rows)).to_dict()["title"]["subtitle"]
    assert facts == f"{MAX_FAULTS + 5} faults compared: {MAX_FAULTS + 5} worse; 5 of them not shown"


@pytest.mark.parametrize("chart", [rate_ratios(compared()), adoption(reported())])
def test_nothing_yet_is_said_in_words(chart: Any) -> None:
    assert re.search("nothing to compare yet|no batch has reported yet", words(chart))


def test_names_of_strangers_stay_text() -> None:
    row = {"fault": HOSTILE, "title": HOSTILE, "platform": HOSTILE}
    drawn = render(rate_ratios(compared(row, {}), [HOSTILE]))
    assert b"<script>alert" not in drawn.html + drawn.svg
    assert b"\x00" not in drawn.svg
    ElementTree.fromstring(render(adoption(reported(("V", HOSTILE, 0, 1.0, 0)))).svg)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "?"),
        (0, "0"),
        (0.00012, "0.00012"),
        (3.42, "3.4"),
        (1234.5, "1,234"),
        (1e-9, "0.000000"),
    ],
)
def test_rates_have_two_digits_and_no_exponent(value: float | None, text: str) -> None:
    assert rate(value) == text


def test_a_vehicle_keeps_the_firmware_of_its_latest_batch() -> None:
    frame = reported(
        ("A", "v1", 0, 1.0, 0),
        ("B", "v1", 0, 1.0, 0),
        ("A", "v2", 1, 1.0, 0),
        ("B", "v1", 3, 1.0, 0),
    )
    found = shares_by_bin(reports(frame), 86_400)
    assert found.group_by("start").agg(pl.col("share").sum())["share"].to_list() == [1.0] * 4
    second = found.filter(pl.col("firmware") == "v2")
    assert second["share"].to_list() == [0.5, 0.5, 0.5]


def test_errors_are_counted_for_each_hour_of_operation() -> None:
    frame = reported(("A", "v1", 0, 2.0, 3), ("B", "v1", 0, 1.0, 0), ("C", "v1", 1, 0.0, 4))
    found = rates_by_bin(reports(frame), 86_400)
    assert found.select("errors", "hours", "rate").rows() == [(3, 3.0, 1.0)]


def test_many_firmwares_are_put_together() -> None:
    frame = reported(*((f"V{n}", f"v1.{n}", n, 1.0, 1) for n in range(30)), ("V", None, 1, 2.0, 1))
    text = words(adoption(frame))
    assert "other" in text
    assert "31 vehicles, 30.0 hours of operation; 2.0 hours of no known firmware not shown" in text


def test_the_new_firmware_of_a_batch_with_an_update_is_the_later_one() -> None:
    both = pl.concat([reported(("A", "v2", 0, 1.0, 0)), reported(("A", "v1", 0, 1.0, 0))])
    found = shares_by_bin(reports(both.with_columns(updated_to=pl.lit("v2"))), 86_400)
    assert found["firmware"].to_list() == ["v2"]
