from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.batches.limits import Limits, read_limits
from argus_pipeline.batches.recovery import Attempt, Outcome, Step, decide, standstill
from argus_pipeline.batches.stages import Stage
from argus_pipeline.errors import ArgusError

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LIMITS = Limits(attempts=3, back_off_seconds=10)


def failed(minutes_ago: float = 60, **changes: object) -> Attempt:
    ended = NOW - timedelta(minutes=minutes_ago)
    return Attempt("r", Outcome.FAILED, ended, reason="lost", **changes)  # type: ignore[arg-type]


def test_a_failed_batch_is_tried_again() -> None:
    decision = decide([failed()], NOW, LIMITS)
    assert (decision.step, decision.attempt) == (Step.TRY_AGAIN, 2)


def test_the_first_wait_is_the_back_off_and_each_further_one_four_times_as_long() -> None:
    assert decide([failed(9 / 60)], NOW, LIMITS).step is Step.WAIT
    assert decide([failed(11 / 60)], NOW, LIMITS).step is Step.TRY_AGAIN
    assert decide([failed(39 / 60), failed()], NOW, LIMITS).step is Step.WAIT
    assert decide([failed(41 / 60), failed()], NOW, LIMITS).step is Step.TRY_AGAIN


def test_it_is_given_up_when_no_attempt_is_left_with_the_last_reason() -> None:
    decision = decide([failed(), failed(), failed()], NOW, LIMITS)
    assert decision.step is Step.GIVE_UP
    assert decision.reason == "3 attempts failed, the last one: lost"


def test_bad_data_is_given_up_at_once() -> None:
    decision = decide([failed(0, permanent=True)], NOW, LIMITS)
    assert (decision.step, decision.reason) == (Step.GIVE_UP, "lost")


@pytest.mark.parametrize("outcome", [Outcome.GOING_ON, Outcome.SUCCEEDED, Outcome.CANCELED])
def test_a_run_that_goes_on_or_succeeded_or_that_a_person_ended_is_left_alone(
    outcome: Outcome,
) -> None:
    assert decide([Attempt("r", outcome), failed()], NOW, LIMITS).step is Step.LEAVE


def test_an_older_run_that_still_goes_on_is_left_alone_too() -> None:
    assert decide([failed(), Attempt("r", Outcome.GOING_ON)], NOW, LIMITS).step is Step.LEAVE


def test_attempts_before_a_person_asked_no_longer_count() -> None:
    assert decide([failed(asked=True), failed(), failed()], NOW, LIMITS).step is Step.TRY_AGAIN


def test_a_batch_without_a_run_is_left_to_the_upload_sensor() -> None:
    assert decide([], NOW, LIMITS).step is Step.LEAVE


@given(
    st.lists(
        st.builds(
            Attempt,
            run_id=st.just("r"),
            outcome=st.sampled_from(Outcome),
            ended=st.just(NOW - timedelta(days=1)),
            permanent=st.booleans(),
            reason=st.just("x"),
            asked=st.booleans(),
        ),
        max_size=8,
    )
)
def test_no_batch_is_tried_while_a_run_goes_on_or_more_often_than_allowed(
    attempts: list[Attempt],
) -> None:
    decision = decide(attempts, NOW, LIMITS)
    if decision.step is Step.TRY_AGAIN:
        assert all(attempt.outcome is not Outcome.GOING_ON for attempt in attempts)
        assert attempts[0].outcome is Outcome.FAILED
        assert decision.attempt <= LIMITS.attempts


def test_a_run_is_stuck_after_its_stage_s_limit_and_a_large_batch_later() -> None:
    limits = Limits(parsing_minutes=5, diagnosing_minutes=10, megabytes_per_second=10)
    six_ago = NOW - timedelta(minutes=6)
    said = standstill(Stage.PARSING, six_ago, NOW, 0, limits)
    assert said == (
        "no sign of life for 6 minutes while parsing "
        "(the limit is 5 minutes, and longer for a large batch)"
    )
    assert standstill(Stage.DIAGNOSING, six_ago, NOW, 0, limits) is None
    assert standstill(Stage.DIAGNOSING, NOW - timedelta(minutes=11), NOW, 0, limits)
    assert standstill(Stage.PARSING, six_ago, NOW, 1_000_000_000, limits) is None


def test_limits_come_from_the_environment_and_a_wrong_one_is_named() -> None:
    assert read_limits({}) == Limits()
    assert read_limits({"ARGUS_LIMIT_ATTEMPTS": "7"}).attempts == 7
    with pytest.raises(ArgusError, match="ARGUS_LIMIT_REPORT_MINUTES: is 'soon'"):
        read_limits({"ARGUS_LIMIT_REPORT_MINUTES": "soon"})
    with pytest.raises(ArgusError, match="ARGUS_LIMIT_ATTEMPTS"):
        read_limits({"ARGUS_LIMIT_ATTEMPTS": "0"})
