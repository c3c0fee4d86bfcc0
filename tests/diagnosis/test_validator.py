from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from diagnosis.made import (
    GATEWAY,
    WHEEL_SPEED,
    faulty_messages,
    manifest,
    match,
    result,
    statistics,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_pipeline.diagnosis.composer import compose
from argus_pipeline.diagnosis.model import Claim, Diagnosis, Outcome
from argus_pipeline.diagnosis.pipeline import make_case
from argus_pipeline.diagnosis.validator import (
    MAX_WORDS,
    check_citations,
    claims,
    number_tokens,
    validate,
    words,
)
from argus_pipeline.knowledge.retrieval import Step


@cache
def sound() -> Diagnosis:
    messages = faulty_messages()
    with TemporaryDirectory() as folder:
        counted = statistics(Path(folder), messages)
    case = make_case(manifest(), [result(rows=len(messages))], counted)
    return compose(
        case, [match(WHEEL_SPEED, Step.CODE_PLATFORM_FIRMWARE), match(GATEWAY, Step.CODE)]
    )


def test_a_sound_diagnosis_is_left_as_it_is() -> None:
    assert check_citations(sound()) == []
    assert validate(sound()) == sound()


@pytest.mark.parametrize(
    ("claim", "what"),
    [
        (Claim("Something is wrong.", ()), "cites nothing"),
        (Claim("Something is wrong.", ("E99",)), "cites E99, which does not exist"),
        (Claim("Something is wrong.", ("E2", "K9")), "cites K9, which does not exist"),
        (Claim("It came 41 times.", ("E5",)), "'41' does not occur in E5"),
        (Claim("C0036 is broken.", ("E5",)), "'c0036' does not occur in E5"),
        (Claim("Install v9.9.9.", ("K1",)), "'v9.9.9' does not occur in K1"),
        (Claim("word " * 121, ("E1",)), "has more than 120 words"),
    ],
)
def test_a_claim_that_does_not_hold_is_found_dropped_and_counted(claim: Claim, what: str) -> None:
    changed = replace(sound(), unknowns=(*sound().unknowns, claim))

    (problem,) = check_citations(changed)
    assert problem.what == what
    assert problem.where == f"unknowns[{len(sound().unknowns)}]"
    assert validate(changed) == replace(sound(), dropped=1)


@pytest.mark.parametrize(
    "claim",
    [
        Claim("It came in 40 messages, first 20 min into the batch.", ("E5",)),
        Claim("Install brake-control v2.3.2.", ("K1",)),
        Claim("The table has byte offset 7744, or 7,744.", ("E5",)),
        Claim("制动更新后 C0035 出现40次。", ("E5",)),
    ],
)
def test_a_claim_may_repeat_what_it_cites(claim: Claim) -> None:
    assert check_citations(replace(sound(), unknowns=(claim,))) == []


def test_a_figure_from_a_quotation_of_the_log_is_no_figure_to_cite() -> None:
    evidence = tuple(
        replace(piece, quote="cell at 77 degrees") if piece.id == "E5" else piece
        for piece in sound().evidence
    )
    changed = replace(sound(), evidence=evidence, unknowns=(Claim("77 degrees.", ("E5",)),))

    assert len(check_citations(changed)) == 1


def test_a_verdict_that_does_not_hold_becomes_unknown() -> None:
    changed = replace(sound(), verdict=Claim("likely cause: 77 sensors failed", ("E5",)))
    found = validate(changed)

    assert found.outcome is Outcome.UNKNOWN
    assert found.verdict.text.startswith("unknown: ")
    assert found.dropped == 1
    assert check_citations(found) == []


def test_losing_the_first_cause_makes_the_verdict_unknown() -> None:
    first = replace(sound().likely_causes[0], claim=Claim("It is broken.", ("K9",)))
    found = validate(replace(sound(), likely_causes=(first, *sound().likely_causes[1:])))

    assert found.outcome is Outcome.UNKNOWN
    assert [cause.code for cause in found.likely_causes] == ["U0100"]
    assert check_citations(found) == []


def test_a_cause_that_names_a_missing_article_is_a_problem() -> None:
    first = replace(sound().likely_causes[0], articles=("K9",))
    (problem,) = check_citations(replace(sound(), likely_causes=(first,)))

    assert problem.where == "likely_causes[0].articles"


def test_what_is_longer_than_500_words_loses_its_least_important_claims() -> None:
    filler = tuple(Claim("plain words " * 40, ("E1",)) for _ in range(9))
    found = validate(replace(sound(), next_steps=filler))

    assert words(found) <= MAX_WORDS
    assert found.shortened > 0
    assert found.verdict == sound().verdict
    assert found.first_step == sound().first_step
    assert found.likely_causes[0].claim == sound().likely_causes[0].claim


def test_tokens_are_compared_without_grouping_and_punctuation() -> None:
    assert number_tokens("(12,345 of v2.3.1; 40%), P0A80!") == ["12345", "v2.3.1", "40", "p0a80"]


CITATIONS = st.lists(st.sampled_from([f"{k}{n}" for k in "EK" for n in range(1, 12)]), max_size=3)
CLAIMS = st.builds(
    Claim,
    st.one_of(
        st.text(min_size=1, max_size=300),
        st.sampled_from(["40 messages", "C0035", "word " * 100, "制" * 200, "1,200 s"]),
    ),
    CITATIONS.map(tuple),
)
LISTS = st.lists(CLAIMS, max_size=6).map(tuple)


@settings(max_examples=200)
@given(CLAIMS, CLAIMS, LISTS, LISTS, LISTS, LISTS)
def test_whatever_was_claimed_what_remains_holds_and_is_short(
    verdict: Claim,
    first_step: Claim,
    causes: tuple[Claim, ...],
    advice: tuple[Claim, ...],
    steps: tuple[Claim, ...],
    unknowns: tuple[Claim, ...],
) -> None:
    pattern = sound().likely_causes[0]
    claimed = replace(
        sound(),
        verdict=verdict,
        first_step=first_step,
        likely_causes=tuple(replace(pattern, claim=c, checks=advice) for c in causes),
        next_steps=steps,
        unknowns=unknowns,
    )
    found = validate(claimed)

    assert check_citations(found) == []
    assert words(found) <= MAX_WORDS
    replaced = (found.verdict != verdict) + (found.first_step != first_step)
    gone = sum(1 for _ in claims(claimed)) - sum(1 for _ in claims(found))
    assert found.dropped + found.shortened <= gone + replaced
    assert validate(found) == found


@given(st.integers(0, 10**9))
def test_a_number_that_no_evidence_holds_never_passes(number: int) -> None:
    claim = Claim(f"It came in {number:,} messages.", ("E5",))
    problems = check_citations(replace(sound(), unknowns=(claim,)))

    allowed = {40, 1, 20, 3, 15, 7744, 1200, 195}
    assert bool(problems) == (number not in allowed)
