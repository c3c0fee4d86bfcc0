"""Fleets whose changes are known: as binary recordings and as counts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from argus_pipeline.fleet.cells import batch_cells, ordered
from argus_pipeline.fleet.comparison import compare_firmware
from argus_pipeline.fleet.expected import parse_expected
from argus_pipeline.fleet.local import folder_cells
from argus_pipeline.fleet.rules import default_rules
from argus_pipeline.fleet.sums import NAMES, add, no_sums, sum_cells
from argus_pipeline.simulate.counts import FaultModel, FleetModel, simulate_cells, simulate_counts
from argus_pipeline.simulate.fleet import VEHICLES_FILE, write_fleet
from argus_pipeline.simulate.truth import read_truth

FAULTS = [FaultModel(f"E{i:03d}", 0.05 * (1 + i % 5), 3.0 if i < 2 else 1.0) for i in range(10)]
MODEL = FleetModel(15, 20, FAULTS, dispersion=0.5, noisy=0.05)


def test_recordings_of_a_campaign_have_the_counts_that_were_written(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet"
    write_fleet(fleet, batches=5, megabytes=0.1, campaign=True)
    batches = sorted(path for path in fleet.iterdir() if path.is_dir())
    cells = pl.concat(folder_cells(batch, tmp_path / batch.name) for batch in batches)
    written: Counter[tuple[str, str]] = Counter()
    for fault in read_truth(fleet)["faults"]:
        for firmware, count in fault["by_firmware"].items():
            written[fault["code"], firmware] += count
    counted = cells.filter(kind="code").group_by("fault", "firmware").agg(pl.col("messages").sum())
    assert {(c, f): n for c, f, n in counted.iter_rows()} == dict(written)
    hours = cells["seconds"].sum() / 3600
    assert abs(hours - 5 * 40 / 60) < 0.02 * hours
    found = compare_firmware(sum_cells(cells), default_rules().comparison)
    classes = dict(found.filter(kind="code").select("fault", "class").iter_rows())
    assert classes == {"C0035": "worse", "B1342": "unchanged"}
    listed = parse_expected((fleet / VEHICLES_FILE).read_bytes(), where=VEHICLES_FILE)
    assert set(cells["vehicle"]) < set(listed.vehicles)
    assert (len(listed.vehicles), listed.target) == (6, "v2.3.1")


def test_a_campaign_is_replaced_by_the_next_simulation(tmp_path: Path) -> None:
    write_fleet(tmp_path / "fleet", batches=2, megabytes=0.1, campaign=True)
    write_fleet(tmp_path / "fleet", batches=1, megabytes=0.1)
    assert len(list((tmp_path / "fleet").iterdir())) == 2


def test_cells_at_once_are_those_of_the_frames_of_each_batch() -> None:
    one_by_one = pl.concat(batch_cells(*batch, ecus=1) for batch in simulate_counts(MODEL, 1))
    assert_frame_equal(ordered(one_by_one), simulate_cells(MODEL, 1))


def test_vehicles_can_be_added_and_taken_away_in_any_order() -> None:
    cells = simulate_cells(MODEL, 2)
    parts = cells.partition_by("vehicle")
    total = no_sums()
    for part in reversed(parts):
        total = add(total, sum_cells(part), no_sums())
    whole = sum_cells(cells)
    assert all(total[name].equals(whole[name]) for name in NAMES)
    without = sum_cells(pl.concat(parts[1:]))
    less = add(whole, no_sums(), sum_cells(parts[0]))
    assert all(less[name].equals(without[name]) for name in NAMES)
