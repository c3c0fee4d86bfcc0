from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from diagnosis.made import START, Message, statistics

from argus_pipeline.diagnosis.ecus import EcuHistory, SoftwareChange, ecu_histories, update_for

Boots = Sequence[Mapping[str, Any]]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def histories(folder: Path, **boots: Boots) -> tuple[EcuHistory, ...]:
    """Of recordings a, b, … with these lifecycles."""
    named = {f"{name}.dlt": rows for name, rows in boots.items()}
    return ecu_histories(statistics(folder, [Message(0, "info", "hello")], boots=named))


def history(folder: Path, **boots: Boots) -> EcuHistory:
    (only,) = histories(folder, **boots)
    return only


def test_one_boot_in_the_files_of_one_log_counts_once(tmp_path: Path) -> None:
    found = history(
        tmp_path,
        a=[{"start": at(0), "last_uptime_s": 1800.0, "end": at(1800)}],
        b=[{"start": at(0.4), "first_uptime_s": 1800.0, "last_uptime_s": 3600.0, "end": at(3600)}],
        c=[{"start": at(0.9), "first_uptime_s": 3600.0, "last_uptime_s": 5400.0, "end": at(5401)}],
    )

    assert len(found.boots) == 1
    assert (found.first, found.last) == (at(0.5), at(5401))
    assert found.messages == 30


def test_boots_of_one_recording_stay_apart_however_close(tmp_path: Path) -> None:
    loop = [{"start": at(1.5 * n), "last_uptime_s": 1.0} for n in range(4)]

    assert len(history(tmp_path / "one", a=loop).boots) == 4
    shifted = [{**row, "start": row["start"] + timedelta(seconds=0.1)} for row in loop]
    assert len(history(tmp_path / "two", a=loop, b=shifted).boots) == 4


def test_boots_at_different_times_in_two_recordings_are_two(tmp_path: Path) -> None:
    assert len(history(tmp_path, a=[{"start": at(0)}], b=[{"start": at(90)}]).boots) == 2


def test_clocks_may_drift_apart_in_the_time_that_both_recordings_saw(tmp_path: Path) -> None:
    hours = [{"start": at(0), "last_uptime_s": 36_000.0}]
    later = [{"start": at(20), "last_uptime_s": 72_000.0}]
    short = [{"start": at(20), "last_uptime_s": 10.0}]

    assert len(history(tmp_path / "long", a=hours, b=later).boots) == 1
    assert len(history(tmp_path / "short", a=hours, b=short).boots) == 2


def test_a_resume_that_another_file_begins_with_is_no_boot(tmp_path: Path) -> None:
    found = history(
        tmp_path,
        a=[{"start": at(0)}, {"start": at(600), "kind": "resume", "boot": 1}],
        b=[{"start": at(600.2)}],
    )

    assert (len(found.boots), found.count("resume")) == (1, 1)


def test_without_a_set_clock_the_recording_with_most_boots_counts(tmp_path: Path) -> None:
    epoch = datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)
    found = history(
        tmp_path,
        a=[{"start": None}, {"start": None}],
        b=[{"start": epoch}, {"start": epoch}, {"start": epoch}],
        c=[{"start": at(0)}],
    )

    assert len(found.boots) == 4
    assert found.first == at(0.5)


def test_a_boot_with_another_version_is_the_moment_of_the_update(tmp_path: Path) -> None:
    found = history(
        tmp_path,
        a=[
            {"start": at(0), "software_version": "v1"},
            {"start": at(300), "kind": "resume", "boot": 1, "software_version": "v1"},
            {"start": at(600), "software_version": "v2"},
            {"start": at(900), "software_version": "v2"},
        ],
    )

    assert found.changes == (SoftwareChange("ECU1", "v1", "v2", at(600)),)


@pytest.mark.parametrize("versions", [["v1", None, "v2"], ["v1", "v1"], [None, "v2"], ["v1", ""]])
def test_where_a_version_is_not_known_no_moment_is_made_up(
    tmp_path: Path, versions: list[str | None]
) -> None:
    rows = [{"start": at(600 * n), "software_version": v} for n, v in enumerate(versions)]

    assert history(tmp_path, a=rows).changes == ()


def test_the_moment_of_an_update_needs_a_clock(tmp_path: Path) -> None:
    dark = {"start": None, "software_version": "v1"}
    lit = {"start": at(600), "software_version": "v2"}

    assert [c.time for c in history(tmp_path / "same", a=[dark, lit]).changes] == [at(600)]
    # What ran in another recording at some time may have run after this boot.
    assert history(tmp_path / "other", a=[dark], b=[lit]).changes == ()
    later = {"start": None, "software_version": "v2"}
    assert history(tmp_path / "none", a=[dark, later]).changes == ()


def test_a_code_is_placed_by_its_own_ecu_and_else_by_the_first_that_was_updated(
    tmp_path: Path,
) -> None:
    def updated(ecu: str, second: float) -> list[dict[str, Any]]:
        return [
            {"ecu": ecu, "start": at(0), "software_version": "v1"},
            {"ecu": ecu, "start": at(second), "software_version": "v2"},
        ]

    rows = [*updated("ABS", 900), *updated("GW", 600), {"ecu": "TCU", "start": at(0)}]
    found = histories(tmp_path, a=rows)
    told = {ecu: update_for(found, ecu) for ecu in ("ABS", "GW", "TCU", None)}

    assert {ecu: change and change.time for ecu, change in told.items()} == {
        "ABS": at(900),
        "GW": at(600),
        "TCU": at(600),
        None: at(600),
    }
    assert update_for((), "ABS") is None


def test_losses_are_those_of_all_boots(tmp_path: Path) -> None:
    counted = statistics(
        tmp_path,
        [],
        boots={"ecu1.dlt": [{"start": at(0)}, {"start": at(600)}]},
        senders=[{"lost": 3}, {"lost": 4, "lifecycle": 2}],
    )

    assert [found.lost for found in ecu_histories(counted)] == [7]
