"""The .odvd language, and errors that say where and what."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import argus_native
import pytest
from hypothesis import given
from hypothesis import strategies as st


def test_the_sample_specifications_are_read(data: Path) -> None:
    text = (data / "rec" / "vehicle.odvd").read_text()
    assert argus_native.Specification(text).messages == [
        (3000, "vehicle.Identity"),
        (3001, "vehicle.FaultEvent"),
        (3002, "vehicle.Position"),
        (3003, "vehicle.BrakeState"),
        (3004, "vehicle.PowerState"),
        (3005, "vehicle.UpdateProgress"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "x.odvd:1:1: found 'hello', expected 'package' or 'message'"),
        ("message A [id = 1] {\n uint8 a [id = 1]\n}", "x.odvd:3:1: found '}', expected ';'"),
        (
            "message A [id = 1] {\n  Other a [id = 1];\n}",
            "x.odvd:2:3: found the unknown type 'Other', "
            "expected a scalar type or a message of this file",
        ),
        (
            "message A [id = 1] { uint8 a [default = 300, id = 1]; }",
            "x.odvd:1:41: found '300', expected an integer from 0 to 255",
        ),
        (
            "message A [id = 1] { A a [id = 1]; }",
            "x.odvd:1:9: found a message that contains itself: A -> A, "
            "expected messages that end somewhere",
        ),
    ],
)
def test_an_error_names_file_line_column_what_was_found_and_what_was_expected(
    text: str, message: str
) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        argus_native.Specification(text, source="x.odvd")
    assert str(caught.value) == message


@given(st.text(alphabet="message AB{}[]=;id 0129\"'/*.,\n-", max_size=200))
def test_any_text_is_a_specification_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        argus_native.Specification(text)


def test_merging_keeps_the_first_and_names_what_differs() -> None:
    own = argus_native.Specification("message A [id = 1] { uint8 a [id = 1]; }")
    other = argus_native.Specification(
        "message A [id = 1] { uint8 b [id = 1]; } message B [id = 2] { }"
    )
    assert own.merge(other) == [(1, "A")]
    assert own.messages == [(1, "A"), (2, "B")]
    assert own.merge(other) == [(1, "A")]
