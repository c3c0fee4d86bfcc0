"""Quantiles, rates of change, and signals near critical events."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from charts.made import START, MadeBatch, fields
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_pipeline.statistics import event_signals, signals


def second(number: float) -> datetime:
    return START + timedelta(seconds=number)


def signal(values: dict[float, float | None]) -> pl.DataFrame:
    """A table with the signal `x`, of values by second."""
    rows = [{"sample_time": second(at), "x": value} for at, value in values.items()]
    return fields(rows, x=pl.Float64)


def measured(folder: Path, table: pl.DataFrame) -> dict[str, Any]:
    return MadeBatch(folder).rec("a.rec", Power=table).statistics().signals.row(0, named=True)


def test_quantiles_lie_between_the_values_around_their_rank(tmp_path: Path) -> None:
    row = measured(tmp_path, signal({n: float(n) for n in range(1, 1001)}))
    assert (row["p1"], row["p50"], row["p99"]) == (10.99, 500.5, 990.01)


def test_of_very_many_values_quantiles_are_those_of_rounded_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "MAX_EXACT", 999)
    row = measured(tmp_path, signal({n: n + 12_340_000.0 for n in range(1, 1001)}))
    assert (row["p1"], row["p50"], row["p99"]) == (12_340_000,) * 3
    row = measured(tmp_path / "small", signal({n: float(n) for n in range(1, 1001)}))
    assert (row["p1"], row["p50"], row["p99"]) == (10, 500, 990)


def test_rates_of_change_follow_event_time_and_not_arrival(tmp_path: Path) -> None:
    arrived = {2.0: 30.0, 0.0: 0.0, 1.0: 10.0, 3.0: 25.0, 3.5: 35.0}
    row = measured(tmp_path, signal(arrived))
    # The means of the seconds are 0, 10, 30 and 30.
    assert (row["max_rise_per_s"], row["max_fall_per_s"]) == (20, 0)


def test_no_rate_of_change_bridges_a_long_silence(tmp_path: Path) -> None:
    row = measured(tmp_path, signal({0: 0.0, 30: 60.0, 200: 1e9}))
    assert row["max_rise_per_s"] == row["p99_change_per_s"] == 2


def dips(folder: Path, depth: float, times: list[int]) -> pl.DataFrame:
    """A supply that dips to `depth` when a fault is reported, over 20 minutes."""
    dice = random.Random(1)
    values: dict[float, float | None] = {n: 13.5 + dice.random() for n in range(1200)}
    values.update({t + 0.5: depth for t in times})
    faults = fields(
        [{"sample_time": second(t), "code": "P0A80", "severity": 2} for t in times],
        code=pl.String,
        severity=pl.UInt8,
    )
    batch = MadeBatch(folder).rec("a.rec", Power=signal(values), Fault=faults)
    return batch.statistics().event_signals


def test_a_signal_that_dips_with_a_fault_is_found(tmp_path: Path) -> None:
    times = list(range(60, 1200, 100))
    (row,) = dips(tmp_path, 9.0, times).to_dicts()
    assert (row["fault"], row["table"], row["signal"]) == ("P0A80", "vehicle.Power-0", "x")
    assert (row["moments"], row["below"], row["above"]) == (len(times), len(times), 0)
    assert row["lowest"] == 9.0
    assert row["usual_low"] == pytest.approx(13.5, abs=0.05)


def test_a_burst_of_events_is_one_moment(tmp_path: Path) -> None:
    assert dips(tmp_path, 9.0, [100, 102, 104, 106, 108, 400, 402]).is_empty()


def test_a_signal_that_stays_as_it_is_is_not_found(tmp_path: Path) -> None:
    assert dips(tmp_path, 14.0, list(range(60, 1200, 100))).is_empty()


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_events_that_have_nothing_to_do_with_a_signal_find_nothing(seed: int) -> None:
    dice = random.Random(seed)
    table = pl.DataFrame(
        {"path": "a", "second": range(3000), "v": [dice.gauss(0, 1) for _ in range(3000)]}
    ).select("path", "second", **{f"{name}-0": pl.col("v") for name in ("low", "mean", "high")})
    group = _Group()
    moments = {"E001": sorted(dice.sample(range(3000), 40))}
    assert event_signals.event_signals(moments, [(group, table)]).is_empty()  # type: ignore[list-item]


class _Group:
    format = "rec"
    table = "vehicle.Power-0"
    schema = pl.Schema({"x": pl.Float64})


def test_curves_show_the_signals_around_the_newest_event(tmp_path: Path) -> None:
    times = list(range(60, 1200, 100))
    supply = signal({n / 2: float(n) for n in range(2400)})
    faults = fields(
        [{"sample_time": second(t), "code": "P0A80", "severity": 1} for t in times],
        code=pl.String,
        severity=pl.UInt8,
    )
    batch = MadeBatch(tmp_path).rec("a.rec", Power=supply, Fault=faults)
    curves = batch.statistics().event_curves
    assert curves["event_time"].unique().to_list() == [second(1160)]
    assert curves["second"].to_list() == list(range(-30, 31))
    assert curves.row(30)[5:] == (2320, 2320.5, 2321)
