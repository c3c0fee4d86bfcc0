"""What sensors and checks ask of Dagster's tables, in both databases it may keep them in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test, instance_for_test

from argus_pipeline import run_records, run_tables
from argus_pipeline.run_records import JOB, PARTITION_TAG, PARTITIONS_NAME, RUN_KEY_TAG

HOUR = timedelta(hours=1)


@pytest.fixture(params=["postgres", "sqlite"])
def instance(request: pytest.FixtureRequest) -> Iterator[dg.DagsterInstance]:
    overrides = {}
    if request.param == "postgres":
        url = sa.make_url(request.getfixturevalue("database_url"))
        url = url.set(drivername="postgresql+psycopg2")
        overrides = {"storage": {"postgres": {"postgres_url": url.render_as_string(False)}}}
    with instance_for_test(overrides=overrides) as found:
        yield found


def run_of(instance: dg.DagsterInstance, batch: str, run_key: str, status: DagsterRunStatus) -> str:
    tags = {PARTITION_TAG: batch, RUN_KEY_TAG: run_key}
    return create_run_for_test(instance, JOB, tags=tags, status=status).run_id


def test_where_nothing_ran_and_nothing_is_asked_for_there_is_nothing(
    instance: dg.DagsterInstance,
) -> None:
    now = datetime.now(UTC)
    with run_records.run_rows(instance) as rows:
        assert run_tables.failed_lately(rows, now - HOUR) == {}
        assert run_tables.run_keys_taken(rows, []) == set()
        assert run_tables.newest_created(rows, 0) == []
        assert run_tables.newest_created(rows, 5) == []
        assert run_tables.count_attempts(rows) == 0
    with run_records.event_rows(instance) as rows:
        assert run_tables.partitions_added(rows, now - HOUR, now + HOUR) == {}
        assert run_tables.newest_partition(rows) is None


def test_what_ran_is_told_as_it_is(instance: dg.DagsterInstance) -> None:
    began = datetime.now(UTC)
    instance.add_dynamic_partitions(PARTITIONS_NAME, ["b1", "b2"])
    run_of(instance, "b1", "b1:etag", DagsterRunStatus.FAILURE)
    again = run_of(instance, "b1", "b1:etag:attempt-2", DagsterRunStatus.FAILURE)
    run_of(instance, "b2", "b2:etag", DagsterRunStatus.FAILURE)
    run_of(instance, "b2", "b2:etag:attempt-2", DagsterRunStatus.SUCCESS)
    now = datetime.now(UTC)

    with run_records.run_rows(instance) as rows:
        assert run_tables.failed_lately(rows, now - HOUR) == {"b1": again}
        assert run_tables.failed_lately(rows, now + HOUR) == {}
        assert run_tables.run_keys_taken(rows, ["b1:etag", "b9:etag"]) == {"b1:etag"}
        created = run_tables.newest_created(rows, 3)
        clock = run_tables.database_now(rows)
        assert run_tables.count_attempts(rows) == 2
    # SQLite keeps whole seconds.
    first, last = began.timestamp() - 1, now.timestamp() + 1
    assert len(created) == 3
    assert all(first <= at <= last for at in created)
    assert max(created) - 1 <= clock <= last + 60

    with run_records.event_rows(instance) as rows:
        assert set(run_tables.partitions_added(rows, began - HOUR, now + HOUR)) == {"b1", "b2"}
        assert run_tables.partitions_added(rows, now + HOUR, now + 2 * HOUR) == {}
        newest = run_tables.newest_partition(rows)
    assert newest is not None
    assert first <= newest.timestamp() <= last
