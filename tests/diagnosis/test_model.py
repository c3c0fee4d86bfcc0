from __future__ import annotations

import json
from pathlib import Path

import pytest
from diagnosis.made import (
    GATEWAY,
    WHEEL_SPEED,
    Message,
    faulty_messages,
    manifest,
    match,
    result,
    statistics,
)
from jsonschema import Draft202012Validator

from argus_pipeline.diagnosis.composer import compose
from argus_pipeline.diagnosis.model import SCHEMA_FILE, Diagnosis
from argus_pipeline.diagnosis.pipeline import make_case
from argus_pipeline.knowledge.retrieval import Step
from argus_pipeline.recordings.result import Fault


@pytest.fixture
def diagnosis(tmp_path: Path) -> Diagnosis:
    messages = faulty_messages()
    results = [result(rows=len(messages), faults=[Fault(512, 40, "bad length")])]
    case = make_case(manifest(), results, statistics(tmp_path, messages, results))
    return compose(
        case, [match(WHEEL_SPEED, Step.CODE_PLATFORM_FIRMWARE), match(GATEWAY, Step.CODE)]
    )


def test_a_diagnosis_comes_back_from_its_json_as_it_was(diagnosis: Diagnosis) -> None:
    again = Diagnosis.from_json(diagnosis.to_json())

    assert again == diagnosis
    assert again.to_json() == diagnosis.to_json()


def test_the_json_is_as_the_schema_documents_it(diagnosis: Diagnosis) -> None:
    schema = json.loads(SCHEMA_FILE.read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)

    content = json.loads(diagnosis.to_json())
    assert [error.message for error in validator.iter_errors(content)] == []
    assert set(content) == set(schema["properties"])
    del content["verdict"]
    assert list(validator.iter_errors(content))


def test_the_schema_holds_for_a_batch_without_faults(tmp_path: Path) -> None:
    counted = statistics(tmp_path, [Message(0, "info", "all well")])
    found = compose(make_case(manifest(firmware_from=None), [result(rows=1)], counted), [])
    validator = Draft202012Validator(json.loads(SCHEMA_FILE.read_text()))

    assert [e.message for e in validator.iter_errors(json.loads(found.to_json()))] == []


def test_the_same_batch_gives_the_same_bytes(tmp_path: Path) -> None:
    def once(name: str) -> bytes:
        messages = faulty_messages()
        counted = statistics(tmp_path / name, messages)
        case = make_case(manifest(), [result(rows=len(messages))], counted)
        return compose(case, [match(WHEEL_SPEED, Step.CODE_PLATFORM_FIRMWARE)]).to_json()

    assert once("a") == once("b")


@pytest.mark.parametrize(
    "data", [b"{}", b"[]", b'{"schema": 2}', b'{"schema": 1}', b'{"schema": 1, "batch": 3}', b"x"]
)
def test_what_is_no_diagnosis_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any ValueError is the contract
        Diagnosis.from_json(data)
