from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from charts.made import MadeBatch, fields

from argus_pipeline.errors import BadInput
from argus_pipeline.statistics.batch import compute_statistics
from argus_pipeline.statistics.code_patterns import VARIABLE, code_patterns
from argus_pipeline.statistics.codes import CODE_PATTERNS, code_positions


def write(folder: Path, text: str) -> str:
    path = folder / "codes.yaml"
    path.write_text(text, "utf-8")
    return str(path)


def test_without_a_file_the_built_in_patterns_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert code_patterns() == CODE_PATTERNS


def test_a_makers_patterns_are_found_masked_and_take_the_place_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(
        tmp_path,
        """
keep: [OBD-II]
patterns:
  - name: gearbox
    regex: "G[0-9]{2}-[0-9]{3}"
  - name: plain
    regex: "[0-9]{5}"
    after: "Fehler|fault"
""",
    )
    monkeypatch.setenv(VARIABLE, path)
    batch = MadeBatch(tmp_path).dlt(
        "a.dlt",
        [
            {"severity": "error", "text": "gear 3: G12-345 set"},
            {"severity": "error", "text": "Fehler 12345, P0A80, E001 and 54321"},
        ],
    )
    statistics = compute_statistics(batch.sources, batch.results, patterns=code_patterns())
    assert sorted(statistics.codes.select("code", "position").rows()) == [
        ("12345", 7),
        ("G12-345", 8),
        ("P0A80", 14),
    ]
    assert "gear <n>: <code> set" in statistics.critical_templates["template"].to_list()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("patterns: 3", "'patterns' is 3"),
        ("keep: [none]", "'keep' is"),
        ("keep: []", "leaves no pattern"),
        ("- a", "no mapping"),
        ("patterns: [{name: a}]", r"patterns\[0\] is"),
        ("patterns: [{name: a, regex: 5}]", "texts that are not empty"),
        ("patterns: [{name: a, regex: '[0-9'}]", r"patterns\[0\]\.regex is '\[0-9'"),
        ("patterns: [{name: a, regex: '(A)[0-9]'}]", "groups of the kind"),
        ("patterns: [{name: a, regex: '[0-9]*'}]", "fits the empty text"),
        ("patterns: [{name: a, regex: 'A', after: '('}]", r"patterns\[0\]\.after"),
        ("patterns: {", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_place(
    tmp_path: Path, text: str, says: str
) -> None:
    with pytest.raises(BadInput, match=says) as refused:
        code_patterns(write(tmp_path, text))
    assert "codes.yaml" in str(refused.value)


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        code_patterns("/nowhere/codes.yaml")


@pytest.mark.parametrize(
    ("text", "code", "position"),
    [
        ("E001", "E001", 0),
        ("xE001 or E001", "E001", 9),
        ("Türsteuergerät: B1342", "B1342", 16),
        ("故障码P0A80", "P0A80", 3),
        ("DTC 0xabcdef", "0xABCDEF", 4),
        ("status 0x1234, dtc=0x1234", "0x1234", 19),
        ("nothing", "E001", None),
        (None, "E001", None),
        ("E001", None, None),
    ],
)
def test_a_position_counts_characters_to_where_the_code_stands(
    text: str | None, code: str | None, position: int | None
) -> None:
    frame = pl.DataFrame(
        [(text, code)], schema={"text": pl.String, "code": pl.String}, orient="row"
    )
    assert code_positions(frame).to_list() == [position]


def test_a_code_of_a_field_has_no_position_in_the_text(tmp_path: Path) -> None:
    fault = fields(
        [{"code": "E001", "severity": 2, "message": "went wrong"}],
        code=pl.String,
        severity=pl.UInt8,
        message=pl.String,
    )
    statistics = MadeBatch(tmp_path).rec("a.rec", Fault=fault).statistics()
    assert statistics.codes["position"].to_list() == [None]
    assert statistics.critical_events["position"].to_list() == [None]
