"""Which names from outside may become part of a key."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.batches.names import is_safe_name, safe_name
from argus_pipeline.errors import BadInput


@pytest.mark.parametrize(
    "name", ["a", "ecu1.dlt", "20261123T101500Z-LFV-7f3a", "...", "-", "a" * 128]
)
def test_letters_digits_dots_underscores_and_hyphens_are_safe(name: str) -> None:
    assert is_safe_name(name)
    assert safe_name(name, "the batch") == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a/b",
        "../a",
        "a,b",
        "a b",
        "a\n",
        "\n",
        "ä",
        "电",
        "a\0",
        "a" * 129,
        "٣",
        "a\\b",
    ],
)
def test_every_other_name_is_unsafe(name: str) -> None:
    assert not is_safe_name(name)
    with pytest.raises(BadInput, match=r"the batch .* is not a safe name"):
        safe_name(name, "the batch")


@pytest.mark.parametrize("name", [None, 7, b"a", ["a"], True])
def test_what_is_no_text_is_unsafe(name: object) -> None:
    assert not is_safe_name(name)


@given(st.text())
def test_a_safe_name_stays_one_level_of_a_key_and_one_of_dagsters_partitions(name: str) -> None:
    expected = re.fullmatch(r"[A-Za-z0-9._-]{1,128}", name) is not None and name not in (".", "..")
    assert is_safe_name(name) == expected
    if expected:
        assert not set(name) & set("/\\, \n\0")


def test_the_error_says_where_and_what_would_be_right() -> None:
    with pytest.raises(BadInput, match=r"^here: --vehicle 'a/b' .*expected 1 to 128"):
        safe_name("a/b", "--vehicle", where="here")
