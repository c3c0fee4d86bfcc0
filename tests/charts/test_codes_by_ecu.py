from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from charts.made import MadeBatch
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.charts import codes_by_ecu
from argus_pipeline.charts.codes_by_ecu import MAX_CODES, MAX_ECUS, short


def spec(folder: Path, events: list[tuple[str, str | None, str]]) -> dict[str, Any]:
    rows = [{"text": code, "ecu": ecu, "severity": severity} for code, ecu, severity in events]
    found: dict[str, Any] = codes_by_ecu(
        MadeBatch(folder).dlt("a.dlt", rows).statistics()
    ).to_dict()
    return found


def cells(spec: dict[str, Any]) -> dict[tuple[str, str], int]:
    (data,) = spec["datasets"].values()
    return {(row["code"], row["ecu"]): row["messages"] for row in data}


def test_a_cell_counts_the_messages_of_a_code_and_an_ecu(tmp_path: Path) -> None:
    events = [("E001", "GW", "error")] * 3 + [("E001", "ABS", "warn"), ("E002", None, "fatal")]
    assert cells(spec(tmp_path, events)) == {
        ("E001", "GW"): 3,
        ("E001", "ABS"): 1,
        ("E002", "unknown"): 1,
    }


def test_a_row_says_the_worst_severity_of_its_code_wherever_it_came(tmp_path: Path) -> None:
    found = spec(tmp_path, [("E001", "GW", "warn"), ("E001", "ABS", "fatal")])
    (data,) = found["datasets"].values()
    assert {row["line"] for row in data} == {"0000 E001 (fatal)"}
    assert {row["severity"] for row in data} == {"warning", "fatal"}


def test_what_does_not_fit_is_told(tmp_path: Path) -> None:
    events = [(f"E{n:03}", f"E{n % 15}", "error") for n in range(40)]
    found = spec(tmp_path, events + [("E000", "E0", "error")] * 5)
    drawn = cells(found)
    assert len({code for code, _ in drawn}) <= MAX_CODES
    assert len({ecu for _, ecu in drawn}) <= MAX_ECUS
    [facts] = found["title"]["subtitle"]
    assert "of 40 fault codes" in facts
    assert facts.endswith(f"not shown: named {45 - sum(drawn.values())} times")


def test_letters_are_white_where_the_cell_is_dark(tmp_path: Path) -> None:
    found = spec(tmp_path, [("E001", "GW", "error")] * 500 + [("E002", "GW", "error")])
    (data,) = found["datasets"].values()
    assert [row["is_dark"] for row in data] == [True, False]


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (9_999, "9,999"), (12_345, "12.3k"), (999_999, "999k"), (4_500_000, "4.5M")],
)
def test_counts_are_short(count: int, text: str) -> None:
    assert short(count) == text


@given(st.integers(0, 10**12 - 1))
def test_no_count_is_longer_than_its_cell(count: int) -> None:
    assert len(short(count)) <= 5
