"""In which queue a run waits."""

from __future__ import annotations

import pytest

from argus_pipeline.engine.queues import (
    LARGE_TAG,
    LEADING,
    PRIORITY_TAG,
    WORK,
    Queue,
    queue_of_run,
    queue_of_steps,
)
from sensors.uploads import PRIORITY_TAGS


@pytest.mark.parametrize(
    ("priority", "run", "steps"),
    [
        ("P0", Queue.URGENT, Queue.URGENT),
        ("P1", Queue.RUNS, Queue.SHARDS),
        ("P2", Queue.BULK, Queue.BULK),
    ],
)
def test_a_batch_waits_by_its_priority(priority: str, run: Queue, steps: Queue) -> None:
    tags = {PRIORITY_TAG: PRIORITY_TAGS[priority]}
    assert queue_of_run(tags) is run
    assert queue_of_steps(tags) is steps


def test_a_large_batch_is_led_from_slots_of_its_own() -> None:
    assert queue_of_run({LARGE_TAG: "true"}) is Queue.LEADS
    assert queue_of_run({LARGE_TAG: "true", PRIORITY_TAG: "-10"}) is Queue.LEADS
    assert not set(LEADING) & set(WORK)


def test_an_urgent_large_batch_is_led_before_all_others() -> None:
    assert queue_of_run({LARGE_TAG: "true", PRIORITY_TAG: "10"}) is LEADING[0]


def test_roll_ups_and_what_has_no_priority_are_usual_runs() -> None:
    assert queue_of_run({}) is Queue.RUNS
    assert queue_of_run({PRIORITY_TAG: "-5"}) is Queue.RUNS
    assert queue_of_run({PRIORITY_TAG: "soon"}) is Queue.RUNS


def test_workers_look_for_what_is_urgent_first_and_for_what_can_wait_last() -> None:
    assert (WORK[0], WORK[-1]) == (Queue.URGENT, Queue.BULK)
    assert WORK.index(Queue.SHARDS) < WORK.index(Queue.RUNS)
