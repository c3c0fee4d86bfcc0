from __future__ import annotations

import pytest

from argus_pipeline.knowledge.codes import codes_in_question, is_code, normal_code


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
