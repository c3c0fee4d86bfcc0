from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError

from argus_pipeline.batches.manifest import BatchFile, Manifest
from argus_pipeline.database.engine import create_engine, session
from argus_pipeline.database.migrate import migrate
from argus_pipeline.database.models import Batch, Diagnosis, EventCount, Recording
from argus_pipeline.database.records import (
    EventCountRow,
    replace_event_counts,
    storable,
    upsert_batch,
    upsert_diagnosis,
    upsert_recordings,
)
from argus_pipeline.errors import ArgusError
from argus_pipeline.recordings.result import RecordingResult, Status, TableOutput

MANIFEST = Manifest(
    batch="20261123T101500Z-V1-7f3a",
    vehicle="V1",
    platform="J7",
    firmware="v2.3.1",
    firmware_from="v2.2.9",
    created=datetime(2026, 11, 23, 10, 15, tzinfo=UTC),
    files=(BatchFile("a.dlt", 100, "0" * 64), BatchFile("b.rec", 50, "1" * 64)),
    tags={"bench": "7"},
)
BATCH = MANIFEST.batch
RESULT = RecordingResult(
    recording="a.dlt",
    size=100,
    input_hash="h",
    parser_version="1",
    format="dlt",
    status=Status.PARTIAL,
    rows=7,
    decoded_bytes=90,
    quarantined_bytes=10,
    fault_count=1,
    faults=(),
    warnings=(),
    error=None,
    tables=(TableOutput("messages", 7, "k.csv", "e1", "k.parquet", "e2", (("offset", "u64"),)),),
)
BAD = replace(
    RESULT, recording="b.rec", size=50, format=None, status=Status.QUARANTINED, rows=0,
    decoded_bytes=0, quarantined_bytes=50, error="not a recording\0", tables=(),
)  # fmt: skip
DIAGNOSIS: dict[str, Any] = {
    "verdict": "the left front wheel speed sensor lost its signal",
    "label": "evidence_only",
    "confidence": 0.7,
    "top_codes": ["C0035"],
    "content": {"claims": [{"text": "seen 3 times", "evidence": ["E1"]}]},
    "embedding": [0.1, 0.2, 0.3],
    "embedder": "test",
}


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    migrate(database_url)
    engine = create_engine(database_url)
    with session(engine) as opened:
        upsert_batch(opened, MANIFEST, "etag")
    yield engine
    engine.dispose()


def versions(engine: Engine, table: str) -> list[Any]:
    """Where each row lies and who wrote it: a row that is written again gets new ones."""
    with session(engine) as opened:
        return list(opened.execute(text(f"SELECT ctid, xmin, * FROM argus.{table} ORDER BY ctid")))


def test_a_batch_is_written_as_its_manifest_says(engine: Engine) -> None:
    with session(engine) as opened:
        row = opened.get_one(Batch, BATCH)
    assert (row.files, row.bytes, row.priority, row.tags) == (2, 150, "P1", {"bench": "7"})
    assert row.created == MANIFEST.created
    assert row.registered_at.tzinfo is not None


def test_the_same_manifest_again_writes_nothing(engine: Engine) -> None:
    before = versions(engine, "batches")
    with session(engine) as opened:
        assert not upsert_batch(opened, MANIFEST, "etag")
    assert versions(engine, "batches") == before


def test_a_mended_manifest_brings_the_batch_up_to_date(engine: Engine) -> None:
    with session(engine) as opened:
        assert upsert_batch(opened, replace(MANIFEST, firmware="v2.3.2"), "etag2")
        row = opened.get_one(Batch, BATCH)
        assert (row.firmware, row.manifest_etag) == ("v2.3.2", "etag2")


def test_the_same_results_again_write_nothing(engine: Engine) -> None:
    with session(engine) as opened:
        assert upsert_recordings(opened, BATCH, [RESULT, BAD]) == 2
    before = versions(engine, "recordings")
    with session(engine) as opened:
        assert upsert_recordings(opened, BATCH, [BAD, RESULT]) == 0
    assert versions(engine, "recordings") == before


def test_only_the_result_that_changed_is_written(engine: Engine) -> None:
    with session(engine) as opened:
        upsert_recordings(opened, BATCH, [RESULT, BAD])
        assert upsert_recordings(opened, BATCH, [replace(RESULT, rows=8), BAD]) == 1


def test_a_recording_that_left_the_manifest_leaves_the_table(engine: Engine) -> None:
    with session(engine) as opened:
        upsert_recordings(opened, BATCH, [RESULT, BAD])
        assert upsert_recordings(opened, BATCH, [RESULT]) == 1
        assert opened.scalars(select(Recording.recording)).all() == ["a.dlt"]


def test_bytes_that_do_not_add_up_are_refused_by_the_database(engine: Engine) -> None:
    with pytest.raises(IntegrityError, match="every_byte_counted"), session(engine) as opened:
        upsert_recordings(opened, BATCH, [replace(RESULT, decoded_bytes=91)])


def test_a_recording_keeps_its_lifecycles_its_losses_and_how_it_was_compressed(
    engine: Engine,
) -> None:
    torn = replace(
        RESULT, lifecycles=3, lost_messages=12, compression="gzip", stored_size=60, unread_bytes=7
    )
    with session(engine) as opened:
        upsert_recordings(opened, BATCH, [torn])
        row = opened.get_one(Recording, (BATCH, torn.recording))
        assert (row.lifecycles, row.lost_messages) == (3, 12)
        assert (row.compression, row.stored_size, row.unread_bytes) == ("gzip", 60, 7)
        assert upsert_recordings(opened, BATCH, [replace(torn, lost_messages=13)]) == 1


def test_a_recording_that_a_decoder_of_others_read_has_its_row(engine: Engine) -> None:
    with session(engine) as opened:
        upsert_recordings(opened, BATCH, [replace(RESULT, format="bench-log")])
        assert opened.scalars(select(Recording.format)).one() == "bench-log"


def test_thousands_of_recordings_go_in_at_once(engine: Engine) -> None:
    results = [replace(RESULT, recording=f"r{n}.dlt") for n in range(2500)]
    with session(engine) as opened:
        assert upsert_recordings(opened, BATCH, results) == 2500
        assert upsert_recordings(opened, BATCH, results) == 0


COUNTS = [
    EventCountRow("ABS", "BRK", "C0035", "error", 3),
    EventCountRow("ABS", "BRK", None, "info", 10),
    EventCountRow(None, None, None, "none", 1),
]


def test_the_same_event_counts_again_write_nothing(engine: Engine) -> None:
    with session(engine) as opened:
        assert replace_event_counts(opened, BATCH, COUNTS) == 3
    before = versions(engine, "event_counts")
    with session(engine) as opened:
        assert replace_event_counts(opened, BATCH, reversed(COUNTS)) == 0
    assert versions(engine, "event_counts") == before


def test_event_counts_are_those_of_the_last_run(engine: Engine) -> None:
    with session(engine) as opened:
        replace_event_counts(opened, BATCH, COUNTS)
        replace_event_counts(opened, BATCH, [EventCountRow("ABS", "BRK", "C0035", "error", 4)])
        rows = opened.scalars(select(EventCount)).all()
        assert [(row.code, row.messages) for row in rows] == [("C0035", 4)]


def test_event_counts_of_one_key_are_added_up(engine: Engine) -> None:
    with session(engine) as opened:
        replace_event_counts(opened, BATCH, [COUNTS[2], COUNTS[2]])
        assert opened.scalars(select(EventCount.messages)).all() == [2]


def test_a_batch_that_was_never_registered_is_named(engine: Engine) -> None:
    with pytest.raises(ArgusError, match="'nope' is not registered"), session(engine) as opened:
        upsert_recordings(opened, "nope", [RESULT])


def test_the_same_diagnosis_again_writes_nothing(engine: Engine) -> None:
    with session(engine) as opened:
        assert upsert_diagnosis(opened, BATCH, **DIAGNOSIS)
    before = versions(engine, "diagnoses")
    with session(engine) as opened:
        assert not upsert_diagnosis(opened, BATCH, **DIAGNOSIS)
    assert versions(engine, "diagnoses") == before


def test_a_new_diagnosis_replaces_the_old_one_and_says_when(engine: Engine) -> None:
    with session(engine) as opened:
        upsert_diagnosis(opened, BATCH, **DIAGNOSIS)
    with session(engine) as opened:
        assert upsert_diagnosis(opened, BATCH, **{**DIAGNOSIS, "confidence": 0.9})
    with session(engine) as opened:
        (row,) = opened.scalars(select(Diagnosis)).all()
    assert row.confidence == 0.9
    assert row.updated_at > row.created_at


@pytest.mark.parametrize(("verdict", "confirmed"), [(DIAGNOSIS["verdict"], True), ("other", None)])
def test_a_confirmation_lasts_as_long_as_the_verdict_that_it_confirms(
    engine: Engine, verdict: str, confirmed: bool | None
) -> None:
    with session(engine) as opened:
        upsert_diagnosis(opened, BATCH, **DIAGNOSIS)
        opened.scalars(select(Diagnosis)).one().confirmed = True
    with session(engine) as opened:
        upsert_diagnosis(opened, BATCH, **{**DIAGNOSIS, "verdict": verdict, "confidence": 0.1})
    with session(engine) as opened:
        assert opened.scalars(select(Diagnosis)).one().confirmed is confirmed


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"label": "guess"}, "label"),
        ({"confidence": 1.1}, "confidence"),
        ({"embedder": None}, "embedder"),
    ],
)
def test_a_diagnosis_that_makes_no_sense_is_refused_by_the_database(
    engine: Engine, change: dict[str, Any], constraint: str
) -> None:
    with pytest.raises(IntegrityError, match=constraint), session(engine) as opened:
        upsert_diagnosis(opened, BATCH, **{**DIAGNOSIS, **change})


def test_rows_go_with_their_batch(engine: Engine) -> None:
    with session(engine) as opened:
        upsert_recordings(opened, BATCH, [RESULT])
        replace_event_counts(opened, BATCH, COUNTS)
        upsert_diagnosis(opened, BATCH, **DIAGNOSIS)
        opened.execute(text("DELETE FROM argus.batches"))
        for table in ("recordings", "event_counts", "diagnoses"):
            assert opened.scalar(text(f"SELECT count(*) FROM argus.{table}")) == 0


def test_texts_of_strangers_never_stop_a_write(engine: Engine) -> None:
    nasty = "a\0b\ud800c'; DROP TABLE argus.batches; --"
    with session(engine) as opened:
        upsert_recordings(opened, BATCH, [replace(RESULT, error=nasty)])
        replace_event_counts(opened, BATCH, [EventCountRow(nasty, None, nasty, "error", 1)])
        upsert_diagnosis(
            opened, BATCH, **{**DIAGNOSIS, "verdict": nasty, "content": {nasty: [nasty]}}
        )
        assert opened.scalars(select(Recording.error)).one() == storable(nasty)
        assert opened.scalars(select(Diagnosis.content)).one() == {
            storable(nasty): [storable(nasty)]
        }


@given(st.recursive(st.none() | st.text() | st.integers(), st.lists))
def test_what_postgres_can_hold_is_left_as_it_is(value: Any) -> None:
    encodable = "\\u0000" not in json.dumps(value)
    assert (storable(value) == value) or not encodable
    json.dumps(storable(value), ensure_ascii=False).encode()
