from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from diagnosis.made import GATEWAY, WHEEL_SPEED, match
from diagnosis.recorded import Recorded, recorded

from argus_pipeline.diagnosis.composer import compose
from argus_pipeline.diagnosis.evidence import Kind
from argus_pipeline.diagnosis.model import Diagnosis, Outcome
from argus_pipeline.diagnosis.pipeline import make_case
from argus_pipeline.diagnosis.summary import MAX_TOKENS
from argus_pipeline.diagnosis.validator import check_citations
from argus_pipeline.knowledge.retrieval import Step
from argus_pipeline.report.html import render_html
from argus_pipeline.report.markdown import render_markdown

MATCHES = [match(WHEEL_SPEED, Step.CODE_PLATFORM_FIRMWARE), match(GATEWAY, Step.CODE)]


@pytest.fixture
def j7(data: Path, tmp_path: Path) -> Recorded:
    return recorded(tmp_path, [data / "rec" / "J7_v2.3.1_0001.rec"], data / "rec" / "vehicle.odvd")


def diagnosed(found: Recorded) -> Diagnosis:
    return compose(make_case(found.manifest, found.results, found.statistics), MATCHES)


def test_codes_of_a_rec_recording_are_counted_as_an_independent_decoder_does(
    j7: Recorded, data: Path
) -> None:
    expected = pl.read_csv(
        data / "rec" / "expected" / "J7_v2.3.1_0001" / "vehicle.FaultEvent-0.csv", separator=";"
    )
    counted = expected["code"].str.decode("base64").cast(pl.String).value_counts(name="messages")
    case = make_case(j7.manifest, j7.results, j7.statistics)

    told = {piece.code: piece.numbers["messages"] for piece in case.summary.of_kind(Kind.CODE)}
    assert told == dict(counted.iter_rows())


def test_a_reference_leads_to_the_message_that_it_names(j7: Recorded, tmp_path: Path) -> None:
    case = make_case(j7.manifest, j7.results, j7.statistics)

    for piece in case.summary.of_kind(Kind.CODE):
        (place,) = piece.references
        table = pl.read_parquet(tmp_path / place.recording / f"{place.table}.parquet")
        row = table.filter(pl.col("offset") == place.offset)
        assert row["code"].to_list() == [piece.code]


def test_the_sample_of_platform_j7_is_diagnosed(j7: Recorded) -> None:
    found = diagnosed(j7)

    assert found.outcome is Outcome.LIKELY
    assert found.likely_causes[0].code == "C0035"
    assert check_citations(found) == []


@pytest.mark.parametrize(
    "name", ["damaged_garbage4k", "damaged_length", "damaged_truncated", "alltypes"]
)
def test_damaged_rec_recordings_are_named_with_what_was_saved(
    data: Path, tmp_path: Path, name: str
) -> None:
    file = data / "rec" / f"{name}.rec"
    found = diagnosed(recorded(tmp_path, [file], data / "rec" / "vehicle.odvd"))

    assert check_citations(found) == []
    (damaged,) = found.damaged
    assert damaged.recording == file.name
    assert damaged.decoded_bytes + damaged.quarantined_bytes == file.stat().st_size
    for report in (render_markdown(found), render_html(found)):
        assert f"{damaged.quarantined_bytes:,} of" in report or damaged.quarantined_bytes == 0
        assert "What could not be read" in report


def test_all_dlt_samples_as_one_batch_stay_within_the_bounds(data: Path, tmp_path: Path) -> None:
    batch = recorded(tmp_path, sorted((data / "dlt").glob("*.dlt")))
    case = make_case(batch.manifest, batch.results, batch.statistics)
    found = compose(case, MATCHES)

    assert case.summary.tokens <= MAX_TOKENS
    assert check_citations(found) == []
    assert len(found.damaged) == sum(r.status.value != "parsed" for r in batch.results)
