"""Boots of several recordings, the firmware they count under, and the hours under each."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from charts.made import START, MadeBatch, fields
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.statistics.batch import BatchStatistics, compute_statistics
from argus_pipeline.statistics.exposures import union_hours

OLD, NEW = "v2.2.9", "v2.3.1"


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def boot(begin: float, end: float, **more: Any) -> dict[str, Any]:
    start = minute(begin)
    uptime = (end - begin) * 60
    usual = {"start": start, "end": minute(end), "first_uptime_s": 0.0, "last_uptime_s": uptime}
    return {**usual, **more}


def counted(batch: MadeBatch, firmware_from: str | None = None) -> BatchStatistics:
    return compute_statistics(
        batch.sources, batch.results, firmware=NEW, firmware_from=firmware_from
    )


def hours(statistics: BatchStatistics) -> dict[str | None, tuple[float, int]]:
    rows = statistics.exposures.select("firmware", "hours", "lifecycles").iter_rows()
    return {firmware: (pytest.approx(hours), lifecycles) for firmware, hours, lifecycles in rows}


def test_hours_are_the_union_over_ecus(tmp_path: Path) -> None:
    boots = [boot(0, 60, ecu="GW"), boot(30, 90, ecu="ABS"), boot(120, 150, ecu="GW")]
    batch = MadeBatch(tmp_path).dlt("a.dlt", [{}], boots=boots)
    statistics = counted(batch)
    assert hours(statistics) == {NEW: (2.0, 3)}
    row = statistics.exposures.row(0, named=True)
    assert (row["first_time"], row["last_time"]) == (minute(0), minute(150))


def test_what_ran_before_it_was_recorded_does_not_count(tmp_path: Path) -> None:
    late = boot(0, 600, first_uptime_s=540 * 60.0)
    assert hours(counted(MadeBatch(tmp_path).dlt("a.dlt", [{}], boots=[late]))) == {NEW: (1.0, 1)}


def test_a_boot_in_two_recordings_is_one(tmp_path: Path) -> None:
    batch = MadeBatch(tmp_path)
    batch.dlt("a.dlt", [{}], boots=[boot(0, 60), boot(100, 130)])
    # The next file begins while the second boot runs; its clock is half a second off.
    later = boot(100, 190) | {"start": minute(100) + timedelta(seconds=0.5)}
    batch.dlt("b.dlt", [{}], boots=[later])
    assert hours(counted(batch)) == {NEW: (2.5, 2)}


def test_resumes_belong_to_their_boot_also_in_the_next_recording(tmp_path: Path) -> None:
    batch = MadeBatch(tmp_path)
    resumed = boot(40, 60, kind="resume", lifecycle=2, boot=1, last_uptime_s=3600.0)
    batch.dlt("a.dlt", [{}], boots=[boot(0, 30), resumed])
    # To the next file the resume looks like a boot.
    batch.dlt("b.dlt", [{}], boots=[boot(40, 70, last_uptime_s=3600.0)])
    assert hours(counted(batch)) == {NEW: (1.0, 1)}


def test_a_lifecycle_counts_under_the_version_that_it_names(tmp_path: Path) -> None:
    boots = [
        boot(0, 60, software_version="2.2.9"),
        boot(60, 90, software_version="v2.3.1"),
        boot(90, 120),
        boot(120, 180, software_version="v9-test"),
    ]
    batch = MadeBatch(tmp_path).dlt("a.dlt", [{}], boots=boots)
    assert hours(counted(batch)) == {"2.2.9": (1.0, 1), NEW: (1.0, 2), "v9-test": (1.0, 1)}
    # The manifest's spelling goes before the log's.
    assert OLD in hours(counted(batch, OLD))


def test_an_update_parts_the_lifecycles_of_ecus_that_say_nothing(tmp_path: Path) -> None:
    boots = [
        boot(0, 60, ecu="GW", software_version=OLD),
        boot(60, 120, ecu="GW", software_version=NEW),
        boot(-60, 50, ecu="ABS"),
        boot(70, 150, ecu="ABS"),
        boot(0, 90, ecu="BMS"),
    ]
    statistics = counted(MadeBatch(tmp_path).dlt("a.dlt", [{}], boots=boots), OLD)
    assert hours(statistics) == {OLD: (2.0, 2), NEW: (1.5, 2), None: (1.5, 1)}
    (update,) = statistics.update.to_dicts()
    assert (update["evidence"], update["began"], update["ended"]) == (
        "software",
        minute(60),
        minute(60),
    )


def test_recordings_without_lifecycles_count_by_the_times_of_their_messages(
    tmp_path: Path,
) -> None:
    times = [*range(31), *range(60, 91)]
    brakes = fields([{"sample_time": minute(n), "x": 1.0} for n in times], x=pl.Float64)
    power = fields([{"sample_time": minute(30 + n / 2)} for n in range(11)])
    # Signals of two tables are one recording: 0 to 35 and 60 to 90 min.
    batch = MadeBatch(tmp_path).rec("a.rec", Brakes=brakes, Power=power)
    assert hours(counted(batch)) == {NEW: (65 / 60, 0)}


def test_a_message_on_the_update_parts_a_recording_without_lifecycles(tmp_path: Path) -> None:
    cyclic = fields([{"sample_time": minute(n)} for n in range(91)])
    progress = fields(
        [{"sample_time": minute(n), "toVersion": "2.3.1"} for n in (20, 30)], toVersion=pl.String
    )
    batch = MadeBatch(tmp_path).rec("a.rec", Cyclic=cyclic, Progress=progress)
    found = hours(counted(batch, OLD))
    # The minute in which it ends counts to neither side.
    assert found == {OLD: (29 / 60, 0), NEW: (1.0, 0)}


def test_identities_in_a_recording_tell_the_update(tmp_path: Path) -> None:
    identity = fields(
        [
            {"sample_time": minute(0), "ecu": "GW", "firmwareVersion": OLD},
            {"sample_time": minute(10), "ecu": "GW", "firmwareVersion": NEW},
        ],
        ecu=pl.String,
        firmwareVersion=pl.String,
    )
    batch = MadeBatch(tmp_path).rec("a.rec", Identity=identity)
    assert counted(batch, OLD).update["began"].item() == minute(10)


def test_texts_tell_the_update_where_nothing_else_does(tmp_path: Path) -> None:
    texts = [
        {"time": minute(0), "text": "GW started, firmware v2.2.9, reason: ignition"},
        {"time": minute(5), "text": "package v2.3.1 was booted over v2.2.9"},
        {"time": minute(10), "text": "GW started, firmware v2.3.1, reason: update"},
        {"time": minute(11), "text": "GW started, firmware v2.3.10"},
    ]
    statistics = counted(MadeBatch(tmp_path).dlt("a.dlt", texts), OLD)
    assert statistics.update.select("evidence", "began").row(0) == ("software", minute(10))


def test_an_ecu_without_uptime_counts_by_the_times_of_its_messages(tmp_path: Path) -> None:
    rows = [{"time": minute(n / 2), "lifecycle": 1} for n in range(61)]
    unclocked = {
        "start": None,
        "first_storage_time": minute(0),
        "last_storage_time": minute(30),
        "last_uptime_s": None,
    }
    batch = MadeBatch(tmp_path).dlt("a.dlt", rows, boots=[unclocked])
    assert hours(counted(batch)) == {NEW: (0.5, 1)}


_SPANS = st.lists(st.tuples(st.sampled_from([None, "a"]), st.integers(0, 50), st.integers(0, 9)))


@given(_SPANS)
def test_the_union_is_what_counting_every_moment_gives(
    spans: list[tuple[str | None, int, int]],
) -> None:
    rows = [(firmware, start, start + length) for firmware, start, length in spans]
    frame = pl.DataFrame(
        rows, schema={"firmware": pl.String, "start": pl.Int64, "end": pl.Int64}, orient="row"
    )
    found = {f: h * 3.6e12 for f, h, *_ in union_hours(frame).iter_rows()}
    for firmware in (None, "a"):
        moments = {t for f, start, end in rows if f == firmware for t in range(start, end)}
        assert found.get(firmware, 0) == pytest.approx(len(moments))
