from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from diagnosis.made import BATCH, WHEEL_SPEED, manifest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from argus_pipeline.database.engine import create_engine, session
from argus_pipeline.database.migrate import migrate
from argus_pipeline.database.records import upsert_batch, upsert_diagnosis
from argus_pipeline.diagnosis.feedback import (
    MAX_TEXT,
    confirm,
    correct,
    features,
    feedback_on,
    labelled,
)
from argus_pipeline.errors import ArgusError, BadInput
from argus_pipeline.knowledge.embedding import LocalEmbedder
from argus_pipeline.knowledge.store import import_articles

MINIMAL = {
    "schema": 1, "batch": BATCH, "vehicle": "V", "platform": "J7", "firmware": "v2.3.1",
    "firmware_from": None, "campaign": None, "outcome": "unknown",
    "verdict": {"text": "unknown", "citations": []}, "label": "evidence_only",
    "confidence": {"word": "low", "points": 2, "of": 5, "reasons": [], "calibrated": False},
    "first_step": {"text": "x", "citations": []}, "likely_causes": [], "checked": [],
    "next_steps": [], "unknowns": [], "evidence": [], "articles": [], "damaged": [],
    "damaged_omitted": 0, "top_codes": [["C0035", "error", 3]], "summary": "s", "notes": [],
    "dropped": 0, "shortened": 0,
}  # fmt: skip


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    migrate(database_url)
    made = create_engine(database_url)
    with session(made) as opened:
        upsert_batch(opened, manifest(), "etag")
    diagnose(made, "likely cause: wheel speed sensor")
    yield made
    made.dispose()


def diagnose(engine: Engine, verdict: str) -> None:
    with session(engine) as opened:
        upsert_diagnosis(
            opened, BATCH, verdict=verdict, label="evidence_only", confidence=None,
            top_codes=["C0035"], content=MINIMAL,
        )  # fmt: skip


def confirmed(engine: Engine) -> bool | None:
    with engine.connect() as connection:
        return connection.execute(text("SELECT confirmed FROM argus.diagnoses")).scalar_one()


def test_a_confirmation_keeps_who_said_it_when_and_of_what(engine: Engine) -> None:
    kept = confirm(engine, BATCH, author="mei", note=" cable replaced ")
    assert (kept.judgement, kept.author, kept.note) == ("confirmed", "mei", "cable replaced")
    assert kept.verdict == "likely cause: wheel speed sensor"
    assert kept.created_at.tzinfo is not None
    assert feedback_on(engine, BATCH) == [kept]
    assert confirmed(engine) is True


def test_a_correction_says_what_it_was(engine: Engine) -> None:
    import_articles(engine, [WHEEL_SPEED], LocalEmbedder())
    kept = correct(engine, BATCH, author="mei", article_id=WHEEL_SPEED.article_id)
    assert (kept.code, kept.article_id, kept.cause) == ("C0035", WHEEL_SPEED.article_id, None)
    assert correct(engine, BATCH, author="mei", code="u0100").code == "U0100"
    assert correct(engine, BATCH, author="mei", cause="water in X3").cause == "water in X3"
    assert confirmed(engine) is False


def test_a_correction_that_says_nothing_or_what_is_not_there_is_refused(engine: Engine) -> None:
    import_articles(engine, [WHEEL_SPEED], LocalEmbedder())
    with pytest.raises(BadInput, match="nothing says what it was"):
        correct(engine, BATCH, author="mei", cause=" ")
    with pytest.raises(BadInput, match="no article 'gone'"):
        correct(engine, BATCH, author="mei", article_id="gone")
    with pytest.raises(BadInput, match="the code is 'two words'"):
        correct(engine, BATCH, author="mei", code="two words")
    with pytest.raises(BadInput, match="is about C0035, and the code is U0100"):
        correct(engine, BATCH, author="mei", article_id=WHEEL_SPEED.article_id, code="U0100")
    with pytest.raises(BadInput, match="nobody says so"):
        confirm(engine, BATCH, author=" ")
    with pytest.raises(BadInput, match="characters"):
        confirm(engine, BATCH, author="mei", note="x" * (MAX_TEXT + 1))
    with pytest.raises(ArgusError, match="has no diagnosis"):
        confirm(engine, "another-batch", author="mei")
    assert feedback_on(engine) == []
    assert confirmed(engine) is None


def test_words_are_only_added_and_never_changed(engine: Engine) -> None:
    confirm(engine, BATCH, author="mei")
    correct(engine, BATCH, author="jo", code="U0100")
    assert [word.author for word in feedback_on(engine, BATCH)] == ["jo", "mei"]
    changes = ("UPDATE argus.diagnosis_feedback SET note = 'x'",
               "DELETE FROM argus.diagnosis_feedback")  # fmt: skip
    for change in changes:
        with pytest.raises(DBAPIError, match="only ever added"), engine.begin() as connection:
            connection.execute(text(change))


def test_the_newest_word_on_each_verdict_is_a_label_for_calibration(engine: Engine) -> None:
    confirm(engine, BATCH, author="mei")
    correct(engine, BATCH, author="jo", code="U0100")
    diagnose(engine, "likely cause: another one")
    assert confirmed(engine) is None
    confirm(engine, BATCH, author="mei")
    found = list(labelled(engine))
    assert [(label.batch, label.right) for label in found] == [(BATCH, False), (BATCH, True)]
    assert found[0].diagnosis.top_codes == (("C0035", "error", 3),)


def test_features_are_numbers_whether_or_not_there_is_a_cause(engine: Engine) -> None:
    confirm(engine, BATCH, author="mei")
    (label,) = labelled(engine)
    numbers = features(label.diagnosis)
    assert (numbers["has_cause"], numbers["points"], numbers["distance"]) == (0.0, 0.4, 2.0)
    assert features(replace(label.diagnosis, damaged_omitted=3))["damaged"] == 3.0
