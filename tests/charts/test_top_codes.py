from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from charts.made import MadeBatch, fields

from argus_pipeline.charts import top_codes
from argus_pipeline.statistics.batch import compute_statistics


def spec(batch: MadeBatch, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = top_codes(batch.statistics(), **options).to_dict()
    return found


def rows(spec: dict[str, Any]) -> list[dict[str, Any]]:
    (data,) = spec["datasets"].values()
    return list(data)


def test_codes_stand_in_the_order_of_their_counts(tmp_path: Path) -> None:
    texts = ["E001", "P0A80", "P0A80", "P0A80", "U0100", "U0100"]
    batch = MadeBatch(tmp_path)
    batch.dlt("a.dlt", [{"severity": "error", "text": text, "ecu": "BMS"} for text in texts])
    assert [(row["name"], row["label"]) for row in rows(spec(batch))] == [
        ("P0A80 · BMS", "3 · error"),
        ("U0100 · BMS", "2 · error"),
        ("E001 · BMS", "1 · error"),
    ]


def test_the_worst_severity_gives_the_colour_and_is_written_too(tmp_path: Path) -> None:
    events = [{"severity": word, "text": "E001"} for word in ("info", "fatal", "error")]
    found = spec(MadeBatch(tmp_path).dlt("a.dlt", events))
    assert rows(found)[0]["severity"] == "fatal"
    assert rows(found)[0]["label"] == "3 · fatal"


def test_several_ecus_of_a_code_are_counted(tmp_path: Path) -> None:
    events = [{"text": "E001", "ecu": ecu} for ecu in ("GW", "GW", "ABS", "TCU")]
    assert rows(spec(MadeBatch(tmp_path).dlt("a.dlt", events)))[0]["name"] == "E001 · GW +2 ECUs"


def test_a_code_without_an_ecu_says_so(tmp_path: Path) -> None:
    found = spec(MadeBatch(tmp_path).dlt("a.dlt", [{"text": "E001", "ecu": None}]))
    assert rows(found)[0]["name"] == "E001 · ECU unknown"


def test_codes_beyond_the_limit_are_told_as_a_number(tmp_path: Path) -> None:
    events = [{"text": f"E{n:03}"} for n in range(20)]
    found = spec(MadeBatch(tmp_path).dlt("a.dlt", events), limit=15)
    assert len(rows(found)) == 15
    assert found["title"]["subtitle"] == [
        "15 of 20 fault codes, coloured by the worst severity; the other 5 were named 5 times"
    ]


def test_two_codes_that_are_cut_alike_keep_bars_of_their_own(tmp_path: Path) -> None:
    faults = fields([{"code": f"{'LONG' * 10}{n}"} for n in range(2)], code=pl.String)
    found = spec(MadeBatch(tmp_path).rec("a.rec", Fault=faults))
    assert len({row["key"] for row in rows(found)}) == 2


def test_a_batch_without_codes_says_so() -> None:
    found = top_codes(compute_statistics([], [])).to_dict()
    assert "no fault codes found" in str(found["datasets"])
