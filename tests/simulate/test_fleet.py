"""A simulated fleet: the same bytes for the same seed, and no fault but those in truth.json."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from oracle import dlt, rec

from argus_pipeline.errors import BadInput
from argus_pipeline.simulate.dlt_encoder import LEVELS
from argus_pipeline.simulate.fleet import write_fleet
from argus_pipeline.simulate.vehicles import check_digit, make_vehicle
from argus_pipeline.upload.files import find_files
from argus_pipeline.upload.options import read_batch_file

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"(?<![\w.-])(?:[PBCU][0-3][0-9A-F]{3}|E[0-9]{3,4})\b")
SMALL = {"megabytes": 0.3}
# Of seed 1 with 0.3 MB a batch. Changes with every change of what the simulator writes, and only
# then: with another machine or another Python it stays.
DIGEST = "ec9fb5a33679fc898e27d4cb17ad58a24889d9c5ea6332d6902ac1e7bc7e52fe"


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        found.update(f"{path.relative_to(folder).as_posix()}\n".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulate") / "fleet"
    write_fleet(folder, **SMALL)
    return folder


@pytest.fixture(scope="module")
def truth(fleet: Path) -> dict[str, Any]:
    content = json.loads((fleet / "truth.json").read_text())
    assert isinstance(content, dict)
    return content


def damaged(truth: dict[str, Any], batch: str, recording: str) -> list[tuple[int, int]]:
    return [
        (d["unreadable_from"], d["unreadable_to"])
        for d in truth["damages"]
        if (d["batch"], d["recording"]) == (batch, recording)
    ]


def dlt_messages(fleet: Path, truth: dict[str, Any]) -> dict[tuple[str, str], list[dlt.Row]]:
    return {
        (path.parent.name, path.name): dlt.decode(
            path.read_bytes(), damaged=damaged(truth, path.parent.name, path.name)
        )
        for path in sorted(fleet.glob("*/*.dlt"))
    }


def fault_rows(folder: Path) -> list[rec.Row]:
    specification = rec.specification((folder / "vehicle.odvd").read_text())
    tables = rec.decode((folder / "drive.rec").read_bytes(), specification)
    return tables.get("vehicle.FaultEvent-0", [])


def test_the_same_seed_writes_the_same_bytes_in_any_surroundings(
    fleet: Path, tmp_path: Path
) -> None:
    program = (
        "import sys; from pathlib import Path; "
        "from argus_pipeline.simulate.fleet import write_fleet; "
        "write_fleet(Path(sys.argv[1]), megabytes=0.3)"
    )
    surroundings = {"PYTHONHASHSEED": "77", "TZ": "Asia/Shanghai", "LC_ALL": "C"}
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "again")],
        cwd=ROOT,
        env={**os.environ, **surroundings},
        check=True,
    )
    assert digest(tmp_path / "again") == digest(fleet)


def test_the_bytes_of_a_seed_are_the_same_on_every_machine(fleet: Path) -> None:
    assert digest(fleet) == DIGEST


def test_another_seed_writes_other_recordings(fleet: Path, tmp_path: Path) -> None:
    write_fleet(tmp_path / "other", seed=2, batches=1, **SMALL)
    for path in (tmp_path / "other").glob("*/*.dlt"):
        same = fleet / path.parent.name / path.name
        assert path.read_bytes() != same.read_bytes()


def test_every_batch_can_be_uploaded_as_it_is(fleet: Path, truth: dict[str, Any]) -> None:
    assert len(truth["batches"]) == 6
    for batch in truth["batches"]:
        folder = fleet / batch["batch"]
        files = [path.name for path in find_files([folder]).files]
        assert files == sorted([*(r["name"] for r in batch["recordings"]), "vehicle.odvd"])
        options = read_batch_file(folder).checked()
        for name in ("vehicle", "platform", "firmware", "firmware_from", "priority"):
            assert getattr(options, name) == batch[name]


def test_the_fleet_has_what_a_diagnosis_is_tried_on(truth: dict[str, Any]) -> None:
    batches = truth["batches"]
    assert {"J7", "K5", "T2"} == {b["platform"] for b in batches}
    assert {"v2.2.9", "v2.3.1"} == {b["firmware"] for b in batches}
    assert len({b["vehicle"] for b in batches}) >= 4
    assert {"P0", "P1", "P2"} == {b["priority"] for b in batches}
    assert [b["healthy"] for b in batches].count(True) == 1
    codes = {f["code"] for f in truth["faults"]}
    assert codes >= {"C0035", "P0A80", "U0100", "E001", "E214", "B1342", "E977"}
    assert [d["what"] for d in truth["damages"]] == ["overwritten with garbage", "truncated"]


def test_every_vehicle_has_a_well_formed_number(truth: dict[str, Any]) -> None:
    for batch in truth["batches"]:
        vin = batch["vehicle"]
        assert re.fullmatch(r"[A-HJ-NPR-Z0-9]{17}", vin)
        assert vin[8] == check_digit(vin)


def test_the_check_digit_is_that_of_the_regulation() -> None:
    # The worked example that is in wide use, and a number whose check digit is X.
    assert check_digit("11111111111111111") == "1"
    assert check_digit("1M8GDM9AXKP042788") == "X"


def test_vehicles_of_a_platform_differ(tmp_path: Path) -> None:
    assert len({make_vehicle(1, "J7", number).vin for number in range(200)}) == 200


def test_every_message_of_every_dlt_recording_is_counted(
    fleet: Path, truth: dict[str, Any]
) -> None:
    lost = Counter(
        (d["batch"], d["recording"]) for d in truth["damages"] for _ in range(d["messages_lost"])
    )
    messages = dlt_messages(fleet, truth)
    for batch in truth["batches"]:
        for recording in batch["recordings"]:
            key = batch["batch"], recording["name"]
            assert (fleet / "/".join(key)).stat().st_size == recording["size"]
            if recording["name"].endswith(".dlt"):
                assert len(messages[key]) == recording["messages"] - lost[key]


def test_every_fault_is_where_the_truth_says_and_no_other_code_is(
    fleet: Path, truth: dict[str, Any]
) -> None:
    found: dict[tuple[str, str, str], list[dlt.Row]] = {}
    for (batch, recording), rows in dlt_messages(fleet, truth).items():
        for row in rows:
            for code in CODE.findall(row["text"] or ""):
                found.setdefault((batch, recording, code), []).append(row)
    for folder in fleet.glob("*/"):
        for row in fault_rows(folder):
            assert row["code"] in row["message"]
            found.setdefault((folder.name, "drive.rec", row["code"]), []).append(row)
    expected = {(f["batch"], f["recording"], f["code"]): f for f in truth["faults"]}
    assert {key: len(rows) for key, rows in found.items()} == {
        key: fault["count"] for key, fault in expected.items()
    }
    for key, fault in expected.items():
        first = found[key][0]
        assert first["offset"] == fault["offset"]
        assert first["ecu"] == fault["ecu"]
        time = first.get("storage_time_ns", first.get("sample_time"))
        at = datetime.fromisoformat(fault["first_time"])
        microseconds = (at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6
        assert time // 1000 == round(microseconds)
        severity = first["severity"]
        assert severity in (fault["severity"], LEVELS[fault["severity"]])


def test_a_healthy_batch_has_no_error_and_no_code(fleet: Path, truth: dict[str, Any]) -> None:
    (healthy,) = [b["batch"] for b in truth["batches"] if b["healthy"]]
    for (batch, _), rows in dlt_messages(fleet, truth).items():
        if batch == healthy:
            assert not [r for r in rows if r["severity"] in ("fatal", "error")]
            assert not [r for r in rows if CODE.search(r["text"] or "")]
    assert fault_rows(fleet / healthy) == []


def test_uptime_starts_again_with_each_boot_and_the_boot_says_its_firmware(
    fleet: Path, truth: dict[str, Any]
) -> None:
    (updated,) = [b["batch"] for b in truth["batches"] if "brakes" in b["batch"]]
    rows = dlt_messages(fleet, truth)[updated, "vehicle_bus.dlt"]
    abs_rows = [r for r in rows if r["ecu"] == "ABS" and r["uptime_s"] is not None]
    boots = {round(r["storage_time_ns"] / 1e9 - r["uptime_s"]) for r in abs_rows}
    assert len(boots) == 2
    versions = [r["software_version"] for r in abs_rows if r["software_version"]]
    assert versions == ["v2.2.9", "v2.3.1"]
    faults = [r for r in abs_rows if CODE.search(r["text"] or "")]
    after = next(r for r in abs_rows if r["software_version"] == "v2.3.1")
    assert all(r["offset"] > after["offset"] for r in faults)
    times = [r["storage_time_ns"] for r in faults]
    middle = (after["storage_time_ns"] + times[-1]) // 2
    assert len([t for t in times if t > middle]) > 1.5 * len([t for t in times if t <= middle])


def test_the_update_goes_through_its_states(fleet: Path, truth: dict[str, Any]) -> None:
    states: dict[str, list[str]] = {}
    for (batch, _), rows in dlt_messages(fleet, truth).items():
        for row in rows:
            if row["context"] == "INST" and (row["text"] or "").startswith("["):
                state = row["text"][1 : row["text"].index("]")]
                if states.setdefault(batch, [""])[-1] != state:
                    states[batch].append(state)
    straight = ["DOWNLOADING", "VERIFYING", "INSTALLING", "ACTIVATING"]
    assert sorted(s[1:] for s in states.values()) == [
        [*straight, "IDLE"],
        [*straight, "ROLLBACK", *straight, "IDLE"],
    ]


def test_the_recordings_hold_every_kind_of_message(fleet: Path, truth: dict[str, Any]) -> None:
    kinds: Counter[tuple[str | None, str | None]] = Counter()
    texts = []
    for rows in dlt_messages(fleet, truth).values():
        kinds.update((row["type"], row["subtype"]) for row in rows)
        texts += [row["text"] for row in rows if row["text"]]
    assert {("log", s) for s in ("fatal", "error", "warn", "info", "debug", "verbose")} <= set(
        kinds
    )
    assert {("control", "request"), ("control", "response"), ("network_trace", "can")} <= set(kinds)
    assert (None, None) in kinds  # non-verbose without an extended header
    for part in ("导航", "ü", '"', "\n", ","):
        assert any(part in text for text in texts), part


def test_the_supply_dips_where_the_truth_says(fleet: Path, truth: dict[str, Any]) -> None:
    assert truth["anomalies"]
    specification = rec.specification((next(fleet.glob("*/")) / "vehicle.odvd").read_text())
    told = {a["batch"]: a for a in truth["anomalies"]}
    for folder in fleet.glob("*/"):
        tables = rec.decode((folder / "drive.rec").read_bytes(), specification)
        low = [row["voltage"] for row in tables["vehicle.PowerState-0"] if row["voltage"] < 12]
        assert len(low) == told.get(folder.name, {"count": 0})["count"]
        if low:
            assert min(low) == told[folder.name]["lowest"]


def test_lost_messages_leave_a_gap_in_the_counter(fleet: Path, truth: dict[str, Any]) -> None:
    (loss,) = truth["losses"]
    rows = dlt_messages(fleet, truth)[loss["batch"], loss["recording"]]
    gaps = []
    newest: dict[tuple[str, str, str], int] = {}
    for row in rows:
        if row["type"] == "control":
            continue
        context = (row["ecu"], row["app"], row["context"])
        missed = (row["counter"] - newest.get(context, -1) - 1) % 256
        if missed and row["counter"] != 0:
            gaps.append(missed)
        newest[context] = row["counter"]
    assert gaps == [loss["messages"]]


def test_a_size_is_met_within_a_tenth(tmp_path: Path) -> None:
    write_fleet(tmp_path / "fleet", batches=2, megabytes=1.0)
    for folder in (tmp_path / "fleet").glob("*/"):
        assert sum(p.stat().st_size for p in folder.iterdir()) == pytest.approx(1e6, rel=0.1)


def test_a_larger_fleet_has_further_vehicles_unless_they_are_limited(tmp_path: Path) -> None:
    for limit, expected in ((None, 10), (1, 3)):
        truth = write_fleet(tmp_path / "fleet", batches=12, megabytes=0.1, vehicles=limit)
        assert len({batch.vehicle for batch in truth.batches}) == expected


def test_an_earlier_fleet_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "fleet"
    write_fleet(out, batches=2, megabytes=0.1)
    (out / "notes.txt").write_text("mine")
    write_fleet(out, batches=1, megabytes=0.1)
    assert sorted(p.name for p in out.iterdir()) == [
        "01-J7-v2.2.9-before-the-update",
        "notes.txt",
        "truth.json",
    ]


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(BadInput, match="not empty"):
        write_fleet(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batches": 0}, "number of batches"),
        ({"megabytes": 0.01}, "size of a batch"),
        ({"vehicles": 0}, "number of vehicles"),
        ({"start": datetime(2026, 1, 1)}, "no time zone"),
    ],
)
def test_numbers_out_of_range_are_refused(
    tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        write_fleet(tmp_path / "fleet", **arguments)
