from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from diagnosis.made import (
    GATEWAY,
    WHEEL_SPEED,
    WHEEL_SPEED_ANY,
    Message,
    manifest,
    match,
    result,
    statistics,
)
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.diagnosis.composer import compose
from argus_pipeline.diagnosis.confidence import FEATURES, features, parameters, probability
from argus_pipeline.diagnosis.model import Diagnosis, Outcome, PastDiagnosis
from argus_pipeline.diagnosis.pipeline import make_case
from argus_pipeline.diagnosis.routing import FAST, SLOW, choose
from argus_pipeline.knowledge.retrieval import ArticleMatch, Step

WHEEL = [Message(5 * n, "error", f"DTC C0035 wheel speed lost for {n} ms") for n in range(40)]
KNOWN = match(WHEEL_SPEED, Step.CODE_PLATFORM_FIRMWARE)


def diagnosed(
    messages: list[Message], *matches: ArticleMatch, past: tuple[PastDiagnosis, ...] = ()
) -> Diagnosis:
    with TemporaryDirectory() as folder:
        counted = statistics(Path(folder), messages)
    case = make_case(manifest(), [result(rows=len(messages))], counted)
    return compose(case, matches, past=past)


@cache
def clear() -> Diagnosis:
    return diagnosed(WHEEL, KNOWN)


def test_a_known_code_with_an_article_that_fits_and_a_clear_lead_takes_the_fast_path() -> None:
    route = choose(clear())
    assert route.path == FAST
    assert route.probability is not None
    assert route.threshold is not None
    assert route.probability >= route.threshold


def test_an_article_for_any_platform_is_not_enough() -> None:
    route = choose(diagnosed(WHEEL, match(WHEEL_SPEED_ANY, Step.CODE)))
    assert route.path == SLOW
    assert "no article fits code, platform and firmware" in route.reasons


def test_another_fault_as_heavy_as_the_first_is_no_clear_lead() -> None:
    other = [Message(5 * n, "error", f"P0300 misfire {n}") for n in range(40)]
    route = choose(diagnosed(WHEEL + other, KNOWN))
    assert route.path == SLOW
    assert "another fault as grave stays unexplained" in route.reasons


def test_two_known_faults_side_by_side_are_no_clear_lead() -> None:
    other = [Message(5 * n, "error", f"U0100 no frame from ECM, n={n}", "GW01") for n in range(40)]
    known = replace(GATEWAY, platform="J7")
    route = choose(diagnosed(WHEEL + other, KNOWN, match(known, Step.CODE_PLATFORM_FIRMWARE)))
    assert "the lead over the next fault is not clear" in route.reasons


def test_a_graver_fault_without_an_explanation_takes_the_slow_path() -> None:
    route = choose(diagnosed([*WHEEL, Message(300, "fatal", "watchdog bite")], KNOWN))
    assert "another fault as grave stays unexplained" in route.reasons


@pytest.mark.parametrize("name", FEATURES[:3])
def test_no_fitted_weight_can_overrule_what_the_fast_path_wants(name: str) -> None:
    held = replace(
        clear().confidence,
        probability=0.9999,
        features={**clear().confidence.features, name: 0.0},
    )
    route = choose(replace(clear(), confidence=held))
    assert route.path == (FAST if name == "severe" else SLOW)


def test_what_nothing_explains_takes_the_slow_path() -> None:
    assert choose(diagnosed(WHEEL)).path == SLOW


def test_a_quiet_batch_takes_the_fast_path_unless_there_is_a_sign_of_a_fault() -> None:
    quiet = diagnosed([Message(n, "info", "all well") for n in range(9)])
    assert quiet.outcome is Outcome.NO_FAULT
    assert choose(quiet).path == FAST
    odd = diagnosed([Message(n, "error", "retry failed") for n in range(9)])
    assert odd.outcome is Outcome.NO_FAULT
    assert choose(odd).reasons == ("there are error messages without a code",)


def past(confirmed: bool | None) -> PastDiagnosis:
    return PastDiagnosis("D1", "b0", "likely cause", "J7", "v2.3.1", ("C0035",), confirmed)


def test_what_a_person_confirmed_raises_the_confidence_and_a_correction_lowers_it() -> None:
    chance = [
        diagnosed(WHEEL, KNOWN, past=(past(judged),)).confidence.probability
        for judged in (False, None, True)
    ]
    assert all(one is not None for one in chance)
    assert chance == sorted(chance)  # type: ignore[type-var]
    assert len(set(chance)) == 3
    assert chance[1] == clear().confidence.probability


unit = st.floats(0, 1)


@given(st.fixed_dictionaries(dict.fromkeys(FEATURES, unit)), st.sampled_from(FEATURES))
def test_more_of_a_feature_moves_the_probability_the_way_its_weight_says(
    given_features: dict[str, float], name: str
) -> None:
    low = probability({**given_features, name: 0.0}, parameters())
    high = probability({**given_features, name: 1.0}, parameters())
    assert 0 <= low <= 1
    assert (high >= low) == (parameters().weights[name] >= 0) or high == low


@given(st.lists(st.floats(0, 7), max_size=5), st.floats(0, 7), unit)
def test_features_are_shares(others: list[float], score: float, fit: float) -> None:
    found = features(
        fit=fit, severe=True, score=score, others=others, leads=False, whole=True, code="P0300"
    )
    assert set(found) == set(FEATURES)
    assert all(0 <= value <= 1 for value in found.values())
