from __future__ import annotations

import polars as pl
import pytest
from query.conftest import BATCHES
from sqlalchemy import Engine

from argus_pipeline.errors import BadInput
from argus_pipeline.query import QuerySession
from argus_pipeline.query.tables import postgres_tables, statistics_tables
from argus_pipeline.statistics.batch import BatchStatistics
from argus_pipeline.statistics.storage import read_statistics
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

FIRST, SECOND = BATCHES


def test_everything_that_there_is_can_be_asked_by_its_name(asked: QuerySession) -> None:
    tables = asked.tables()
    assert {str(table) for table in tables} >= {
        "argus.batches",
        "statistics.codes",
        "parsed.messages",
        'parsed."vehicle.BrakeState-1"',
    }
    for table in tables:
        counted = asked.ask(f"SELECT count(*) AS rows FROM {table}").frame()
        assert counted["rows"][0] >= 0, table


def test_frames_of_all_batches_are_one_table_with_the_batch_in_front(
    asked: QuerySession, filled: ObjectStore
) -> None:
    found = asked.ask("SELECT * FROM sources ORDER BY ALL").frame()
    assert found.columns[0] == "batch"
    expected = pl.concat(
        read_statistics(filled, batch).sources.select(
            pl.lit(batch).alias("batch"), pl.all().exclude("severity")
        )
        for batch in BATCHES
    )
    assert sorted(found.drop("severity").rows(), key=str) == sorted(expected.rows(), key=str)


def test_a_bare_name_means_the_first_schema_that_has_it(asked: QuerySession) -> None:
    assert "manifest_etag" in asked.ask("SELECT * FROM batches").columns
    assert "lost" in asked.ask("SELECT * FROM lifecycles").columns
    assert "lost" not in asked.ask("SELECT * FROM parsed.lifecycles").columns


def test_messages_carry_their_batch_and_recording(asked: QuerySession) -> None:
    found = asked.ask("SELECT DISTINCT batch, recording FROM messages ORDER BY ALL").frame()
    assert found.rows() == [(FIRST, "c_garbage5k.dlt"), (FIRST, "golden.dlt")]


def test_the_bucket_and_the_database_join(asked: QuerySession) -> None:
    found = asked.ask(
        "SELECT b.firmware, sum(t.messages) AS messages FROM totals t JOIN batches b USING (batch)"
        " GROUP BY 1 ORDER BY 1"
    ).frame()
    assert found["firmware"].to_list() == ["v2.2.9", "v2.3.1"]
    assert found.schema["messages"] == pl.Int64


def test_only_the_batches_that_were_asked_for_are_seen(filled: ObjectStore, engine: Engine) -> None:
    with QuerySession(filled, engine, batch="20261124") as session:
        for table in ("totals", "batches", "recordings"):
            found = session.ask(f"SELECT DISTINCT batch FROM {table}").frame()
            assert found["batch"].to_list() == [SECOND]
        assert 'parsed."vehicle.BrakeState-1"' in {str(t) for t in session.tables()}
        with pytest.raises(BadInput, match="no table messages"):
            session.ask("SELECT * FROM messages")


def test_tables_of_a_recording_without_its_result_do_not_count(
    filled: ObjectStore, engine: Engine
) -> None:
    key = keys.recording_result(FIRST, "golden.dlt")
    result = filled.get(key)
    filled.delete(key)
    with QuerySession(filled, engine) as session:
        found = session.ask("SELECT DISTINCT recording FROM messages").frame()
    filled.put(key, result)
    assert found["recording"].to_list() == ["c_garbage5k.dlt"]


def test_an_empty_bucket_has_frames_without_rows(object_store: ObjectStore, engine: Engine) -> None:
    with QuerySession(object_store, engine) as session:
        for table in statistics_tables():
            assert session.ask(f"SELECT * FROM {table}").frame().is_empty()


def test_times_are_in_utc(asked: QuerySession) -> None:
    found = asked.ask("SELECT first_time, date_trunc('day', first_time) AS day FROM totals").frame()
    assert {kind.time_zone for kind in found.schema.dtypes()} == {"UTC"}
    assert all(day.hour == 0 for day in found["day"].drop_nulls())


def test_an_answer_that_is_not_read_to_its_end_does_not_hinder_the_next(
    asked: QuerySession,
) -> None:
    long = asked.ask("SELECT * FROM range(1_000_000)")
    assert next(long.frames(10)).height == 10
    assert long.is_cut
    assert asked.ask("SELECT count(*) FROM codes").frame().height == 1


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE mine AS SELECT 1",
        "COPY (SELECT 1) TO 'mine.csv'",
        "INSERT INTO argus.batches VALUES (1)",
        "DROP VIEW statistics.codes",
        "SET threads = 1",
        "ATTACH 'mine.db'",
        "INSTALL httpfs",
        "SELECT 1; DROP VIEW statistics.codes",
    ],
)
def test_whatever_does_more_than_read_is_refused(asked: QuerySession, sql: str) -> None:
    with pytest.raises(BadInput, match="SELECT"):
        asked.ask(sql)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT * FROM cods", "there is no table cods.* Did you mean codes"),
        ("SELECT * FROM statistics.nothing_like_it", "--tables"),
        ("SELECT cod FROM codes", 'Candidate bindings.*"code"'),
        ("SELECT (", "syntax error"),
        ("", "0 statements"),
        ("PIVOT codes ON code", r"SELECT \* FROM \(PIVOT"),
        ("SELECT 'x'::INTEGER", "Could not convert"),
    ],
)
def test_wrong_sql_is_said_in_words(asked: QuerySession, sql: str, said: str) -> None:
    with pytest.raises(BadInput, match=f"(?s)^the SQL: .*{said}"):
        asked.ask(sql).frame()


def test_postgres_is_asked_only_where_a_statement_needs_it(filled: ObjectStore) -> None:
    with QuerySession(filled, None) as session:
        assert session.ask("SELECT count(*) FROM codes").frame().height == 1
        with pytest.raises(BadInput, match="no database is configured"):
            session.ask("SELECT * FROM batches")


def test_every_table_says_what_a_row_of_it_is() -> None:
    assert {table.name for table in statistics_tables()} == set(BatchStatistics.names())
    assert [table for table in [*postgres_tables(), *statistics_tables()] if not table.what] == []
