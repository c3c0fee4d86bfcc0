from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from charts.made import START, MadeBatch, fields
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.charts import ChartContext, severity_over_time
from argus_pipeline.charts.severity_over_time import count_ticks, listed, per_bin, stacked
from argus_pipeline.statistics.batch import compute_statistics
from argus_pipeline.statistics.severity import SEVERITIES
from argus_pipeline.statistics.timeline import MAX_BINS

CONTEXT = ChartContext("batch-1", "LFV3A23C0K3000001", "J7", "v2.3.1", "v2.2.9")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def spec(batch: MadeBatch | None, context: ChartContext | None = CONTEXT) -> dict[str, Any]:
    statistics = batch.statistics() if batch else compute_statistics([], [])
    found: dict[str, Any] = severity_over_time(statistics, context).to_dict()
    return found


def drawn(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of the bars, wherever Altair puts them."""
    every = [row for rows in spec["datasets"].values() for row in rows]
    return [row for row in every if "low" in row and "middle" not in row]


def bars(spec: dict[str, Any]) -> list[dict[str, Any]]:
    layers = [layer for panel in spec["vconcat"] for layer in panel["layer"]]
    return [layer for layer in layers if layer["mark"]["type"] == "bar"]


def texts(spec: dict[str, Any]) -> str:
    return str(spec["vconcat"]) + str(spec.get("datasets"))


def test_every_placed_message_is_drawn_once(tmp_path: Path) -> None:
    rows = [
        {"time": START + timedelta(seconds=7 * n), "severity": word}
        for n, word in enumerate(SEVERITIES[:-1] * 30)
    ]
    found = spec(MadeBatch(tmp_path).dlt("a.dlt", rows))
    assert sum(row["messages"] for row in drawn(found)) == len(rows)
    assert len({row["start"] for row in drawn(found)}) <= MAX_BINS


def test_bad_and_everyday_messages_have_scales_of_their_own(tmp_path: Path) -> None:
    rows = [{"severity": "error"}] + [{"severity": "info"}] * 5_000
    above, below = bars(spec(MadeBatch(tmp_path).dlt("a.dlt", rows)))
    assert above["encoding"]["y"]["scale"]["domain"] == [0, 1]
    assert below["encoding"]["y"]["scale"]["domain"] == [0, 6_000]


def test_bars_are_stacked_without_gaps_the_worst_at_the_bottom(tmp_path: Path) -> None:
    rows = [{"severity": word} for word in ("warn", "fatal", "error", "error", "info")]
    found = stacked(MadeBatch(tmp_path).dlt("a.dlt", rows).statistics().timeline)
    assert found.select("word", "low", "high").rows() == [
        ("fatal", 0, 1),
        ("error", 1, 3),
        ("warn", 3, 4),
        ("info", 0, 1),
    ]


def test_bins_with_fatal_messages_are_marked(tmp_path: Path) -> None:
    rows = [{"severity": "error"}] * 5_000 + [{"severity": "fatal"}]
    found = spec(MadeBatch(tmp_path).dlt("a.dlt", rows))
    marks = [layer["mark"] for layer in found["vconcat"][0]["layer"]]
    assert marks[1]["shape"] == "triangle-down"
    assert "▼" in found["vconcat"][0]["title"]["text"]


def test_axes_have_titles_with_units(tmp_path: Path) -> None:
    rows = [{"time": START + timedelta(minutes=m)} for m in range(400)]
    (bar,) = bars(spec(MadeBatch(tmp_path).dlt("a.dlt", [*rows])))
    assert bar["encoding"]["x"]["title"] == "Time (UTC), 23 November 2026"
    assert bar["encoding"]["x"]["scale"]["type"] == "utc"
    assert bar["encoding"]["y"]["title"] == "Messages per 5 minutes"


def test_an_axis_over_midnight_names_both_days(tmp_path: Path) -> None:
    rows = [{"time": START + timedelta(hours=h)} for h in range(20)]
    (bar,) = bars(spec(MadeBatch(tmp_path).dlt("a.dlt", rows)))
    assert bar["encoding"]["x"]["title"] == "Time (UTC), 23 November 2026 to 24 November 2026"


def test_the_lines_below_the_title_name_the_batch_and_what_is_not_shown(tmp_path: Path) -> None:
    rows = [{}, {"time": None}, {"time": EPOCH}, {"time": EPOCH}]
    first, second = spec(MadeBatch(tmp_path).dlt("a.dlt", rows))["title"]["subtitle"]
    assert first == "LFV3A23C0K3000001 · J7 · firmware v2.2.9 → v2.3.1 · batch batch-1"
    assert second == "4 messages; not shown: 2 of a clock that was not set, 1 without a time"


def test_a_clock_that_was_never_set_is_said(tmp_path: Path) -> None:
    found = spec(MadeBatch(tmp_path).dlt("a.dlt", [{"time": EPOCH}]), None)
    assert found["title"]["subtitle"] == ["1 message; the clock was never set"]
    assert len(drawn(found)) == 1


def test_what_a_jump_put_far_away_is_told_with_what_was_bad_in_it(tmp_path: Path) -> None:
    far = {"time": START + timedelta(days=4_000)}
    rows = [{}] * 50 + [far, {**far, "severity": "error"}]
    found = spec(MadeBatch(tmp_path).dlt("a.dlt", rows), None)
    assert found["title"]["subtitle"] == [
        "52 messages; not shown: 2 far away in time; 1 fatal or error among them"
    ]


def test_an_empty_batch_says_so() -> None:
    assert "no events with a severity" in texts(spec(None))


def test_signals_alone_are_drawn_and_have_no_severity(tmp_path: Path) -> None:
    power = fields([{"x": 1.0}] * 9, x=pl.Float64)
    found = spec(MadeBatch(tmp_path).rec("a.rec", Power=power))
    assert "no events with a severity" in texts(found)
    assert drawn(found)[0]["severity"] == "no severity"


def test_a_quiet_log_says_that_nothing_was_bad(tmp_path: Path) -> None:
    found = spec(MadeBatch(tmp_path).dlt("a.dlt", [{"severity": "info"}]))
    assert "no fatal, error or warning messages" in texts(found)


def test_one_message_is_a_narrow_bar_in_the_middle(tmp_path: Path) -> None:
    (bar,) = bars(spec(MadeBatch(tmp_path).dlt("a.dlt", [{"severity": "error"}])))
    scale = bar["encoding"]["x"]["scale"]
    assert scale["domainMax"] - scale["domainMin"] >= 19_000


@pytest.mark.parametrize(
    ("seconds", "unit"),
    [
        (1, "Messages per second"),
        (30, "Messages per 30 seconds"),
        (60, "Messages per minute"),
        (300, "Messages per 5 minutes"),
        (7_200, "Messages per 2 hours"),
        (604_800, "Messages per 7 days"),
    ],
)
def test_the_unit_says_the_width_of_a_bin(seconds: int, unit: str) -> None:
    assert per_bin(seconds) == unit


@given(st.floats(0.1, 1e9), st.integers(1, 12))
def test_ticks_are_evenly_spaced_whole_numbers_that_hold_the_bars(
    highest: float, about: int
) -> None:
    ticks = count_ticks(highest, about)
    assert ticks[0] == 0
    assert ticks[-1] >= highest
    assert len(ticks) <= about + 2
    assert len({b - a for a, b in itertools.pairwise(ticks)}) == 1


@pytest.mark.parametrize(
    ("words", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_words_are_listed_as_one_says_them(words: list[str], text: str) -> None:
    assert listed(words) == text
