from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from charts.made import START, MadeBatch

from argus_pipeline.charts import restarts, severity_over_time
from argus_pipeline.charts.lifecycle_lanes import BAD_END, BOOT, Lanes, lanes, thinned
from argus_pipeline.charts.time_axis import TimeAxis, time_axis

EPOCH = START.replace(year=1970)
FIRST = int(START.timestamp() * 1000)


def at(seconds: float, **more: Any) -> dict[str, Any]:
    """A lifecycle of a minute that begins so many seconds after the start."""
    return {"start": START + timedelta(seconds=seconds), **more}


def batch(folder: Path, *boots: dict[str, Any], rows: Any = ()) -> MadeBatch:
    usual = [{"time": START + timedelta(seconds=n)} for n in range(0, 600, 10)]
    return MadeBatch(folder).dlt("a.dlt", [*usual, *rows], boots=boots)


def found(made: MadeBatch) -> Lanes:
    statistics = made.statistics()
    return lanes(statistics.boots, statistics.lifecycles)


def ten_minutes() -> TimeAxis:
    return time_axis(FIRST, FIRST + 600_000, 1_000)


def test_the_ecu_that_booted_most_often_is_the_first_lane(tmp_path: Path) -> None:
    boots = [at(0, ecu="ABS"), at(0, ecu="IVI"), at(100, ecu="IVI"), at(300, ecu="IVI")]
    lanes_ = found(batch(tmp_path, *boots))
    assert lanes_.ecus.select("ecu", "boots").rows() == [("IVI", 3), ("ABS", 1)]
    assert lanes_.bars["nth"].to_list() == [0, 0, 1, 2]


def test_the_shortest_time_is_that_of_a_boot_which_another_one_followed(tmp_path: Path) -> None:
    short = START + timedelta(seconds=112)
    boots = [at(0), at(100, end=short), at(300, end=START + timedelta(seconds=301))]
    spec = restarts(batch(tmp_path, *boots).statistics()).to_dict()
    assert "3 boots · shortest 12 s" in str(spec["datasets"])


def test_a_boot_that_an_error_ended_is_marked_at_its_end(tmp_path: Path) -> None:
    ended = at(100)["start"]
    error = {"severity": "fatal", "text": "E214", "time": ended - timedelta(seconds=1)}
    made = batch(tmp_path, at(0, end=ended), at(103), rows=[{**error, "lifecycle": 1}])
    lanes_ = found(made)
    bad = thinned(lanes_, ten_minutes()).filter(sign=BAD_END)
    assert bad["time"].to_list() == [FIRST + 100_000]
    spec = restarts(made.statistics()).to_dict()
    assert "2 boots (1 ×)" in str(spec["datasets"])
    assert "× ended by a reset" in spec["vconcat"][0]["title"]["text"]


def test_a_resume_is_marked_when_uptime_went_on(tmp_path: Path) -> None:
    resume = at(0, kind="resume", first_uptime_s=300.0, boot=1)
    lanes_ = found(batch(tmp_path, at(0), resume))
    assert lanes_.ecus.select("boots", "resumes").rows() == [(1, 1)]
    assert lanes_.marks.filter(sign="resume")["time"].to_list() == [FIRST + 300_000]


def test_boots_that_no_clock_can_place_are_counted(tmp_path: Path) -> None:
    old = {"start": EPOCH, "first_storage_time": EPOCH, "last_storage_time": EPOCH}
    [facts] = restarts(batch(tmp_path, at(0), old).statistics()).to_dict()["title"]["subtitle"]
    assert facts.endswith("1 boot without a clock that was set not shown")


def test_marks_closer_than_two_pixels_become_one_that_counts_them(tmp_path: Path) -> None:
    lanes_ = found(batch(tmp_path, *(at(n / 10) for n in range(50)), at(500)))
    marks = thinned(lanes_, ten_minutes()).filter(sign=BOOT)
    assert marks["lifecycles"].sum() == 51
    assert marks.height < 10


def test_a_boot_before_the_recording_is_a_bar_without_a_mark(tmp_path: Path) -> None:
    boots = [at(-9_000, end=START + timedelta(seconds=50)), at(100)]
    lanes_ = found(batch(tmp_path, *boots))
    assert lanes_.bars.height == 2
    assert thinned(lanes_, ten_minutes()).filter(sign=BOOT).height == 1


def test_severities_over_time_mark_the_lifecycles(tmp_path: Path) -> None:
    spec = severity_over_time(batch(tmp_path, at(0), at(200)).statistics()).to_dict()
    assert spec["vconcat"][-1]["title"]["text"] == (
        "Lifecycles of the ECUs; ▲ boot; dashed above: boots"
    )
    rules = [
        layer
        for panel in spec["vconcat"]
        for layer in panel["layer"]
        if layer["mark"]["type"] == "rule"
    ]
    # Nothing was bad, so there is one panel of bars.
    assert len(rules) == 1


def test_lanes_beyond_the_limit_are_told(tmp_path: Path) -> None:
    made = batch(tmp_path, *(at(0, ecu=f"E{n:02}") for n in range(30)))
    [facts] = restarts(made.statistics()).to_dict()["title"]["subtitle"]
    assert facts.startswith("30 boots of the 24 that started most often of 30 ECUs")
    title = severity_over_time(made.statistics()).to_dict()["vconcat"][-1]["title"]["text"]
    assert title.endswith("; 22 more ECUs not shown")
