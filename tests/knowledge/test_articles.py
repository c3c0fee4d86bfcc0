from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.errors import BadInput
from argus_pipeline.knowledge.articles import Article, parse_article

GOOD: dict[str, Any] = {
    "id": "c0035-wheel",
    "code": "c0035",
    "platform": "J7",
    "firmware": {"min": "v2.3.0", "max": "v2.10"},
    "ecu": "ABS",
    "title": "Left front wheel speed",
    "symptoms": ["ABS lamp on"],
    "causes": ["cable chafed"],
    "checks": ["measure the resistance"],
    "remedies": ["replace the cable"],
    "source": "tests",
    "language": "en",
    "titles": {"zh": "左前轮速", "de": "Raddrehzahl"},
    "confirmed": True,
}


def test_an_entry_becomes_an_article() -> None:
    article = parse_article(GOOD, where="x")
    assert article == Article(
        article_id="c0035-wheel",
        code="C0035",
        platform="J7",
        firmware_min="v2.3.0",
        firmware_max="v2.10",
        ecu="ABS",
        title="Left front wheel speed",
        symptoms=("ABS lamp on",),
        causes=("cable chafed",),
        checks=("measure the resistance",),
        remedies=("replace the cable",),
        source="tests",
        language="en",
        titles=(("de", "Raddrehzahl"), ("zh", "左前轮速")),
        confirmed=True,
    )
    assert (article.title_in("zh"), article.title_in("fr")) == ("左前轮速", article.title)


def test_an_article_is_read_back_from_its_entry() -> None:
    article = parse_article(GOOD, where="x")
    assert parse_article(article.to_entry(), where="x") == article
    bare = parse_article(
        {k: v for k, v in GOOD.items() if k not in {"platform", "firmware", "ecu", "symptoms"}},
        where="x",
    )
    assert parse_article(bare.to_entry(), where="x") == bare


@pytest.mark.parametrize("field", ["id", "code", "title", "causes", "source", "language"])
def test_an_entry_that_lacks_a_field_is_refused_with_its_name(field: str) -> None:
    entry = {k: v for k, v in GOOD.items() if k != field}
    with pytest.raises(BadInput, match=f"^f.yaml: entry 3.*lacks the field '{field}'"):
        parse_article(entry, where="f.yaml: entry 3")


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("id", "C0035 Wheel", "'id'"),
        ("code", "", "'code'"),
        ("code", 35, "in quotes"),
        ("platform", "J7, J8", "'platform'"),
        ("platform", 7, "'platform'"),
        ("firmware", "v2.3", "'firmware'"),
        ("firmware", {"from": "v2"}, "'firmware'"),
        ("firmware", "%", "'firmware'"),
        ("firmware", {"min": "2%"}, "'firmware.min'"),
        ("firmware", {"min": "v3.%", "max": "v2.%"}, "newer than max"),
        ("titles", {"en": "of its own language"}, "'titles'"),
        ("titles", {"Chinese": "x"}, "'titles'"),
        ("titles", {"zh": 5}, "'titles.zh'"),
        ("titles", "左前轮速", "'titles'"),
        ("confirmed", "yes", "'confirmed'"),
        ("firmware", {"min": 2.10}, "'firmware.min'"),
        ("firmware", {"max": "newest"}, "'firmware.max'"),
        ("firmware", {"min": "v2.10", "max": "v2.9"}, "newer than max"),
        ("ecu", 5, "'ecu'"),
        ("title", " ", "'title'"),
        ("title", "x" * 401, "'title'"),
        ("title", "a\0b", "NUL"),
        ("causes", [], "'causes'"),
        ("causes", "cable", "'causes'"),
        ("checks", ["ok", 3], r"'checks\[1\]'"),
        ("language", "English", "'language'"),
        ("platfrom", "J7", "'platfrom' is not known"),
    ],
)
def test_a_bad_field_is_named_with_what_was_expected(field: str, value: object, named: str) -> None:
    with pytest.raises(BadInput, match=named) as error:
        parse_article({**GOOD, field: value}, where="f.yaml: entry 3")
    assert error.value.expected


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(list(GOOD)), inner),
)


@given(anything)
def test_whatever_an_entry_holds_it_is_an_article_or_bad_input(entry: object) -> None:
    with contextlib.suppress(BadInput):
        parse_article(entry, where="x")


def test_the_content_hash_tells_every_change() -> None:
    article = parse_article(GOOD, where="x")
    assert article.content_hash == parse_article(GOOD, where="y").content_hash
    changes: list[dict[str, Any]] = [
        {"title": "x"}, {"platform": None}, {"remedies": ()}, {"firmware_max": None},
        {"symptoms": (), "causes": ("ABS lamp on", "cable chafed")},
    ]  # fmt: skip
    hashes = {replace(article, **change).content_hash for change in changes}
    assert len(hashes | {article.content_hash}) == len(changes) + 1


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (None, None, None),
        ("v1", None, "v1 and later"),
        (None, "v2", "up to v2"),
        ("v1", "v2", "v1 to v2"),
        ("v1", "v1", "v1"),
    ],
)
def test_the_firmware_range_is_said_in_words(
    low: str | None, high: str | None, words: str | None
) -> None:
    article = replace(parse_article(GOOD, where="x"), firmware_min=low, firmware_max=high)
    assert article.firmware_range == words


def test_a_firmware_prefix_is_both_bounds() -> None:
    article = parse_article({**GOOD, "firmware": "v2.%"}, where="x")
    assert (article.firmware_min, article.firmware_max) == ("v2.%", "v2.%")
    assert article.firmware_range == "v2.%"
    assert parse_article(article.to_entry(), where="x") == article
