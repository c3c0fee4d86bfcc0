from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from charts.made import START, MadeBatch, fields

from argus_pipeline.charts import charts_that_matter, signals_around_events
from argus_pipeline.charts.signals_around_events import SIGNALS_A_FAULT, value_axis
from argus_pipeline.statistics.batch import BatchStatistics

EVENTS = range(60, 600, 60)


def dips(folder: Path, *, code: str = "P0A80", depth: float = 4.0) -> BatchStatistics:
    """A supply voltage of 14 V that dips with each event, and a signal that never moves."""
    rows = [
        {"time": START + timedelta(seconds=s), "severity": "error", "text": code} for s in EVENTS
    ]
    samples = [
        {
            "sample_time": START + timedelta(seconds=s),
            "voltage": 14.0 + 0.1 * (s % 7) - (depth if s in EVENTS else 0.0),
            "cells": 96,
        }
        for s in range(660)
    ]
    supply = fields(samples, voltage=pl.Float64, cells=pl.Int32)
    return MadeBatch(folder).dlt("a.dlt", rows).rec("b.rec", Supply=supply).statistics()


def panels(statistics: BatchStatistics) -> list[dict[str, Any]]:
    spec = signals_around_events(statistics).to_dict()
    return [panel for row in spec["vconcat"] for panel in row["hconcat"]]


def test_a_signal_that_left_its_usual_range_is_drawn_with_it(tmp_path: Path) -> None:
    [voltage] = panels(dips(tmp_path))
    assert voltage["title"]["text"] == "voltage"
    said = ["from vehicle.Supply-0", "below usual at 9 of 9 events"]
    assert voltage["title"]["subtitle"] == said
    marks = [layer["mark"]["type"] for layer in voltage["layer"]]
    assert marks == ["area", "line", "rule", "rule"]


def test_the_time_axis_counts_from_the_event_in_seconds(tmp_path: Path) -> None:
    statistics = dips(tmp_path)
    [voltage] = panels(statistics)
    x = voltage["layer"][0]["encoding"]["x"]
    assert x["title"] == "Seconds from the event"
    assert x["scale"]["domain"] == [-30, 30]
    curve = statistics.event_curves.filter(pl.col("signal") == "voltage")
    assert curve.filter(pl.col("min") == pl.col("min").min())["second"].to_list() == [0]


def test_what_never_moves_comes_last(tmp_path: Path) -> None:
    found = [panel["title"]["text"] for panel in panels(dips(tmp_path, depth=0.0))]
    assert found == ["voltage", "cells"]
    assert len(found) <= SIGNALS_A_FAULT


def test_a_fault_without_a_code_is_called_by_its_template(tmp_path: Path) -> None:
    statistics = dips(tmp_path, code="contactor 3 welded")
    heading = signals_around_events(statistics).to_dict()["vconcat"][0]["title"]["text"]
    assert heading == "contactor <n> welded, 2026-11-23 10:24:00 UTC"


def test_events_without_signals_say_so(tmp_path: Path) -> None:
    statistics = MadeBatch(tmp_path).dlt("a.dlt", [{"severity": "error"}]).statistics()
    spec = signals_around_events(statistics).to_dict()
    assert "no signal was recorded around a critical event" in str(spec["datasets"])
    assert spec["title"]["subtitle"] == ["1 fatal or error event, 0 signals"]


def test_only_charts_that_say_something_matter(tmp_path: Path) -> None:
    quiet = MadeBatch(tmp_path / "quiet").dlt("a.dlt", [{}]).statistics()
    assert charts_that_matter(quiet.frames()) == ("severity_over_time",)
    assert charts_that_matter(dips(tmp_path / "dips").frames()) == (
        "severity_over_time",
        "top_codes",
        "signals_around_events",
    )
    boots = [{"start": START}, {"start": START + timedelta(seconds=90)}]
    rows = [{"text": "E001", "ecu": ecu, "severity": "info"} for ecu in ("GW", "ABS")]
    restarted = MadeBatch(tmp_path / "restarted").dlt("a.dlt", rows, boots=boots).statistics()
    assert charts_that_matter(restarted.frames()) == (
        "severity_over_time",
        "top_codes",
        "codes_by_ecu",
        "restarts",
    )


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 1), (-5e3, 5e3), (1234.1, 1234.2), (99_999.0, 100_000.5), (-1e-9, 1e-9), (1e9, 1e9 + 1)],
)
def test_no_two_labels_of_an_axis_are_the_same(low: float, high: float) -> None:
    axis = value_axis(low, high)["axis"].to_dict()
    width = int(axis["format"].removeprefix(".").removesuffix("~g"))
    labels = [f"{low + part * (high - low) / 5:.{width}g}" for part in range(6)]
    assert len(set(labels)) == len(labels)


def test_the_widest_range_that_a_damaged_value_can_make_has_an_axis() -> None:
    assert value_axis(-1.7e308, 1.7e308)["axis"].to_dict()["format"] == ".4~g"


@pytest.mark.parametrize("value", [0, -7.25, 1e9])
def test_a_value_that_never_changes_is_its_axis_only_label(value: float) -> None:
    found = value_axis(value, value)
    assert found["axis"].to_dict()["values"] == [value]
    low, high = found["scale"].to_dict()["domain"]
    assert low < value < high
