from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from charts.made import START, MadeBatch, fields

from argus_pipeline.statistics import faults
from argus_pipeline.statistics.batch import BatchStatistics, compute_statistics
from argus_pipeline.statistics.fingerprints import NO_TEXT, fingerprint

OLD, NEW = "v2.2.9", "v2.3.1"


def second(number: float) -> datetime:
    return START + timedelta(seconds=number)


def counted(batch: MadeBatch, firmware_from: str | None = OLD) -> BatchStatistics:
    return compute_statistics(
        batch.sources, batch.results, firmware=NEW, firmware_from=firmware_from
    )


def rows(statistics: BatchStatistics, *columns: str) -> list[tuple[Any, ...]]:
    return statistics.fault_counts.select(columns).rows()


def updated(folder: Path) -> MadeBatch:
    """An ECU that boots twice under the old firmware and once under the new one."""
    boots = [
        {"start": second(0), "end": second(60), "software_version": OLD},
        {"start": second(100), "end": second(160), "software_version": OLD},
        {"start": second(200), "end": second(260), "software_version": NEW},
    ]
    said = [(1, 10, "E001 in 5 ms"), (1, 20, "E001 in 7 ms"), (2, 110, "E001: gone"), (3, 210, "")]
    messages = [
        {"time": second(t), "lifecycle": n, "severity": "error", "text": text or "retry 3 failed"}
        for n, t, text in said
    ]
    return MadeBatch(folder).dlt("a.dlt", messages, boots=boots)


def test_faults_are_counted_by_firmware_and_boot(tmp_path: Path) -> None:
    statistics = counted(updated(tmp_path))
    assert rows(statistics, "fault", "kind", "ecu", "firmware", "messages", "lifecycles") == [
        ("E001", "code", "ECU1", OLD, 3, 2),
        (fingerprint("retry <n> failed"), "fingerprint", "ECU1", NEW, 1, 1),
    ]
    first = statistics.fault_counts.row(0, named=True)
    assert first["title"] == "<code> in <n> ms"
    assert (first["recording"], first["table"], first["offset"]) == ("a.dlt", "messages", 0)
    assert (first["first_time"], first["last_time"]) == (second(10), second(110))


def test_messages_of_other_formats_are_placed_in_the_boot_that_ran(tmp_path: Path) -> None:
    batch = updated(tmp_path)
    fault = fields(
        [
            {"sample_time": second(t), "code": "E001", "ecu": ecu, "severity": 2}
            for t, ecu in ((30, "ECU1"), (230, "ECU1"), (30, "TCU"), (230, "TCU"), (180, "ECU1"))
        ],
        code=pl.String,
        ecu=pl.String,
        severity=pl.UInt8,
    )
    found = counted(batch.rec("b.rec", Fault=fault)).fault_counts.filter(fault="E001")
    assert found.select("ecu", "firmware", "messages", "lifecycles").sort(
        "ecu", "firmware"
    ).rows() == [
        # Between two boots it counts by the moment of the update, and in no boot.
        ("ECU1", OLD, 5, 2),
        ("ECU1", NEW, 1, 1),
        ("TCU", OLD, 1, 0),
        ("TCU", NEW, 1, 0),
    ]


def test_what_cannot_be_placed_has_no_firmware(tmp_path: Path) -> None:
    batch = MadeBatch(tmp_path).dlt("a.dlt", [{"severity": "fatal", "text": "E001"}])
    assert rows(counted(batch), "firmware", "lifecycles") == [(None, 0)]
    assert rows(counted(batch, None), "firmware", "lifecycles") == [(NEW, 0)]


def test_what_is_info_or_less_has_a_code_or_is_no_fault(tmp_path: Path) -> None:
    texts = [("info", "all is well"), ("info", "E001"), ("warn", "slow"), ("error", None)]
    batch = MadeBatch(tmp_path).dlt("a.dlt", [{"severity": s, "text": t} for s, t in texts])
    assert sorted(rows(counted(batch), "severity", "title")) == [
        ("error", NO_TEXT),
        ("info", "<code>"),
        ("warn", "slow"),
    ]


def test_the_same_text_has_the_same_fingerprint_in_both_formats(tmp_path: Path) -> None:
    text = "Türsteuergerät antwortet nicht, Versuch {}"
    batch = MadeBatch(tmp_path).dlt("a.dlt", [{"severity": "error", "text": text.format(3)}])
    fault = fields(
        [{"severity": 2, "message": text.format(12), "sample_time": START}],
        severity=pl.UInt8,
        message=pl.String,
    )
    found = counted(batch.rec("b.rec", Fault=fault), None)
    assert set(found.fault_counts["fault"]) == {
        fingerprint("Türsteuergerät antwortet nicht, Versuch <n>")
    }


def test_a_fingerprint_is_the_same_for_ever() -> None:
    assert fingerprint("retry <n> failed") == "fp-b8bbb2c62af7"


def test_lists_of_any_length_and_numbers_of_any_kind_have_one_fingerprint(tmp_path: Path) -> None:
    texts = [
        "cells 3 low, key 12345678",
        "cells 3, 4 low, key 123456ab",
        "cells 1,5;7 low, key a1b2",
    ]
    batch = MadeBatch(tmp_path).dlt("a.dlt", [{"severity": "warn", "text": t} for t in texts])
    assert rows(counted(batch, None), "kind", "messages") == [("fingerprint", 3)]


def test_beyond_the_bound_faults_are_summed_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "MAX_FAULTS", 2)
    words = ["alpha", "alpha", "alpha", "beta", "beta", "gamma", "delta"]
    batch = MadeBatch(tmp_path).dlt(
        "a.dlt",
        [{"severity": "warn", "text": f"{word} failed"} for word in words]
        + [{"text": f"E00{n}"} for n in (1, 1, 2, 2, 3)],
    )
    assert sorted(rows(counted(batch, None), "kind", "title", "messages")) == [
        ("code", "<code>", 2),
        ("code", "<code>", 2),
        ("code", "the less frequent codes together", 1),
        ("fingerprint", "alpha failed", 3),
        ("fingerprint", "beta failed", 2),
        ("fingerprint", "the less frequent fingerprints together", 2),
    ]
