from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.statistics.codes import CODE_PATTERNS
from argus_pipeline.statistics.templates import MAX_CHARACTERS, Templates, template


def masked(text: str) -> str:
    return pl.DataFrame({"text": [text]}).select(template(pl.col("text"))).item()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[INSTALLING] slot=B package sw-bundle-7.33.61 progress 58% elapsed=22642ms rc=-1",
            "[INSTALLING] slot=B package sw-bundle-<version> progress <n>% elapsed=<n>ms rc=<n>",
        ),
        ("DTC U0258 status=0xCF ecu=70", "DTC <code> status=<hex> ecu=<n>"),
        ("E001: retry 3", "<code>: retry <n>"),
        ("id 123e4567-e89b-12d3-a456-426614174000 gone", "id <id> gone"),
        ("at 2026-11-23T10:15:00.123Z failed", "at <time> failed"),
        ("12:34:56.789 late", "<time> late"),
        ("open /var/log/update/17.log failed", "open <path> failed"),
        ("key 00ffaa12bc mismatch", "key <hex> mismatch"),
        ("ping 10.0.0.12  lost", "ping <version> lost"),
        ("voltage 12.5 V", "voltage <n> V"),
        ("signal lost", "signal lost"),
        ("get https://a1.example.com/v2/x.zip?k=3 failed", "get <url> failed"),
        ("peer dc:a6:32:0f:11:9b", "peer <hex>"),
        ("am 24.11.2026 um 10:15:00 Uhr", "am <time> um <time> Uhr"),
        ("dump 0f'ab'12 of DE AD BE EF", "dump <hex> of <hex>"),
        ("route to \"home 2\" and 'anna', isn't it", "route to \"<text>\" and '<text>', isn't it"),
        ("VIN LFV3A23C0K3000001", "VIN <id>"),
        ("cells 3, 17,4 of 1/96", "cells <n>, <n> of <n>/<n>"),
        ("residual 3.1e-07", "residual <n>"),
        ("late=true", "late=<flag>"),
        ("电池单体12电压过低，故障码P0A80。", "电池单体<n>电压过低，故障码<code>。"),
    ],
)
def test_variable_parts_are_masked(text: str, expected: str) -> None:
    assert masked(text) == expected


def test_texts_that_differ_in_numbers_only_have_one_template() -> None:
    texts = pl.DataFrame({"text": [f"cell {n} at {3 + n / 10} V, 0x{n:04x}" for n in range(50)]})
    assert texts.select(template(pl.col("text")).n_unique()).item() == 1


def test_a_missing_text_has_no_template() -> None:
    frame = pl.DataFrame({"text": [None]}, schema={"text": pl.String})
    assert frame.select(template(pl.col("text"))).item() is None


def test_long_texts_give_short_templates() -> None:
    assert len(masked("word " * 100_000)) == MAX_CHARACTERS


_PARTS = (
    "0",
    "17",
    "-5",
    "/a/b",
    "/a/5",
    "0x1F",
    "E001",
    "P0A80",
    "12:00:01",
    "1.2.3",
    "<n>",
    '"a"',
    "'b'",
    "a1b",
    "1e5",
)
_WORDS = st.sampled_from([*_PARTS, *"<>n…=:(/-+. "])


@given(st.one_of(st.text(), st.lists(_WORDS).map("".join), st.lists(_WORDS).map(" ".join)))
def test_masking_a_template_again_changes_nothing(text: str) -> None:
    assert masked(masked(text)) == masked(text)


_DIGITS = st.text("0123456789xXabEPC.:-/'\" \x01\x02", max_size=12)


@given(st.lists(st.lists(st.one_of(st.none(), _DIGITS, st.lists(_WORDS).map("".join)))))
def test_texts_of_one_shape_have_one_template(portions: list[list[str | None]]) -> None:
    templates = Templates(CODE_PATTERNS, most=5)
    for portion in portions:
        # Each text, and others that differ in digits only.
        texts = [*portion, *(text.translate(_OTHERS) for text in portion if text is not None)]
        frame = pl.DataFrame({"text": texts}, schema={"text": pl.String})
        found = templates.of(frame["text"]).to_list()
        assert found == frame.select(template(pl.col("text")))["text"].to_list()


_OTHERS = str.maketrans("0123456789", "1029384756")
