"""The stage of a batch, derived from Dagster's records."""

from __future__ import annotations

import pytest

from argus_pipeline.batches.stages import Stage, stage_of


def test_a_waiting_run_is_queued() -> None:
    assert stage_of("QUEUED", {}) == (Stage.QUEUED, "")


@pytest.mark.parametrize(
    ("steps", "stage"),
    [
        ({}, Stage.VERIFYING),
        ({"raw_batch": "IN_PROGRESS"}, Stage.VERIFYING),
        ({"raw_batch": "SUCCESS", "parsed_csv.plan": "IN_PROGRESS"}, Stage.PARSING),
        ({"parsed_csv.collect": "SUCCESS", "batch_statistics": "IN_PROGRESS"}, Stage.STATISTICS),
        ({"charts": "SUCCESS", "diagnosis": "IN_PROGRESS"}, Stage.DIAGNOSING),
        ({"diagnosis": "SUCCESS", "report": "IN_PROGRESS"}, Stage.REPORTING),
    ],
)
def test_a_running_batch_is_at_the_furthest_step_that_began(
    steps: dict[str, str], stage: Stage
) -> None:
    assert stage_of("STARTED", steps)[0] is stage


def test_parsing_says_how_many_parts_are_done() -> None:
    steps = {"parsed_csv.parse[a]": "SUCCESS", "parsed_csv.parse[b]": "IN_PROGRESS"}
    assert stage_of("STARTED", steps) == (Stage.PARSING, "1/2")


def test_a_failed_run_names_the_step() -> None:
    assert stage_of("FAILURE", {"raw_batch": "FAILURE"}) == (Stage.FAILED, "in raw_batch")


def test_only_done_failed_given_up_and_rejected_are_final() -> None:
    assert {s for s in Stage if s.is_final} == {
        Stage.DONE,
        Stage.FAILED,
        Stage.GIVEN_UP,
        Stage.REJECTED,
    }
