"""Pools in a real Postgres, where a run cannot mend them itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.test_utils import instance_for_test

from argus_pipeline.engine.pools import align_pools


@dg.op(pool="parser")
def parse() -> None: ...


@dg.job
def batch() -> None:
    parse()


@contextmanager
def instance_of(url: str, default: int) -> Iterator[dg.DagsterInstance]:
    overrides = {
        "storage": {"postgres": {"postgres_url": url}},
        "concurrency": {"pools": {"default_limit": default, "granularity": "op"}},
    }
    with instance_for_test(overrides=overrides) as instance:
        yield instance


@pytest.fixture
def url(database_url: str) -> str:
    return sa.make_url(database_url).set(drivername="postgresql+psycopg2").render_as_string(False)


def limits(instance: dg.DagsterInstance) -> dict[str, int]:
    return {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}


def test_a_new_default_reaches_the_pools_before_a_run_would_fail_by_it(url: str) -> None:
    with instance_of(url, 8) as instance:
        align_pools(instance, ["parser", "diagnosis"])
        assert limits(instance) == {"parser": 8, "diagnosis": 8}
        assert batch.execute_in_process(instance=instance).success
        instance.event_log_storage.set_concurrency_slots("diagnosis", 3)
    with instance_of(url, 16) as instance:
        failed = batch.execute_in_process(instance=instance, raise_on_error=False)
        assert not failed.success, "should this pass, Dagster mended it, and align_pools can go"
        align_pools(instance)
        assert limits(instance) == {"parser": 16, "diagnosis": 3}, "what a person set stays"
        assert batch.execute_in_process(instance=instance).success
