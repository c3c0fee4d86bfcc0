from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.knowledge.versions import (
    in_range,
    is_prefix,
    overlaps,
    version_key,
    version_span,
)

numbers = st.lists(st.integers(0, 10**12), min_size=1, max_size=5)


def dotted(parts: list[int]) -> str:
    return ".".join(map(str, parts))


def key(text: str) -> tuple[int, ...]:
    found = version_key(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("v2.9", "v2.10"),
        ("2.3.1", "2.3.1.1"),
        ("2.3", "2.3.0.1"),
        ("v2.3.1-rc1", "v2.3.1"),
        ("v2.3.1-rc2", "v2.3.1-rc10"),
        ("v2.3.0", "v2.3.1-rc1"),
        ("2.3.1-alpha", "2.3.1-beta.2"),
        ("2.3.1b2", "2.3.1rc1"),
        ("2.3.1", "2.3.1-hotfix1"),
        ("2.3.1-hotfix1", "2.3.1-hotfix2"),
        ("2.3.1-hotfix2", "2.3.2-rc1"),
        ("0", "0.1"),
    ],
)
def test_versions_are_ordered_as_versions(older: str, newer: str) -> None:
    assert key(older) < key(newer)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("v2.3.1", "2.3.1"),
        ("V2.3.1", "v2.3.1"),
        ("2.3", "2.3.0"),
        ("SW-2.3.1", "2.3.1"),
        ("2.3.1-J7", "2.3.1"),
        ("2.3.1+build7", "2.3.1"),
        ("2.3.1-RC1", "2.3.1rc1"),
        ("02.03", "2.3"),
    ],
)
def test_spellings_of_one_version_are_equal(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize("text", ["", "blue", "J7-2.3", "v", "-1", "1" * 30, "ⅷ"])
def test_a_text_that_is_no_version_has_no_key(text: str) -> None:
    assert version_key(text) is None


@given(numbers, numbers)
def test_the_numbers_decide_the_order(one: list[int], other: list[int]) -> None:
    width = max(len(one), len(other))
    padded_one = one + [0] * (width - len(one))
    padded_other = other + [0] * (width - len(other))
    assert (key(dotted(one)) < key(dotted(other))) == (padded_one < padded_other)
    assert (key(dotted(one)) == key(dotted(other))) == (padded_one == padded_other)


@given(numbers, st.sampled_from(["dev", "alpha", "beta", "rc", "pre"]), st.integers(0, 99))
def test_a_pre_release_comes_just_before_its_release(
    parts: list[int], word: str, number: int
) -> None:
    release = key(dotted(parts))
    assert key(f"{dotted(parts)}-{word}{number}") < release
    if parts[-1] > 0:
        assert key(dotted([*parts[:-1], parts[-1] - 1])) < key(f"{dotted(parts)}-{word}{number}")


@given(st.text())
def test_any_text_has_a_key_that_postgres_can_hold_or_none(text: str) -> None:
    found = version_key(text)
    assert found is None or all(-(2**63) <= number < 2**63 for number in found)


@given(numbers, numbers, numbers)
def test_both_bounds_of_a_range_belong_to_it(low: list[int], high: list[int], x: list[int]) -> None:
    minimum, maximum = sorted((key(dotted(low)), key(dotted(high))))
    assert in_range(minimum, minimum, maximum)
    assert in_range(maximum, minimum, maximum)
    assert in_range(key(dotted(x)), None, None)
    assert in_range(key(dotted(x)), minimum, maximum) == (minimum <= key(dotted(x)) <= maximum)


def test_an_unknown_version_lies_within_no_bounds() -> None:
    assert in_range(None, None, None)
    assert not in_range(None, (1, -2), None)
    assert not in_range(None, None, (1, -2))


@pytest.mark.parametrize(
    ("prefix", "inside", "outside"),
    [
        ("v2.%", ["2", "v2.0.1", "v2.3.1", "2.99-rc1", "v2.0-rc1"], ["v1.9", "v3", "v3.0-rc1"]),
        ("2.3.%", ["v2.3", "2.3.0-dev", "2.3.99-hotfix1"], ["2.2.9", "2.4-dev", "v2.30"]),
        ("v2.0.%", ["v2", "v2-rc1", "2.0.7"], ["v2.1-rc1", "v1.9", "v2.1"]),
        ("0.%", ["0", "0.0.1", "v0.9-rc1"], ["1.0-dev", "v1"]),
    ],
)
def test_a_prefix_holds_the_versions_that_begin_so(
    prefix: str, inside: list[str], outside: list[str]
) -> None:
    span = version_span(prefix)
    assert span is not None
    assert is_prefix(prefix)
    assert [text for text in inside if not overlaps(version_span(text), *span)] == []
    assert [text for text in outside if overlaps(version_span(text), *span)] == []


@pytest.mark.parametrize("text", ["%", ".%", "v.%", "2%", "v2.%.1", "v2.3-rc1.%", "blue.%", ""])
def test_what_is_no_prefix_is_no_span(text: str) -> None:
    assert not is_prefix(text)
    assert version_span(text) is None


@given(numbers, numbers)
def test_a_prefix_holds_a_version_if_and_only_if_it_begins_so(
    prefix: list[int], version: list[int]
) -> None:
    span = version_span(dotted(prefix) + ".%")
    assert span is not None
    padded = version + [0] * (len(prefix) - len(version))
    expected = padded[: len(prefix)] == prefix
    assert overlaps(version_span(dotted(version)), *span) is expected
