from __future__ import annotations

import struct
from pathlib import Path

import polars as pl
from diagnosis.recorded import Recorded, recorded
from native_parser.made import dlt_message, dlt_text

from argus_pipeline.diagnosis.evidence import Kind
from argus_pipeline.diagnosis.summary import summarise

FIRST_BOOT, SECOND_BOOT = 1_760_000_000, 1_760_000_600


def said(boot: int, second: int, counter: int, text: bytes = b"hello") -> bytes:
    return dlt_text(text, seconds=boot + second, timestamp=second * 10_000, counter=counter)


def version(boot: int, text: bytes) -> bytes:
    payload = struct.pack("<IBI", 0x13, 0, len(text)) + text
    return dlt_message(payload, msin=0x26, seconds=boot + 1, timestamp=10_000)


def two_boots(folder: Path) -> Recorded:
    """An ECU that ran v1 for a minute, lost three messages, and came back with v2."""
    content = version(FIRST_BOOT, b"v1")
    content += b"".join(said(FIRST_BOOT, n, n if n < 30 else n + 3) for n in range(1, 60))
    content += version(SECOND_BOOT, b"v2")
    content += b"".join(said(SECOND_BOOT, n, n) for n in range(1, 20))
    file = folder / "ecu.dlt"
    file.write_bytes(content)
    return recorded(folder / "out", [file])


def test_lifecycles_say_when_an_ecu_started_what_it_ran_and_what_is_missing(tmp_path: Path) -> None:
    statistics = two_boots(tmp_path).statistics
    rows = statistics.lifecycles.to_dicts()
    assert [(r["kind"], r["software_version"], r["messages"], r["lost"]) for r in rows] == [
        ("boot", "v1", 60, 3),
        ("boot", "v2", 20, 0),
    ]
    starts = statistics.lifecycles["start"].dt.epoch("s").to_list()
    assert starts == [FIRST_BOOT, SECOND_BOOT]
    assert (statistics.total("lifecycles"), statistics.total("lost_messages")) == (2, 3)


def test_losses_name_the_sender(tmp_path: Path) -> None:
    (row,) = two_boots(tmp_path).statistics.losses.to_dicts()
    assert (row["ecu"], row["app"], row["context"], row["lost"], row["gaps"]) == (
        "ECU1",
        "APP1",
        "CTX1",
        3,
        1,
    )


def test_events_are_placed_by_the_corrected_time(tmp_path: Path) -> None:
    file = tmp_path / "late.dlt"
    # The second message was written when it was 10 s, and reached the receiver a minute later.
    late = dlt_text(b"E042", seconds=FIRST_BOOT + 70, timestamp=100_000, msin=0x21)
    file.write_bytes(said(FIRST_BOOT, 5, 0) + late + said(FIRST_BOOT, 71, 2))
    statistics = recorded(tmp_path / "out", [file]).statistics
    found = statistics.codes.filter(pl.col("code") == "E042")["first_time"].dt.epoch("s").item()
    assert found == FIRST_BOOT + 10


def test_small_tables_are_no_messages(tmp_path: Path) -> None:
    batch = two_boots(tmp_path)
    assert batch.statistics.total("messages") == sum(r.rows for r in batch.results) == 80


def test_a_changed_software_is_evidence(tmp_path: Path) -> None:
    batch = two_boots(tmp_path)
    summary = summarise(batch.manifest, batch.results, batch.statistics)
    (piece,) = summary.of_kind(Kind.LIFECYCLE)
    assert piece.statement == (
        "ECU ECU1 booted 2 times; it ran software v1, then v2; 3 messages are missing by its"
        " counters."
    )
