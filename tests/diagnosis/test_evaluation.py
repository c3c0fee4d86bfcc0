"""The labelled set of benchmarks/diagnosis is whole, and its batches go through the diagnosis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from argus_pipeline.database.engine import create_engine
from argus_pipeline.database.migrate import migrate
from argus_pipeline.knowledge.embedding import LocalEmbedder
from argus_pipeline.knowledge.store import import_articles
from benchmarks.diagnosis.dataset import TEST, TUNING, halves, read_cases, read_injections
from benchmarks.diagnosis.running import answers, articles
from benchmarks.diagnosis.scoring import Bin, calibration_error, reliability

HANDFUL = ("k01", "e10", "e11", "p02", "u01", "n01")


@pytest.fixture(scope="module")
def engine(module_database_url: str) -> Iterator[Engine]:
    migrate(module_database_url)
    made = create_engine(module_database_url)
    import_articles(made, articles(), LocalEmbedder())
    yield made
    made.dispose()


def test_every_label_is_an_article_of_the_starter_set() -> None:
    there = {article.article_id for article in articles()}
    assert {label for case in read_cases() for label in case.right} <= there


def test_the_set_is_as_large_as_it_is_said_to_be() -> None:
    cases = read_cases()
    assert len({case.id for case in cases}) == len(cases) >= 150
    assert len({case.right[0] for case in cases if case.right}) >= 40
    assert {case.language for case in cases} == {"en", "de", "zh"}
    # Each comes into a batch in four places.
    assert 4 * len(read_injections()) >= 30


def test_no_text_lies_in_both_halves() -> None:
    cases = read_cases()
    drawn = halves(cases)
    texts: dict[str, set[str]] = {TUNING: set(), TEST: set()}
    for case in cases:
        texts[drawn[case.id]] |= {event.text for event in case.events}
    assert texts[TUNING]
    assert not texts[TUNING] & texts[TEST]


def test_a_cause_that_was_drawn_lies_in_one_half() -> None:
    cases = [case for case in read_cases() if case.kind not in {"paraphrased", "lacking"}]
    drawn = halves(read_cases())
    by_cause: dict[str, set[str]] = {}
    for case in cases:
        for cause in case.right[:1]:
            by_cause.setdefault(cause, set()).add(drawn[case.id])
    assert all(len(half) == 1 for half in by_cause.values())


def test_no_paraphrase_by_who_knew_the_articles_is_worded_as_its_article() -> None:
    known = {article.article_id: article for article in articles()}
    chinese = [case for case in read_cases() if case.id[0] == "p" and case.language == "zh"]
    assert chinese
    for case in chinese:
        said = "".join(event.text for event in case.events)
        runs = {said[n : n + 4] for n in range(len(said) - 3)}
        shared = {run for run in runs if all("\u4e00" <= one <= "\u9fff" for one in run)} & {
            title[n : n + 4]
            for article in case.right
            for _, title in known[article].titles
            for n in range(len(title) - 3)
        }
        assert not shared, case.id


def test_a_handful_is_answered_right(engine: Engine) -> None:
    asked = [case for case in read_cases() if case.id in HANDFUL]
    found = {a.labelled.id: a for a in answers(engine, articles(), asked)}

    assert found.keys() == set(HANDFUL)
    assert all(found[id_].first_right for id_ in ("k01", "e10", "e11"))
    assert (found["u01"].outcome, found["n01"].outcome) == ("unknown", "no fault found")
    assert all(answer.claims and not answer.problems for answer in found.values())


def test_the_calibration_error_is_the_mean_gap_by_count() -> None:
    bins = reliability([0.95, 0.95, 1.0, 0.15], [True, True, False, False])
    assert [one.count for one in bins] == [1, 3]
    assert bins[0] == Bin(pytest.approx(0.15), 0.0, 1)
    # (1 × 0.15 + 3 × |0.9667 − 0.6667|) / 4
    assert calibration_error(bins) == pytest.approx(0.2625)
