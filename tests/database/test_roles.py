"""What each role may do in the database, asked of Postgres itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.exc import ProgrammingError

from argus_pipeline.database.engine import create_engine
from argus_pipeline.database.migrate import migrate
from argus_pipeline.database.roles import PIPELINE, READER, ensure_roles

INSUFFICIENT_PRIVILEGE = "42501"
WRITES = (
    "INSERT INTO argus.llm_pauses (endpoint, until, down) VALUES ('e', now(), false)",
    "UPDATE argus.llm_pauses SET down = true",
    "DELETE FROM argus.llm_pauses",
)
CHANGES = (
    "DROP TABLE argus.llm_pauses",
    "TRUNCATE argus.llm_pauses",
    "ALTER TABLE argus.llm_pauses ADD COLUMN more text",
    "CREATE TABLE argus.more (n int)",
    "DROP SCHEMA argus CASCADE",
    "ALTER TABLE argus.diagnosis_feedback DISABLE TRIGGER append_only",
    "UPDATE argus.alembic_version SET version_num = '0'",
)


@pytest.fixture(scope="module")
def engine(module_database_url: str) -> Iterator[Engine]:
    migrate(module_database_url)
    made = create_engine(module_database_url)
    ensure_roles(made)
    ensure_roles(made)
    yield made
    made.dispose()


def may(engine: Engine, role: str, statement: str) -> bool:
    state = None
    with engine.connect() as connection:
        connection.execute(sa.text(f"SET ROLE {role}"))
        try:
            connection.execute(sa.text(statement))
        except ProgrammingError as error:
            state = getattr(error.orig, "sqlstate", "unknown")
        finally:
            connection.rollback()
    assert state in {None, INSUFFICIENT_PRIVILEGE}, statement
    return state is None


@pytest.mark.parametrize("role", [PIPELINE, READER])
def test_a_role_reads_every_table_and_changes_none(engine, role) -> None:
    for table in sa.inspect(engine).get_table_names(schema="argus"):
        assert may(engine, role, f"SELECT * FROM argus.{table}"), table
    for statement in CHANGES:
        assert not may(engine, role, statement), statement


def test_the_pipeline_writes_rows_and_a_reader_does_not(engine) -> None:
    for statement in WRITES:
        assert may(engine, PIPELINE, statement), statement
        assert not may(engine, READER, statement), statement


def test_a_table_that_a_later_migration_brings_has_the_same_rights(engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE argus.later (n int)"))
    assert may(engine, READER, "SELECT * FROM argus.later")
    assert may(engine, PIPELINE, "INSERT INTO argus.later VALUES (1)")
    assert not may(engine, READER, "INSERT INTO argus.later VALUES (1)")
