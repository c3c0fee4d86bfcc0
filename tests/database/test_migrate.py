from __future__ import annotations

import multiprocessing
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from argus_pipeline.database import migrate as migrations
from argus_pipeline.database.engine import create_engine
from argus_pipeline.database.models import SCHEMA, Base
from argus_pipeline.errors import ArgusError, Unavailable

# Everything that Alembic's comparison leaves out: CHECKs, foreign keys, indexes, generated columns.
DEFINITIONS = f"""
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = '{SCHEMA}'::regnamespace
UNION ALL
SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = '{SCHEMA}'
UNION ALL
SELECT 'column', table_name, column_name,
       concat_ws(' ', data_type, udt_name, is_nullable, column_default, is_identity,
                 identity_generation, is_generated, generation_expression)
  FROM information_schema.columns WHERE table_schema = '{SCHEMA}'
ORDER BY 1, 2, 3
"""

FIRST_REVISIONS_ROW = """
WITH batch AS (
  INSERT INTO argus.batches
    (batch, vehicle, platform, firmware, priority, created, manifest_etag, files, bytes, tags)
  VALUES ('b1', 'V1', 'J7', 'v2.3.1', 'P1', now(), 'etag', 1, 100, '{}') RETURNING batch
)
INSERT INTO argus.recordings
  (batch, recording, status, format, size, rows, decoded_bytes, quarantined_bytes, fault_count,
   input_hash, parser_version, tables)
SELECT batch, 'a.dlt', 'parsed', 'dlt', 100, 7, 100, 0, 0, 'h', '0.1.0', '[]' FROM batch
"""


def definitions(connection: Connection) -> list[tuple[Any, ...]]:
    rows = connection.execute(text(DEFINITIONS))
    return [tuple(row) for row in rows if "alembic_version" not in str(tuple(row))]


def to_revision(connection: Connection, revision: str) -> None:
    folder = migrations.__file__.replace("migrate.py", "migrations")
    config = Config()
    config.set_main_option("script_location", folder)
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.downgrade(config, revision)


def test_an_empty_database_is_brought_to_the_newest_revision(database_url: str) -> None:
    assert migrations.current_revision(database_url) is None
    migrations.migrate(database_url)
    assert migrations.current_revision(database_url) == migrations.head_revision()


def test_migrating_twice_is_fine(database_url: str) -> None:
    migrations.migrate(database_url)
    migrations.migrate(database_url)
    assert migrations.current_revision(database_url) == migrations.head_revision()


def test_nothing_is_left_in_the_schema_that_dagster_uses(database_url: str) -> None:
    migrations.migrate(database_url)
    with create_engine(database_url).connect() as connection:
        tables = connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        )
        assert tables.all() == []


def test_models_and_migrations_agree(database_url: str) -> None:
    migrations.migrate(database_url)
    with create_engine(database_url).connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
                "version_table_schema": SCHEMA,
                "compare_type": True,
                "compare_server_default": True,
            },
        )
        assert compare_metadata(context, Base.metadata) == []


def test_models_and_migrations_agree_on_every_constraint_index_and_column(
    database_url: str,
) -> None:
    migrations.migrate(database_url)
    with create_engine(database_url).connect() as connection:
        migrated = definitions(connection)
        connection.execute(text(f"DROP SCHEMA {SCHEMA} CASCADE"))
        connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        Base.metadata.create_all(connection)
        assert definitions(connection) == migrated
    assert len(migrated) > 80


def test_the_revisions_can_be_taken_back(database_url: str) -> None:
    migrations.migrate(database_url)
    with create_engine(database_url).begin() as connection:
        to_revision(connection, "base")
        left = connection.execute(
            text(f"SELECT tablename FROM pg_tables WHERE schemaname='{SCHEMA}'")
        )
        assert [row[0] for row in left] == ["alembic_version"]
    migrations.migrate(database_url)
    assert migrations.current_revision(database_url) == migrations.head_revision()


def test_recordings_of_the_first_revision_outlast_both_ways(database_url: str) -> None:
    migrations.migrate(database_url)
    with create_engine(database_url).begin() as connection:
        to_revision(connection, "0001")
        connection.execute(text(FIRST_REVISIONS_ROW))
    migrations.migrate(database_url)
    with create_engine(database_url).begin() as connection:
        kept = "SELECT rows, lifecycles, lost_messages FROM argus.recordings"
        assert connection.execute(text(kept)).one() == (7, None, None)
        connection.execute(text("UPDATE argus.recordings SET format = 'bench-log', lifecycles = 2"))
        to_revision(connection, "0001")
        kept = "SELECT rows, format FROM argus.recordings"
        assert connection.execute(text(kept)).one() == (7, None)


def test_several_processes_may_migrate_at_once(database_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=migrations.migrate, args=(database_url,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    assert migrations.current_revision(database_url) == migrations.head_revision()


def test_a_migration_that_never_gets_its_turn_says_so(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_WAIT", "200ms")
    with create_engine(database_url).connect() as other:
        other.execute(text("SELECT pg_advisory_lock(:key)"), {"key": migrations.LOCK_KEY})
        with pytest.raises(Unavailable, match="another migration"):
            migrations.migrate(database_url)
    assert migrations.current_revision(database_url) is None


def test_a_database_of_a_newer_version_is_left_alone_and_named(database_url: str) -> None:
    migrations.migrate(database_url)
    with create_engine(database_url).begin() as connection:
        connection.execute(text(f"UPDATE {SCHEMA}.alembic_version SET version_num = '9999'"))
    with pytest.raises(ArgusError, match="revision 9999"):
        migrations.migrate(database_url)


def test_a_user_without_rights_is_told_what_an_administrator_can_do(database_url: str) -> None:
    with create_engine(database_url).begin() as connection:
        connection.execute(text("DROP ROLE IF EXISTS argus_nobody"))
        connection.execute(text("CREATE ROLE argus_nobody"))
        connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
    restricted = (
        database_url + ("&" if "?" in database_url else "?") + "options=-crole%3Dargus_nobody"
    )
    with pytest.raises(ArgusError, match="AUTHORIZATION"):
        migrations.migrate(restricted)
