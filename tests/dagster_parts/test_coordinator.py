"""What a run is given before it waits in Dagster's queue."""

from __future__ import annotations

import pytest
from dagster._core.storage.tags import EXTERNALLY_MANAGED_ASSETS_TAG

from argus_pipeline.batches.limits import read_limits
from argus_pipeline.dagster_parts.coordinator import of_many_batches, tried_again
from argus_pipeline.engine.queues import Queue, queue_of_run

RANGE = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "b"}


@pytest.mark.parametrize(("own", "then"), [("10", "11"), ("0", "1"), ("1", "2"), ("-10", "-9")])
def test_a_lost_run_is_tried_again_before_those_of_its_kind(own: str, then: str) -> None:
    tags = {"dagster/priority": own, "dagster/retry_number": "1"}
    assert tried_again(tags) == {"dagster/priority": then}


def test_a_run_that_is_tried_again_overtakes_at_the_workers_too() -> None:
    tags = {"dagster/priority": "0", "dagster/retry_number": "1"}
    assert queue_of_run(tags) is Queue.RUNS
    assert queue_of_run({**tags, **tried_again(tags)}) is Queue.URGENT
    large = {**tags, "argus/large": "true"}
    assert queue_of_run({**large, **tried_again(large)}) is Queue.URGENT_LEADS


@pytest.mark.parametrize("tags", [{}, {"dagster/priority": "10"}, {"dagster/parent_run_id": "x"}])
def test_others_wait_as_they_come(tags: dict[str, str]) -> None:
    assert tried_again(tags) == {}
    assert of_many_batches(tags) == {}


def test_a_priority_that_is_no_number_stays_what_it_is() -> None:
    assert tried_again({"dagster/priority": "soon", "dagster/retry_number": "1"}) == {}


def test_a_run_of_many_batches_waits_behind_unless_somebody_said_otherwise() -> None:
    assert of_many_batches(RANGE)["dagster/priority"] == "-10"
    assert of_many_batches({**RANGE, "dagster/priority": "10"})["dagster/priority"] == "10"


def test_a_run_of_many_batches_has_more_time_and_records_by_itself() -> None:
    tags = of_many_batches(RANGE)
    assert int(tags["dagster/max_runtime"]) > read_limits().time_limit_s(0)
    assert tags[EXTERNALLY_MANAGED_ASSETS_TAG] == "true"
