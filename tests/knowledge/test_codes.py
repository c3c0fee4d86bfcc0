from __future__ import annotations

import pytest

from argus_pipeline.knowledge.codes import (
    code_family,
    codes_in_question,
    covering_codes,
    is_code,
    normal_code,
)


@pytest.mark.parametrize(
    ("text", "code"),
    [("c0035", "C0035"), (" P0A80 ", "P0A80"), ("0X12ab", "0x12AB"), ("e104", "E104")],
)
def test_a_code_has_one_spelling(text: str, code: str) -> None:
    assert normal_code(text) == code


@pytest.mark.parametrize("text", ["", "a b", "-x", "x" * 33, "é"])
def test_a_text_that_cannot_be_a_code_is_none(text: str) -> None:
    assert not is_code(text)


@pytest.mark.parametrize(
    ("question", "codes"),
    [
        ("C0035", ("C0035",)),
        ("what is p0a80, and c0035? p0a80!", ("P0A80", "C0035")),
        ("fault 0x1234 after update", ("0x1234",)),
        ("SPN-123", ("SPN-123",)),
        ("das Display bleibt schwarz", ()),
        ("schwarz", ()),
        ("v2.3.1 to xE104 and a-E104", ()),
    ],
)
def test_codes_are_found_in_what_a_person_asks(question: str, codes: tuple[str, ...]) -> None:
    assert codes_in_question(question) == codes


@pytest.mark.parametrize(
    ("code", "family"),
    [("C0035", "C003"), ("c0037-1f", "C003"), ("P0A80", "P0A8"), ("0xC0351F", "0xC035"),
     ("E214", None), ("0x1234", None), ("U0100-123", None), ("X0035", None)],
)  # fmt: skip
def test_a_family_is_what_a_standard_numbers_together(code: str, family: str | None) -> None:
    assert code_family(code) == family


def test_a_code_without_its_failure_type_covers_it() -> None:
    assert covering_codes("c0035-1F") == ("C0035-1F", "C0035")
    assert covering_codes("C0035") == ("C0035",)
    assert covering_codes("E214") == ("E214",)
