"""What a batch is: options of the command line over those that a folder brings along."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from argus_pipeline.errors import BadInput
from argus_pipeline.upload.options import BatchOptions, parse_tags, read_batch_file

GIVEN = BatchOptions(vehicle="LFV1", platform="J7", firmware="v2")


def test_what_is_said_goes_over_what_the_folder_says() -> None:
    folder = BatchOptions(vehicle="other", campaign="c", tags={"a": "1", "b": "1"})
    said = BatchOptions(vehicle="LFV1", tags={"b": "2"})
    assert said.over(folder) == BatchOptions(
        vehicle="LFV1", campaign="c", tags={"a": "1", "b": "2"}
    )


def test_the_priority_is_p1_unless_said() -> None:
    assert GIVEN.checked().priority == "P1"
    assert BatchOptions("v", "p", "f", priority="P0").checked().priority == "P0"


@pytest.mark.parametrize("missing", ["vehicle", "platform", "firmware"])
def test_a_missing_option_is_named(missing: str) -> None:
    values = {"vehicle": "v", "platform": "p", "firmware": "f"} | {missing: None}
    with pytest.raises(BadInput, match=f"--{missing} is missing"):
        BatchOptions(**values).checked()


@pytest.mark.parametrize("field", ["vehicle", "platform", "firmware", "firmware_from", "campaign"])
def test_an_option_that_is_not_a_safe_name_is_refused(field: str) -> None:
    values = {"vehicle": "v", "platform": "p", "firmware": "f"} | {field: "a/b"}
    with pytest.raises(BadInput, match=f"--{field.replace('_', '-')} 'a/b' is not a safe name"):
        BatchOptions(**values).checked()


def test_an_unknown_priority_is_refused() -> None:
    with pytest.raises(BadInput, match="--priority is 'high'"):
        BatchOptions("v", "p", "f", priority="high").checked()


def test_a_tag_is_everything_before_and_after_the_first_equals_sign() -> None:
    assert parse_tags(["bench=7", "note=a=b", "empty="]) == {
        "bench": "7",
        "note": "a=b",
        "empty": "",
    }


@pytest.mark.parametrize("text", ["bench", "=7", ""])
def test_a_tag_without_a_key_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="key=value"):
        parse_tags([text])


def test_the_same_tag_twice_is_refused() -> None:
    with pytest.raises(BadInput, match="twice"):
        parse_tags(["a=1", "a=2"])


def test_a_folder_without_a_batch_file_says_nothing(tmp_path: Path) -> None:
    assert read_batch_file(tmp_path) == BatchOptions()


def test_a_batch_file_says_the_options(tmp_path: Path) -> None:
    content = {"vehicle": "v", "platform": "p", "firmware": "f", "tags": {"a": "1"}}
    (tmp_path / "batch.json").write_text(json.dumps(content))
    assert read_batch_file(tmp_path) == BatchOptions("v", "p", "f", tags={"a": "1"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"vehicle": 7}', "field 'vehicle' is 7"),
        ('{"tags": {"a": 1}}', "field 'tags'"),
        ('{"vin": "x"}', "has the field 'vin'"),
        ("\xff", "is not JSON"),
    ],
)
def test_a_bad_batch_file_is_refused_by_name(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "batch.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(BadInput, match=rf"batch\.json: {message}"):
        read_batch_file(tmp_path)
