from __future__ import annotations

import re
import time

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.statistics.codes import CODE_PATTERNS, CodePattern, codes_in


def found(text: str | None) -> list[str] | None:
    value = pl.DataFrame({"text": [text]}, schema={"text": pl.String}).select(
        codes_in(pl.col("text"))
    )
    return value.item() if value.item() is None else value.item().to_list()


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("DTC U0258 status=0xCF ecu=70 occurrence=16", ["U0258"]),
        ("P0A80", ["P0A80"]),
        ("codes: P0A80,P0A7F/U0100", ["P0A80", "P0A7F", "U0100"]),
        ("[E001] flash failed", ["E001"]),
        ("error=E1234;", ["E1234"]),
        ("P0A80-1F failure type byte", ["P0A80"]),
        ("DTC 0x1234 set", ["0x1234"]),
        ("dtc: 0xabcdef", ["0xABCDEF"]),
        ("fault code=0x12ab and error_code [0x00C035]", ["0x12AB", "0x00C035"]),
        ("故障码P0A80电池老化，U0100；", ["P0A80", "U0100"]),
        ("电池故障码：0x1234", ["0x1234"]),
        ("Fehlercode: 0xC035 im Türsteuergerät", ["0xC035"]),
        ("P0A80 P0A80 U0100", ["P0A80", "U0100"]),
    ],
)
def test_codes_are_found_in_their_order_each_once(text: str, codes: list[str]) -> None:
    assert found(text) == codes


@pytest.mark.parametrize(
    "text",
    [
        "",
        "supply voltage 12 V",
        "status=0xCF",  # hexadecimal numbers without a word before them are anything
        "address 0x1234",
        "p0a80",
        "P4A80 is not assigned",
        "P0A8",
        "P0A800",
        "v1.B0000",
        "6f1d-E123-4f5a",
        "xC0035",
        "DTC 0x123",
        "DTC 0x12345",
        "E12 E12345",
    ],
)
def test_what_only_looks_like_a_code_is_none(text: str) -> None:
    assert found(text) == []


def test_a_missing_text_has_no_list_of_codes() -> None:
    assert found(None) is None


def test_a_maker_can_bring_patterns_of_its_own() -> None:
    own = CodePattern("own", "X-[0-9]{2}", "the maker's handbook")
    frame = pl.DataFrame({"text": ["fault X-12 and P0A80"]})
    codes = frame.select(codes_in(pl.col("text"), (*CODE_PATTERNS, own))).item().to_list()
    assert codes == ["X-12", "P0A80"]


@given(st.text())
def test_whatever_the_text_every_code_stands_in_it(text: str) -> None:
    shape = re.compile(r"[PBCU][0-3][0-9A-F]{3}|E[0-9]{3,4}|0x(?:[0-9A-F]{4}|[0-9A-F]{6})")
    for code in found(text) or []:
        assert shape.fullmatch(code)
        assert code.lower() in text.lower()


@pytest.mark.parametrize(
    "piece", ["DTC ", "DTC:0x", "P0A8", "E001 ", "fault_code=", "0x1234", "((((", "\n\t"]
)
def test_hostile_texts_take_time_in_proportion_to_their_length(piece: str) -> None:
    def seconds(repeats: int) -> float:
        frame = pl.DataFrame({"text": [piece * repeats]})
        started = time.perf_counter()
        frame.select(codes_in(pl.col("text")))
        return time.perf_counter() - started

    seconds(10)
    # A quadratic expression would take a minute or more for the longer one.
    assert seconds(400_000) < 5
