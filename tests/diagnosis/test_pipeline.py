from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from diagnosis.made import (
    BATCH,
    BATTERY_OTHER,
    GATEWAY,
    WHEEL_SPEED,
    WHEEL_SPEED_ANY,
    Message,
    faulty_messages,
    manifest,
    result,
    statistics,
)
from sqlalchemy import Engine, func, select

from argus_pipeline.database import models
from argus_pipeline.database.engine import create_engine, session
from argus_pipeline.database.migrate import migrate
from argus_pipeline.database.records import upsert_batch
from argus_pipeline.diagnosis.model import Diagnosis, Outcome
from argus_pipeline.diagnosis.pipeline import (
    build_pipeline,
    diagnose,
    load_diagnosis,
    save_diagnosis,
)
from argus_pipeline.diagnosis.validator import check_citations
from argus_pipeline.errors import ArgusError, Unavailable
from argus_pipeline.knowledge.embedding import LocalEmbedder
from argus_pipeline.knowledge.store import import_articles
from argus_pipeline.knowledge.vectors import Vectors


class SilentEmbedder(LocalEmbedder):
    """An embedder whose endpoint is down."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        raise Unavailable("the embedder does not answer")


@pytest.fixture(scope="module")
def engine(module_database_url: str) -> Iterator[Engine]:
    migrate(module_database_url)
    made = create_engine(module_database_url)
    articles = [WHEEL_SPEED, WHEEL_SPEED_ANY, GATEWAY, BATTERY_OTHER]
    import_articles(made, articles, LocalEmbedder())
    with session(made) as opened:
        upsert_batch(opened, manifest(), "etag")
    yield made
    made.dispose()


def diagnosed(engine: Engine, folder: Path, messages: list[Message], **fields: str) -> Diagnosis:
    counted = statistics(folder, messages)
    results = [result(rows=len(messages))]
    return diagnose(manifest(**fields), results, counted, engine, LocalEmbedder())


def test_the_pipeline_finds_the_cause_in_the_knowledge_base(engine: Engine, tmp_path: Path) -> None:
    found = diagnosed(engine, tmp_path, faulty_messages())

    assert found.outcome is Outcome.LIKELY
    assert found.likely_causes[0].code == "C0035"
    by_id = {article.id: article for article in found.articles}
    first = by_id[found.likely_causes[0].articles[0]]
    assert (first.article_id, first.step) == (WHEEL_SPEED.article_id, "code+platform+firmware")
    (elsewhere,) = (a for a in found.articles if a.article_id == BATTERY_OTHER.article_id)
    assert elsewhere.other_platform
    assert check_citations(found) == []


def test_a_vehicle_of_another_platform_gets_the_article_for_any(
    engine: Engine, tmp_path: Path
) -> None:
    found = diagnosed(engine, tmp_path, faulty_messages(), platform="H5")

    steps = {a.article_id: a.step for a in found.articles}
    assert steps[BATTERY_OTHER.article_id] == "code+platform+firmware"
    assert steps[WHEEL_SPEED_ANY.article_id] == "code"
    assert WHEEL_SPEED.article_id not in steps


def test_the_same_batch_is_diagnosed_the_same(engine: Engine, tmp_path: Path) -> None:
    first = diagnosed(engine, tmp_path / "a", faulty_messages())
    second = diagnosed(engine, tmp_path / "b", faulty_messages())

    assert first.to_json() == second.to_json()


def test_without_an_embedder_codes_are_found_and_the_report_says_so(
    engine: Engine, tmp_path: Path
) -> None:
    messages = faulty_messages()
    counted = statistics(tmp_path, messages)
    found = diagnose(manifest(), [result(rows=len(messages))], counted, engine, SilentEmbedder())

    assert found.likely_causes[0].code == "C0035"
    assert any("the embedder does not answer" in note for note in found.notes)


def test_a_diagnosis_is_one_row_that_a_repeat_does_not_change(
    engine: Engine, tmp_path: Path
) -> None:
    found = diagnosed(engine, tmp_path, faulty_messages())

    assert save_diagnosis(engine, found, LocalEmbedder()) is True
    assert save_diagnosis(engine, found, LocalEmbedder()) is False
    assert load_diagnosis(engine, BATCH) == found
    assert load_diagnosis(engine, BATCH).to_json() == found.to_json()
    with session(engine) as opened:
        (row,) = opened.scalars(select(models.Diagnosis).where(models.Diagnosis.batch == BATCH))
        assert row.verdict == found.verdict.text
        assert row.label == "evidence_only"
        assert row.confidence == pytest.approx(found.confidence.probability)
        assert row.top_codes == ["P0A80", "C0035", "U0100"]
        assert row.embedder == LocalEmbedder.name
        assert np.linalg.norm(row.embedding) == pytest.approx(1, abs=1e-3)


def test_a_diagnosis_is_saved_without_a_vector_when_the_embedder_is_down(
    engine: Engine, tmp_path: Path
) -> None:
    found = diagnosed(engine, tmp_path, [Message(0, "info", "all well")])

    save_diagnosis(engine, found, SilentEmbedder())
    with session(engine) as opened:
        row = opened.scalars(select(models.Diagnosis)).one()
        assert (row.verdict, row.embedding, row.embedder) == (found.verdict.text, None, None)
        assert opened.scalar(select(func.count()).select_from(models.Diagnosis)) == 1


def test_a_batch_that_is_not_registered_has_no_row(engine: Engine, tmp_path: Path) -> None:
    found = replace(diagnosed(engine, tmp_path, []), batch="20260101T000000Z-nobody")
    with pytest.raises(ArgusError, match="not registered"):
        save_diagnosis(engine, found, LocalEmbedder())


def test_the_routes_of_the_pipeline_are_explicit(engine: Engine) -> None:
    pipeline = build_pipeline(engine, LocalEmbedder())

    edges = {(a, b) for a, b, _ in pipeline.graph.edges}
    experts = {"log_expert", "retrieval_expert", "diagnosis_expert"}
    assert {b for a, b in edges if a == "supervisor"} == {*experts, "writer", "join"}
    assert {a for a, b in edges if b == "writer"} >= experts
    assert {a for a, b in edges if b == "join"} == {"supervisor", "writer"}
    assert ("join", "validator") in edges


def test_importing_the_diagnosis_does_not_import_haystack_and_building_it_keeps_telemetry_off() -> (
    None
):
    script = (
        "import sys, argus_pipeline.diagnosis\n"
        "assert 'haystack' not in sys.modules\n"
        "import argus_pipeline.diagnosis.components\n"
        "import haystack.telemetry._telemetry as t\n"
        "assert t.telemetry is None, t.telemetry\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HAYSTACK")}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=120)
