from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from haystack import Pipeline
from sqlalchemy import Engine

from argus_pipeline.batches.manifest import BatchFile, Manifest
from argus_pipeline.database.engine import create_engine, session
from argus_pipeline.database.migrate import migrate
from argus_pipeline.database.records import upsert_batch, upsert_diagnosis
from argus_pipeline.diagnosis.components import PastRetriever
from argus_pipeline.diagnosis.composer import Case
from argus_pipeline.diagnosis.evidence import Evidence, FeatureSummary, Kind
from argus_pipeline.diagnosis.feedback import confirm, correct
from argus_pipeline.diagnosis.recall import recall_for_case
from argus_pipeline.errors import Unavailable
from argus_pipeline.knowledge.embedding import LocalEmbedder
from argus_pipeline.knowledge.matches import Question
from argus_pipeline.knowledge.past_diagnoses import SeenBefore, Standing, seen_before
from argus_pipeline.knowledge.vectors import Vectors

EMBEDDER = LocalEmbedder()


def put(
    engine: Engine, batch: str, verdict: str, codes: Sequence[str], platform: str = "J7"
) -> None:
    made = Manifest(
        batch=batch, vehicle="V1", platform=platform, firmware="v2.3.1", firmware_from=None,
        campaign=None, created=datetime(2026, 11, 23, tzinfo=UTC),
        files=(BatchFile("a.dlt", 1, "0" * 64),),
    )  # fmt: skip
    with session(engine) as opened:
        upsert_batch(opened, made, "etag")
        upsert_diagnosis(
            opened, batch, verdict=verdict, label="evidence_only", confidence=None,
            top_codes=codes, content={}, embedding=EMBEDDER.embed([verdict])[0].tolist(),
            embedder=EMBEDDER.name,
        )  # fmt: skip


@pytest.fixture(scope="module")
def engine(module_database_url: str) -> Iterator[Engine]:
    migrate(module_database_url)
    made = create_engine(module_database_url)
    put(made, "machine", "likely cause: wheel speed sensor cable chafed", ["C0035"])
    put(made, "both-codes", "likely cause: gateway reset", ["C0035", "U0100"])
    put(made, "confirmed", "likely cause: wheel bearing ring damaged", ["C0035"])
    put(made, "corrected", "likely cause: wheel speed sensor", ["C0035"])
    put(made, "by-words", "likely cause: the traction battery is worn out", ["P0A80"])
    put(made, "healthy", "no fault found: no fault code", ["C0035"])
    put(made, "elsewhere", "likely cause: sensor ring", ["C0035"], platform="K5")
    put(made, "elsewhere-confirmed", "likely cause: sensor ring", ["C0035"], platform="K5")
    confirm(made, "confirmed", author="mei", note="ring replaced")
    confirm(made, "elsewhere-confirmed", author="mei")
    correct(made, "corrected", author="jo", code="U0121", cause="ABS unit without supply")
    yield made
    made.dispose()


def ask(engine: Engine, codes: Sequence[str], query: str = "", **options: Any) -> SeenBefore:
    question = Question(tuple(codes), "J7", "v2.3.1", query, options.pop("top_k", 9))
    return seen_before(engine, EMBEDDER, question, **options)


def names(found: SeenBefore) -> list[str]:
    return [past.batch for past in found.diagnoses]


def test_what_a_person_said_comes_first_then_what_shares_more_codes(engine: Engine) -> None:
    found = ask(engine, ["C0035", "U0100"])
    assert names(found) == [
        "corrected", "confirmed", "both-codes", "machine", "elsewhere-confirmed",
    ]  # fmt: skip
    assert found.diagnoses[2].shared_codes == ("C0035", "U0100")
    assert [past.standing for past in found.diagnoses[:3]] == [
        Standing.CORRECTED, Standing.CONFIRMED, Standing.MACHINE,
    ]  # fmt: skip


def test_a_corrected_one_says_what_the_person_found(engine: Engine) -> None:
    corrected, confirmed_, *_ = ask(engine, ["C0035"]).diagnoses
    assert (corrected.cause, corrected.code) == ("ABS unit without supply", "U0121")
    assert (confirmed_.cause, confirmed_.note) == (
        "likely cause: wheel bearing ring damaged", "ring replaced",
    )  # fmt: skip


def test_another_platforms_diagnosis_needs_a_persons_word_and_is_marked(engine: Engine) -> None:
    found = ask(engine, ["C0035"])
    assert [past.batch for past in found.diagnoses if past.caveat] == ["elsewhere-confirmed"]
    assert found.diagnoses[-1].caveat == "on platform K5, not on J7"


def test_without_a_platform_those_of_all_platforms_count_alike(engine: Engine) -> None:
    question = Question(("C0035", "U0100"), None, None, "", 9)
    found = seen_before(engine, EMBEDDER, question)
    assert {"corrected", "confirmed", "elsewhere", "elsewhere-confirmed"} <= set(names(found))
    assert not any(past.caveat for past in found.diagnoses)


def test_similar_words_find_what_shares_no_code(engine: Engine) -> None:
    found = ask(engine, ["P9999"], "the high voltage battery has aged")
    assert names(found) == ["by-words"]
    assert 0 < (found.diagnoses[0].distance or 0) <= EMBEDDER.distance_limit
    assert found.diagnoses[0].shared_codes == ()


def test_a_batch_is_no_evidence_for_itself(engine: Engine) -> None:
    assert "confirmed" not in names(ask(engine, ["C0035"], batch="confirmed"))
    assert names(ask(engine, ["C0035"], top_k=1)) == ["corrected"]


def test_nothing_asked_or_nothing_alike_finds_nothing(engine: Engine) -> None:
    assert ask(engine, []) == SeenBefore((), ())
    assert ask(engine, ["P9999"], "grandmother's recipe for apple cake").diagnoses == ()


def test_an_embedder_that_is_down_costs_the_words_only(engine: Engine) -> None:
    class Down(LocalEmbedder):
        def embed(self, texts: Sequence[str]) -> Vectors:
            raise Unavailable("no answer")

    question = Question(("U0100",), "J7", "v2.3.1", "wheel", 3)
    found = seen_before(engine, Down(), question)
    assert names(found) == ["both-codes"]
    assert "no answer" in found.notes[0]


def test_vectors_of_another_embedder_are_never_compared(engine: Engine) -> None:
    class Shorter(LocalEmbedder):
        name = "shorter"

        def embed(self, texts: Sequence[str]) -> Vectors:
            return super().embed(texts)[:, :64]

    question = Question(("U0100",), "J7", "v2.3.1", "gateway", 3)
    (past,) = seen_before(engine, Shorter(), question).diagnoses
    assert (past.batch, past.distance) == ("both-codes", None)


def test_the_second_level_answers_inside_a_pipeline(engine: Engine) -> None:
    manifest = Manifest(
        batch="corrected", vehicle="V1", platform="J7", firmware="v2.3.1", firmware_from=None,
        campaign=None, created=datetime(2026, 11, 23, tzinfo=UTC),
        files=(BatchFile("a.dlt", 1, "0" * 64),),
    )  # fmt: skip
    code = Evidence("E1", Kind.CODE, "C0035", {"messages": 1}, code="C0035", severity="error")
    case = Case(manifest, FeatureSummary((code,)))
    pipeline = Pipeline()
    pipeline.add_component("past", PastRetriever(recall_for_case(engine, EMBEDDER)))
    answer = pipeline.run({"past": {"case": case}})["past"]["past"]
    assert [past.batch for past in answer][:1] == ["confirmed"]
    assert [past.id for past in answer] == [f"D{n}" for n in range(1, len(answer) + 1)]
    assert answer[0].confirmed
