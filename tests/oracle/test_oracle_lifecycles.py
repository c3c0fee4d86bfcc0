"""Lifecycles, event times and lost messages: the independent form, and the parser against it."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import argus_native
import pytest
from native_parser.made import dlt_message, dlt_text
from oracle import dlt, lifecycles
from oracle.compare import dlt_differences, read_csv, row_differences
from oracle.dlt_payload import Row

from argus_pipeline.simulate.fleet import write_fleet

SECOND = 10_000  # ticks of the uptime


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lifecycles") / "fleet"
    write_fleet(folder, megabytes=0.4)
    return folder


def undamaged(fleet: Path) -> list[Path]:
    truth = json.loads((fleet / "truth.json").read_text())
    damaged = {(d["batch"], d["recording"]) for d in truth["damages"]}
    paths = sorted(fleet.glob("*/*.dlt"))
    return [path for path in paths if (path.parent.name, path.name) not in damaged]


def read(path: Path) -> dict[str, bytes]:
    """The CSV of each table of a recording, `lifecycles` and `sources` among them."""
    found: dict[str, bytes] = {}
    for batch in argus_native.Reader(str(path)):
        header = batch.table not in found
        found[batch.table] = found.get(batch.table, b"") + batch.to_csv(header=header)
    return found


def two_ecus_that_boot_twice() -> bytes:
    """Each context counts for itself; in its second lifecycle, context X of B lacks 3 messages."""
    data = b""
    for boot, (start, version) in enumerate([(1_000_000, b"v1"), (1_000_500, b"v2")]):
        for second in range(1, 41):
            for number, ecu in enumerate((b"A", b"B")):
                for context in (b"X", b"Y"):
                    counter = second * 2
                    if (ecu, context) == (b"B", b"X") and second > 20 and boot == 1:
                        counter += 3
                    for more in range(2):
                        data += dlt_text(
                            b"text",
                            seconds=start + number * 3 + second,
                            microseconds=1000 * more + 100 * number,
                            timestamp=second * SECOND + 5 * more,
                            counter=(counter + more) % 256,
                            ecu=ecu,
                            context=context,
                        )
            if second == 10:
                payload = struct.pack("<IBI", 0x13, 0, len(version)) + version
                data += dlt_message(
                    payload, msin=0x26, seconds=start + second, timestamp=second * SECOND, ecu=b"A"
                )
    return data


# The independent form itself.


def test_a_boot_of_the_simulation_is_a_lifecycle(fleet: Path) -> None:
    for path in undamaged(fleet):
        rows = dlt.decode(path.read_bytes())
        tables = lifecycles.add_times(rows)
        said = [row for row in rows if row["context"] == "BOOT" and "started" in row["text"]]
        found = sorted((one["first_offset"], one["ecu"]) for one in tables["lifecycles"])
        assert found == [(row["offset"], row["ecu"]) for row in said], path
        versions = {one["first_offset"]: one["software_version"] for one in tables["lifecycles"]}
        for row in said:
            assert f"firmware {versions[row['offset']]}," in row["text"]


def test_the_event_time_of_a_message_is_near_the_receivers(fleet: Path) -> None:
    for path in undamaged(fleet):
        rows = dlt.decode(path.read_bytes())
        lifecycles.add_times(rows)
        late = [row["storage_time_ns"] - row["time"] for row in rows]
        assert min(late) >= 0
        assert max(late) < 4_000_000


def test_each_context_of_an_application_counts_for_itself() -> None:
    tables = lifecycles.add_times(dlt.decode(two_ecus_that_boot_twice()))
    assert [(one["ecu"], one["lifecycle"]) for one in tables["lifecycles"]] == [
        ("A", 1),
        ("A", 2),
        ("B", 1),
        ("B", 2),
    ]
    assert [one["start"] // 10**9 for one in tables["lifecycles"]] == [
        1_000_000,
        1_000_500,
        1_000_003,
        1_000_503,
    ]
    lost = {
        (one["ecu"], one["context"], one["lifecycle"]): (one["lost"], one["gaps"])
        for one in tables["sources"]
        if one["lost"]
    }
    assert lost == {("B", "X", 2): (3, 1)}


def test_repeated_and_late_messages_are_no_lost_ones() -> None:
    counters = (1, 2, 2, 3, 1, 4)
    rows: list[Row] = [
        {**row, "lifecycle": 1}
        for row in dlt.decode(b"".join(dlt_text(b"", counter=counter) for counter in counters))
    ]
    [source] = lifecycles.sources(rows)
    found = [source[name] for name in ("messages", "lost", "gaps", "repeated", "reordered")]
    assert found == [6, 0, 0, 1, 1]


# The parser against it.


def in_order(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    names = ("app", "context")
    return sorted(
        rows,
        key=lambda row: (row["ecu"], int(row["lifecycle"]), *(row.get(n) or "" for n in names)),
    )


def check_tables(path: Path, *names: str) -> None:
    rows = dlt.decode(path.read_bytes())
    expected = lifecycles.add_times(rows)
    found = read(path)
    assert dlt_differences(found["messages"], rows) == [], path
    for name in names:
        ours = in_order(read_csv(found[name]))
        assert row_differences(ours, in_order(expected[name])) == [], (path, name)


def test_they_agree_on_the_times_and_lifecycles_of_a_fleet(fleet: Path) -> None:
    for path in undamaged(fleet):
        check_tables(path, "lifecycles")


@pytest.mark.parametrize("name", ["golden.dlt", "c_clean.dlt"])
def test_they_agree_on_the_times_lifecycles_and_sources_of_the_samples(
    data: Path, name: str
) -> None:
    check_tables(data / "dlt" / name, "lifecycles", "sources")


def test_they_agree_on_lost_messages_and_boots(tmp_path: Path) -> None:
    path = tmp_path / "boots.dlt"
    path.write_bytes(two_ecus_that_boot_twice())
    check_tables(path, "lifecycles", "sources")


def test_the_lost_messages_of_a_fleet_are_those_of_its_truth(fleet: Path) -> None:
    truth = json.loads((fleet / "truth.json").read_text())
    lost = {(one["batch"], one["recording"]): one["messages"] for one in truth["losses"]}
    assert lost
    for path in undamaged(fleet):
        counted = [int(row["lost"]) for row in read_csv(read(path)["sources"])]
        assert sum(counted) == lost.get((path.parent.name, path.name), 0), path
