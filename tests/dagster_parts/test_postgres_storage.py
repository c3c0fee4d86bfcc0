"""Dagster's records over kept connections, in a real Postgres."""

from __future__ import annotations

import os
from collections.abc import Iterator

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.test_utils import instance_for_test

from argus_pipeline.settings import with_driver
from argus_pipeline.stack.processes import wait_until

_OTHERS = sa.text(
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
    " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


@dg.job
def nothing() -> None: ...


@pytest.fixture
def instance(database_url: str) -> Iterator[dg.DagsterInstance]:
    storage = {
        "module": "argus_pipeline.dagster_parts.postgres_storage",
        "class": "PooledPostgresStorage",
        "config": {"postgres_url": with_driver(database_url, "psycopg2")},
    }
    with instance_for_test(overrides={"storage": {"custom": storage}}) as instance:
        yield instance


@pytest.fixture
def server(database_url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(
        with_driver(database_url, "psycopg"), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        yield connection


def processes_of(server: sa.Connection) -> set[int]:
    """The server's processes, one a connection, but for the one that is asked.

    One whose connection was closed is there for a moment yet.
    """
    return set(server.scalars(_OTHERS))


def test_a_run_and_all_that_is_asked_after_it_take_one_connection(
    instance: dg.DagsterInstance, server: sa.Connection
) -> None:
    instance.get_runs(limit=1)
    kept = processes_of(server)
    assert len(kept) == 1
    run = nothing.execute_in_process(instance=instance)
    assert instance.get_run_by_id(run.run_id).is_success
    assert instance.all_logs(run.run_id)
    instance.all_instigator_state()
    assert processes_of(server) == kept


def test_a_connection_that_the_server_ended_is_replaced_without_an_error(
    instance: dg.DagsterInstance, server: sa.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    instance.get_runs(limit=1)
    before = processes_of(server)
    for process in before:
        server.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": process})
    assert nothing.execute_in_process(instance=instance).success
    assert not processes_of(server) & before
    assert "Retrying" not in caplog.text


def test_a_forked_process_leaves_the_connection_to_its_parent(
    instance: dg.DagsterInstance, server: sa.Connection
) -> None:
    instance.get_runs(limit=1)
    kept = processes_of(server)
    child = os.fork()
    if not child:
        there = 1
        try:
            instance.get_runs(limit=1)
            there = 0 if kept < processes_of(server) else 2
        finally:
            os._exit(there)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    instance.get_runs(limit=1)
    assert wait_until(lambda: processes_of(server) == kept, 10)


def test_an_instance_that_is_closed_leaves_no_connection(
    instance: dg.DagsterInstance, server: sa.Connection
) -> None:
    instance.get_runs(limit=1)
    instance.dispose()
    assert wait_until(lambda: not processes_of(server), 10)
    assert instance.get_runs(limit=1) == []


def test_reading_a_run_looks_up_the_columns_of_its_table_once(instance: dg.DagsterInstance) -> None:
    run = nothing.execute_in_process(instance=instance)
    statements: list[str] = []
    engine = instance.run_storage._engine
    sa.event.listen(engine, "before_cursor_execute", lambda *said: statements.append(said[2]))
    record = instance.get_run_record_by_id(run.run_id)
    assert record.start_time
    assert record.end_time
    assert [" ".join(one.split()[:2]) for one in statements] == ["SELECT runs.id,"]
