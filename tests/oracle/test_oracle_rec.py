"""The independent `.rec` decoder itself, against the tables of libcluon's own tool."""

from __future__ import annotations

import base64
import csv
from pathlib import Path
from typing import Any

import pytest
from oracle import rec

SAMPLES = {"J7_v2.3.1_0001": "vehicle.odvd", "alltypes": "alltypes.odvd"}


def decoded(data: Path, name: str) -> rec.Tables:
    specification = rec.specification((data / "rec" / SAMPLES[name]).read_text())
    return rec.decode((data / "rec" / f"{name}.rec").read_bytes(), specification)


def expected(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    return [{name: value for name, value in row.items() if name} for row in rows]


def agrees(value: Any, shown: str) -> bool:
    """Equal up to the digits that the tool leaves off, its base64 and its 0 and 1."""
    if isinstance(value, bool):
        return shown == str(int(value))
    if isinstance(value, int):
        return shown == str(value)
    if isinstance(value, float):
        return (value != value) == (shown in ("nan", "-nan")) and (
            value != value or float(shown) == pytest.approx(value, rel=2e-6)
        )
    data = value.encode() if isinstance(value, str) else value
    return shown == value or base64.b64decode(shown) == data


@pytest.mark.parametrize("name", SAMPLES)
def test_it_reads_what_the_reference_tool_reads(data: Path, name: str) -> None:
    tables = decoded(data, name)
    files = sorted((data / "rec" / "expected" / name).glob("*.csv"))
    assert sorted(tables) == [file.stem for file in files]
    for file in files:
        rows = sorted(tables[file.stem], key=lambda row: row["sample_time"])
        theirs = expected(file)
        assert len(rows) == len(theirs), file.name
        for row, their in zip(rows, theirs, strict=True):
            for column, shown in their.items():
                if column.endswith(("econds",)):
                    continue
                assert agrees(row[column], shown), (file.name, column, row[column], shown)
            for ours, name_of_theirs in (
                ("sent", "sent"),
                ("received", "received"),
                ("sample_time", "sampleTimeStamp"),
            ):
                seconds = int(their[f"{name_of_theirs}.seconds"])
                microseconds = int(their[f"{name_of_theirs}.microseconds"])
                assert row[ours] == seconds * 10**9 + microseconds * 1000


def test_every_byte_of_a_sample_belongs_to_an_envelope(data: Path) -> None:
    tables = decoded(data, "J7_v2.3.1_0001")
    size = (data / "rec" / "J7_v2.3.1_0001.rec").stat().st_size
    assert sum(row["size"] for rows in tables.values() for row in rows) == size


def test_a_type_without_a_specification_keeps_its_bytes(data: Path) -> None:
    tables = rec.decode((data / "rec" / "alltypes.rec").read_bytes(), {})
    assert all(name.startswith("unknown-") for name in tables)
    assert all(isinstance(row["payload"], bytes) for rows in tables.values() for row in rows)


def test_comments_packages_and_defaults_of_a_specification_are_read() -> None:
    text = """
    // a comment
    package some.name;
    message a.B [id = 1] { /* two
    lines */ char c [default = 'x', id = 1]; string t [default = "a;b", id = 2];
    int8 n [default = -1, id = 3]; bool f [default = true, id = 4]; double d [id = 5]; }
    """
    fields = rec.specification(text)[1].fields
    assert [f.default for f in fields] == ["x", "a;b", -1, True, 0.0]
