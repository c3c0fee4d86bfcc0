"""The ratio of two rates, against formulas written down vehicle by vehicle and against chance."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from argus_pipeline.fleet.cells import CELLS
from argus_pipeline.fleet.comparison import compare_firmware, fleet_moments
from argus_pipeline.fleet.power import detectable_ratio
from argus_pipeline.fleet.rate_ratio import rate_ratios, student_between, student_within
from argus_pipeline.fleet.rules import default_rules
from argus_pipeline.fleet.sums import VEHICLES_DIFFER, sum_cells
from argus_pipeline.simulate.counts import FaultModel, FleetModel, simulate_cells

RULES = default_rules().comparison
Vehicle = tuple[int, int, int, int]  # messages and minutes before, messages and minutes after


def cells(vehicles: list[Vehicle], *, boots: int | None = None) -> pl.DataFrame:
    """The cells of vehicles with one fault; every message in a boot of its own unless given."""
    rows = []
    for number, (y1, t1, y2, t2) in enumerate(vehicles):
        for firmware, count, minutes in (("v1", y1, t1), ("v2", y2, t2)):
            common = {"vehicle": f"V{number}", "batch": f"b{number}", "firmware": firmware}
            if minutes:
                own = 10_000 if boots is None else boots
                rows.append({**common, "kind": "hours", "seconds": 60 * minutes, "boots": own})
            if count and minutes:
                seen = count if boots is None else 1
                rows.append(
                    {**common, "kind": "code", "fault": "E001", "messages": count}
                    | {"severity": "error", "lifecycles": seen}
                )
    numbers = ("messages", "lifecycles", "seconds", "boots")
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return (
        frame.with_columns(
            pl.lit(None, kind).alias(name)
            for name, kind in CELLS.items()
            if name not in frame.columns
        )
        .with_columns(pl.col(numbers).fill_null(0), platform=pl.lit("J7"))
        .select(pl.col(name).cast(kind) for name, kind in CELLS.items())
    )


def compared(vehicles: list[Vehicle], **changes: int) -> dict[str, object]:
    return compare_firmware(sum_cells(cells(vehicles, **changes)), RULES).row(0, named=True)


hours = st.integers(1, 3000)
counts = st.integers(0, 60)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(counts, hours, counts, hours), min_size=3, max_size=8))
def test_within_vehicles_the_sums_give_the_t_test_of_the_vehicles_scores(
    vehicles: list[Vehicle],
) -> None:
    if not any(y1 + y2 for y1, _, y2, _ in vehicles):
        return
    _, moments, _ = fleet_moments(sum_cells(cells(vehicles)), RULES)
    y1, t1, y2, t2 = np.array(vehicles, dtype=float).T
    share = t2 / (t1 + t2)
    weight = 1 / (1 + VEHICLES_DIFFER**2 * (y1 + y2) * share * (1 - share))
    scores = weight * (y2 * (1 - share) - y1 * share)
    if np.std(scores) < 1e-2:
        return
    expected = stats.ttest_1samp(scores, 0).statistic
    assert student_within(moments)[0] == pytest.approx(expected, rel=0.02, abs=0.02)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(counts, hours), min_size=3, max_size=8),
    st.lists(st.tuples(counts, hours), min_size=3, max_size=8),
)
def test_between_vehicles_no_spread_is_smaller_than_that_of_the_scores(
    before: list[tuple[int, int]], after: list[tuple[int, int]]
) -> None:
    vehicles = [(y, t, 0, 0) for y, t in before] + [(0, 0, y, t) for y, t in after]
    if not any(y1 + y2 for y1, _, y2, _ in vehicles):
        return
    _, moments, within = fleet_moments(sum_cells(cells(vehicles)), RULES)
    assert not within[0]
    y1, t1, y2, t2 = np.array(vehicles, dtype=float).T
    rate, c = (y1 + y2).sum() / (t1 + t2).sum(), t2.sum() / (t1 + t2).sum()
    scores = (1 - c) * (y2 - rate * t2) - c * (y1 - rate * t1)
    expected = abs(stats.ttest_1samp(scores, 0).statistic)
    assert abs(student_between(moments)[0]) <= expected * (1 + 1e-6) + 1e-6


def test_one_noisy_vehicle_makes_no_regression() -> None:
    quiet = [(1, 600, 1, 600)] * 11
    found = compared([*quiet, (1, 600, 5_000, 600)])
    assert found["per_hour_after"] > 100 * found["per_hour_before"]
    assert found["p"] > 0.2
    assert found["class"] == "too little data"
    apart = [(1, 600, 0, 0)] * 12 + [(0, 0, 1, 600)] * 11 + [(0, 0, 5_000, 600)]
    found = compared(apart)
    assert (found["compared"], found["class"]) == ("between vehicles", "too little data")


def test_the_same_increase_on_every_vehicle_is_a_regression() -> None:
    found = compared([(10 + n % 3, 600, 40 + n % 5, 600) for n in range(8)])
    assert found["class"] == "worse"
    assert 3 < found["low"] < found["ratio"] < found["high"] < 5


def test_vehicles_are_compared_with_themselves() -> None:
    """Rates that differ a hundredfold between vehicles hide no threefold increase."""
    vehicles = [(4**n, 600 + 60 * n, 3 * 4**n, 900 - 60 * n) for n in range(1, 7)] * 2
    found = compared(vehicles)
    assert (found["compared"], found["class"]) == ("within vehicles", "worse")


def test_new_and_gone_are_told_from_worse_and_better() -> None:
    assert compared([(0, 600, 9 + n % 2, 600) for n in range(8)])["class"] == "new"
    assert compared([(9 + n % 2, 600, 0, 600) for n in range(8)])["class"] == "gone"
    assert compared([(30 + n, 600, 10 + n % 3, 600) for n in range(8)])["class"] == "better"


def test_messages_of_one_boot_count_as_one_burst() -> None:
    """Twelve vehicles with 40 messages after, in one of very many boots each, are 12 events."""
    vehicles = [(40, 6000, 0, 600) if n % 2 else (0, 6000, 0, 600) for n in range(12)]
    separate, bursts = compared(vehicles), compared(vehicles, boots=200)
    assert bursts["p"] > separate["p"]
    assert bursts["class"] == "too little data"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(counts, hours, counts, hours), min_size=3, max_size=6))
def test_turned_around_it_says_the_opposite(vehicles: list[Vehicle]) -> None:
    if sum(y1 + y2 for y1, _, y2, _ in vehicles) == 0:
        return
    turned = [(y2, t2, y1, t1) for y1, t1, y2, t2 in vehicles]
    found = []
    for own in (vehicles, turned):
        _, moments, _ = fleet_moments(sum_cells(cells(own)), RULES)
        found.append(rate_ratios(moments, np.array([True])))
    one, other = found
    assert one.p == pytest.approx(other.p, rel=1e-6)
    if np.isfinite(one.ratio[0]) and one.ratio[0] > 0:
        assert one.ratio * other.ratio == pytest.approx(1, rel=1e-6)


def test_the_interval_holds_what_the_test_does_not_refuse() -> None:
    for seed in range(20):
        model = FleetModel(20, 10, [FaultModel("E001", 0.5, 1.6)], dispersion=0.5)
        row = compare_firmware(sum_cells(simulate_cells(model, seed)), RULES).row(0, named=True)
        assert (row["p"] <= 0.05) == (row["low"] > 1 or row["high"] < 1)


def test_more_hours_detect_smaller_ratios() -> None:
    faults = [FaultModel("E001", 0.2)]
    found = []
    for factor in (1, 4, 16):
        sums = sum_cells(simulate_cells(FleetModel(40, 5.0 * factor, faults), 3))
        _, moments, within = fleet_moments(sums, RULES)
        found.append(detectable_ratio(moments, within, alpha=0.001, power=0.95)[0])
    assert found[0] > found[1] > found[2] > 1


def test_false_alarms_keep_to_the_level_with_noisy_vehicles() -> None:
    """The long proof is tools/truth.py; this one would notice a test that forgot the vehicles."""
    faults = [FaultModel(f"E{i:03d}", 0.3) for i in range(200)]
    for model in (
        FleetModel(40, 20, faults, dispersion=1.0, noisy=0.05),
        FleetModel(80, 20, faults, dispersion=1.0, updated=0.0),
    ):
        p = compare_firmware(sum_cells(simulate_cells(model, 5)), RULES)["p"].drop_nulls()
        assert (p < 0.05).mean() < 0.09
