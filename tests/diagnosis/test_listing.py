from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from diagnosis.made import START, Message, manifest, result, statistics
from jsonschema import Draft202012Validator

from argus_pipeline.diagnosis.composer import compose
from argus_pipeline.diagnosis.listing import (
    MAX_ECUS,
    MAX_SOFTWARE,
    MAX_STRETCHES,
    MAX_STRETCHES_OF_ONE,
    make_material,
)
from argus_pipeline.diagnosis.material import Material, Software
from argus_pipeline.diagnosis.model import SCHEMA_FILE, Diagnosis
from argus_pipeline.diagnosis.pipeline import make_case
from argus_pipeline.recordings.result import Fault, RecordingResult

HELLO = [Message(0, "info", "hello")]


def material(
    folder: Path,
    boots: list[dict[str, Any]],
    results: list[RecordingResult] | None = None,
    **tables: Any,
) -> Material:
    named = {"ecu1.dlt": boots} if boots else None
    counted = statistics(folder, HELLO, results, boots=named, **tables)
    return make_material(results or [result(rows=1)], counted)


def boot(minute: float, ecu: str = "ABS", version: str | None = None) -> dict[str, Any]:
    return {"ecu": ecu, "start": START + timedelta(minutes=minute), "software_version": version}


def test_boots_in_a_row_that_ran_the_same_are_one_entry(tmp_path: Path) -> None:
    rows = [boot(0, version="v1"), boot(5, version="v1"), boot(9), boot(12, version="v2")]
    (ecu,) = material(tmp_path, rows).ecus

    assert ecu.software == (
        Software("v1", 2, START),
        Software(None, 1, START + timedelta(minutes=9)),
        Software("v2", 1, START + timedelta(minutes=12)),
    )
    assert (ecu.boots, ecu.software_omitted, ecu.messages) == (4, 0, 40)


def test_of_many_versions_the_newest_are_listed(tmp_path: Path) -> None:
    rows = [boot(n, version=f"v{n}") for n in range(9)]
    (ecu,) = material(tmp_path, rows).ecus

    assert [run.version for run in ecu.software] == ["v4", "v5", "v6", "v7", "v8"]
    assert ecu.software_omitted == 9 - MAX_SOFTWARE


def test_of_many_ecus_those_that_started_most_are_listed_by_name(tmp_path: Path) -> None:
    rows = [boot(0, f"E{n:03}") for n in range(MAX_ECUS + 10)]
    rows += [boot(9, "E059"), boot(9, "E055")]
    found = material(tmp_path, rows)

    assert [ecu.ecu for ecu in found.ecus][-2:] == ["E055", "E059"]
    assert found.ecus_omitted == 10


def test_the_first_stretches_of_each_recording_are_listed_the_worst_recording_first(
    tmp_path: Path,
) -> None:
    few = result("few.dlt", rows=1, faults=[Fault(10, 5, "noise")])
    many = result(
        "many.dlt", rows=1, faults=[Fault(100 * n, 20, "damaged") for n in range(9)], fault_count=40
    )
    found = material(tmp_path, [], [few, many])

    assert [(s.recording, s.offset) for s in found.stretches] == [
        *[("many.dlt", 100 * n) for n in range(MAX_STRETCHES_OF_ONE)],
        ("few.dlt", 10),
    ]
    assert found.stretches_omitted == 41 - MAX_STRETCHES_OF_ONE - 1
    assert found.quarantined_bytes == 185


def test_the_list_of_stretches_is_bounded(tmp_path: Path) -> None:
    results = [result(f"{n}.dlt", rows=1, faults=[Fault(0, 5, "noise")]) for n in range(80)]
    found = material(tmp_path, [], results)

    assert (len(found.stretches), found.stretches_omitted) == (MAX_STRETCHES, 30)


def test_what_never_came_is_counted(tmp_path: Path) -> None:
    torn = replace(result(rows=1), unread_bytes=77)
    found = material(tmp_path, [boot(0)], [torn], senders=[{"ecu": "ABS", "lost": 12}])

    assert (found.unread_bytes, found.lost_messages) == (77, 12)
    assert found.ecus[0].lost_messages == 12


def test_the_lists_come_back_from_json_as_the_schema_documents_them(tmp_path: Path) -> None:
    results = [result(rows=1, faults=[Fault(512, 40, "bad length")])]
    rows = [boot(0, version="v1"), boot(5), {**boot(9, "GW"), "start": None}]
    counted = statistics(tmp_path, HELLO, results, boots={"ecu1.dlt": rows})
    found = compose(make_case(manifest(), results, counted), [])
    content = json.loads(found.to_json())
    validator = Draft202012Validator(json.loads(SCHEMA_FILE.read_text()))

    assert [error.message for error in validator.iter_errors(content)] == []
    assert content["material"]["ecus"][0]["software"][0]["since"] == "2026-11-23T10:00:00Z"
    assert Diagnosis.from_json(found.to_json()) == found


def test_a_diagnosis_of_before_there_were_lists_can_still_be_read(tmp_path: Path) -> None:
    results = [result(rows=1)]
    found = compose(make_case(manifest(), results, statistics(tmp_path, HELLO)), [])
    content = json.loads(found.to_json())
    del content["material"]

    assert Diagnosis.from_json(json.dumps(content)).material == Material()
