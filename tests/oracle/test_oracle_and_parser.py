"""The native parser and the independent decoders read the same, value by value."""

from __future__ import annotations

import json
from pathlib import Path

import argus_native
import pytest
from oracle import dlt, rec
from oracle.compare import dlt_differences, rec_differences

from argus_pipeline.simulate.fleet import write_fleet

CHUNK = 100_003  # no multiple of anything
THIRD_PARTY = (
    "COVESA_dlt-daemon__testfile.dlt",
    "COVESA_dlt-daemon__testfile_extended.dlt",
    "COVESA_dlt-daemon__testfile-v2.dlt",
    "COVESA_dlt-viewer__testfile.dlt",
    "esrlabs_chipmunk__someip.dlt",
)


def tables(data: bytes, specification: str | None = None) -> dict[str, bytes]:
    """The CSV of each table, as the native parser writes it."""
    read = argus_native.Specification(specification) if specification else None
    parser = argus_native.Parser(specification=read)
    found: dict[str, bytes] = {}
    for at in range(0, len(data), CHUNK):
        parser.feed(data[at : at + CHUNK])
        for batch in parser.take():
            found[batch.table] = found.get(batch.table, b"") + batch.to_csv(
                header=batch.table not in found
            )
    parser.finish()
    for batch in parser.take():
        header = batch.table not in found
        found[batch.table] = found.get(batch.table, b"") + batch.to_csv(header=header)
    return found


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("oracle") / "fleet"
    write_fleet(folder, megabytes=0.4)
    return folder


@pytest.mark.parametrize("name", ["golden.dlt", "c_clean.dlt", "c_serial.dlt", "c_nostorage.dlt"])
def test_they_agree_on_the_dlt_samples(data: Path, name: str) -> None:
    content = (data / "dlt" / name).read_bytes()
    assert dlt_differences(tables(content)["messages"], dlt.decode(content)) == []


@pytest.mark.parametrize("name", THIRD_PARTY)
def test_they_agree_on_the_dlt_samples_of_others(shared_data: Path, name: str) -> None:
    content = (shared_data / "dlt" / "third_party" / name).read_bytes()
    assert dlt_differences(tables(content)["messages"], dlt.decode(content)) == []


@pytest.mark.parametrize(
    ("name", "specification"),
    [
        ("J7_v2.3.1_0001", "vehicle"),
        ("J7_v2.2.9_0002", "vehicle"),
        ("alltypes", "alltypes"),
    ],
)
def test_they_agree_on_the_rec_samples(data: Path, name: str, specification: str) -> None:
    content = (data / "rec" / f"{name}.rec").read_bytes()
    text = (data / "rec" / f"{specification}.odvd").read_text()
    found = tables(content, text)
    expected = rec.decode(content, rec.specification(text))
    assert sorted(found) == sorted(expected)
    for table, rows in expected.items():
        assert rec_differences(found[table], rows) == [], table


def test_they_agree_on_a_simulated_fleet_and_on_what_is_damaged_in_it(fleet: Path) -> None:
    damages = json.loads((fleet / "truth.json").read_text())["damages"]
    for path in sorted(fleet.glob("*/*.dlt")):
        damaged = [
            (d["unreadable_from"], d["unreadable_to"])
            for d in damages
            if (d["batch"], d["recording"]) == (path.parent.name, path.name)
        ]
        content = path.read_bytes()
        expected = dlt.decode(content, damaged=damaged)
        assert dlt_differences(tables(content)["messages"], expected) == [], path
    for path in sorted(fleet.glob("*/*.rec")):
        text = (path.parent / "vehicle.odvd").read_text()
        found = tables(path.read_bytes(), text)
        expected_tables = rec.decode(path.read_bytes(), rec.specification(text))
        assert sorted(found) == sorted(expected_tables)
        for table, rows in expected_tables.items():
            assert rec_differences(found[table], rows) == [], (path, table)


def test_a_value_that_differs_is_noticed(data: Path) -> None:
    content = (data / "dlt" / "golden.dlt").read_bytes()
    csv = tables(content)["messages"]
    messages = dlt.decode(content)
    for column in ("offset", "storage_time_ns", "uptime_s", "counter", "ecu", "severity", "text"):
        for wrong in (i for i, m in enumerate(messages) if m[column] is not None):
            harmed = [dict(message) for message in messages]
            value = harmed[wrong][column]
            harmed[wrong][column] = f"{value}!" if isinstance(value, str) else value + 1
            if harmed[wrong]["type"] == "control" and column == "text":
                continue
            assert len(dlt_differences(csv, harmed)) == 1, (column, wrong)
    assert dlt_differences(csv, messages[:-1]) != []
