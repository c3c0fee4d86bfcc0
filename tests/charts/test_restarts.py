from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
from charts.made import START, MadeBatch

from argus_pipeline.charts import restarts, severity_over_time
from argus_pipeline.charts.lifecycle_lanes import lanes, marks
from argus_pipeline.charts.time_axis import time_axis

EPOCH = START.replace(year=1970)


def at(seconds: float, **more: Any) -> dict[str, Any]:
    """A lifecycle of a minute that begins so many seconds after the start."""
    return {"start": START + timedelta(seconds=seconds), **more}


def batch(folder: Path, *boots: dict[str, Any]) -> MadeBatch:
    rows = [{"time": START + timedelta(seconds=n)} for n in range(0, 600, 10)]
    return MadeBatch(folder).dlt("a.dlt", rows, boots=boots)


def text(chart: Any) -> str:
    return str(chart.to_dict())


def test_the_ecu_that_started_most_often_is_the_first_lane(tmp_path: Path) -> None:
    boots = [at(0, ecu="ABS"), at(0, ecu="IVI"), at(100, ecu="IVI"), at(300, ecu="IVI")]
    found = lanes(batch(tmp_path, *boots).statistics().lifecycles)
    assert found.ecus.select("ecu", "boots").rows() == [("IVI", 3), ("ABS", 1)]
    assert found.bars["nth"].to_list() == [0, 0, 1, 2]


def test_the_shortest_time_is_that_of_a_boot_which_another_one_ended(tmp_path: Path) -> None:
    short = START + timedelta(seconds=112)
    boots = [at(0), at(100, end=short), at(300, end=START + timedelta(seconds=301))]
    found = restarts(batch(tmp_path, *boots).statistics())
    assert "3 boots · shortest 12 s" in text(found)


def test_one_boot_in_two_recordings_is_one_bar(tmp_path: Path) -> None:
    made = MadeBatch(tmp_path)
    for name, shift in (("a.dlt", 0.0), ("b.dlt", 1.5), ("c.dlt", 9.0)):
        made.dlt(name, [{}], boots=[at(shift)])
    found = lanes(made.statistics().lifecycles)
    assert found.ecus["boots"].to_list() == [2]
    assert found.bars.height == 2


def test_two_boots_of_one_recording_stay_two_however_close(tmp_path: Path) -> None:
    found = lanes(batch(tmp_path, at(0), at(1)).statistics().lifecycles)
    assert found.ecus["boots"].to_list() == [2]


def test_a_resume_begins_when_uptime_went_on(tmp_path: Path) -> None:
    resume = at(0, kind="resume", first_uptime_s=300.0, boot=1)
    found = lanes(batch(tmp_path, at(0), resume).statistics().lifecycles)
    begun = found.bars.filter(pl.col("kind") == "resume")["start"][0]
    assert begun == int((START + timedelta(seconds=300)).timestamp() * 1000)


def test_lifecycles_that_no_clock_can_place_are_counted(tmp_path: Path) -> None:
    made = batch(tmp_path, at(0), {"start": EPOCH}, {"start": None})
    [facts] = restarts(made.statistics()).to_dict()["title"]["subtitle"]
    assert facts.endswith("2 lifecycles without a clock that was set not shown")


def test_marks_closer_than_two_pixels_become_one_that_counts_them(tmp_path: Path) -> None:
    made = batch(tmp_path, *(at(n / 10) for n in range(50)), at(500))
    first = int(START.timestamp() * 1000)
    axis = time_axis(first, first + 600_000, 1_000)
    found = marks(lanes(made.statistics().lifecycles), axis)
    assert found["lifecycles"].sum() == 51
    assert found.height < 10


def test_a_boot_before_the_recording_is_a_bar_without_a_mark(tmp_path: Path) -> None:
    boots = [at(-9_000, end=START + timedelta(seconds=50)), at(100)]
    statistics = batch(tmp_path, *boots).statistics()
    first = int(START.timestamp() * 1000)
    found = lanes(statistics.lifecycles)
    assert found.bars.height == 2
    assert marks(found, time_axis(first, first + 600_000, 1_000)).height == 1


def test_severities_over_time_mark_the_lifecycles(tmp_path: Path) -> None:
    found = severity_over_time(batch(tmp_path, at(0), at(200)).statistics()).to_dict()
    assert found["vconcat"][-1]["title"]["text"] == (
        "Lifecycles of the ECUs (▲ boot; dashed above: boots)"
    )
    rules = [
        layer
        for panel in found["vconcat"]
        for layer in panel["layer"]
        if layer["mark"]["type"] == "rule"
    ]
    assert len(rules) == len(found["vconcat"]) - 2


def test_lanes_beyond_the_limit_are_told(tmp_path: Path) -> None:
    made = batch(tmp_path, *(at(0, ecu=f"E{n:02}") for n in range(30)))
    [facts] = restarts(made.statistics()).to_dict()["title"]["subtitle"]
    assert facts.startswith("30 boots of the 24 that started most often of 30 ECUs")
    title = severity_over_time(made.statistics()).to_dict()["vconcat"][-1]["title"]["text"]
    assert title.endswith("; 22 more ECUs not shown")
