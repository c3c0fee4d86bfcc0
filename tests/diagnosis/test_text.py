from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.diagnosis.text import amount, clean, duration, word_count
from argus_pipeline.language_model.tokens import token_estimate

HOSTILE = st.text(
    st.one_of(st.characters(), st.sampled_from("\x1b\u202e\u200b\u2066\r\n\t\0|`<>[]()\ud800")),
    max_size=400,
)


@given(HOSTILE, st.integers(1, 200))
def test_cleaned_text_is_one_visible_line_within_its_limit(text: str, limit: int) -> None:
    cleaned = clean(text, limit)

    assert len(cleaned) <= limit
    assert not [c for c in cleaned if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Zl"}]
    cleaned.encode()


@given(HOSTILE, st.integers(1, 200))
def test_cleaning_twice_changes_nothing(text: str, limit: int) -> None:
    cleaned = clean(text, limit)

    assert clean(cleaned, limit) == cleaned


def test_what_has_no_shape_is_written_out() -> None:
    assert clean("a\x1b[31mb\u202ec", 100) == "a\\x1b[31mb\\u202ec"


def test_a_text_of_megabytes_is_cut_with_an_ellipsis() -> None:
    assert clean("x" * 10_000_000, 10) == "xxxxxxxxx…"


def test_two_ideographs_count_as_one_word() -> None:
    assert word_count("制动系统 ABS 故障") == 4
    assert word_count("three short words - and — dashes") == 5


def test_tokens_are_overestimated_for_other_scripts() -> None:
    assert token_estimate("abcd" * 10) == 10
    assert token_estimate("制动系统") == 4


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "less than 1 s"),
        (59, "59 s"),
        (250, "4 min 10 s"),
        (3600, "1 h"),
        (7320, "2 h 2 min"),
        (3605, "1 h"),
        (200_000, "2 d 7 h"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_an_amount_groups_its_digits_and_takes_the_plural() -> None:
    assert amount(1, "message") == "1 message"
    assert amount(12345, "stretch", "stretches") == "12,345 stretches"
