"""Brings the schema `argus` to what this version needs.

The version table lies in the schema `argus` too, since Dagster's own tables, and its own
`alembic_version`, are in `public` of the same database.
"""

from __future__ import annotations

from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from argus_pipeline.database.engine import create_engine, translated
from argus_pipeline.database.models import SCHEMA
from argus_pipeline.errors import ArgusError, Unavailable

# Any number that no other program is likely to lock: "argus" in ASCII.
LOCK_KEY = 0x6172677573
LOCK_WAIT = "120s"


def migrate(url: str) -> None:
    """Bring the database to the newest revision; one that is there already is left alone.

    All of it is one transaction under an advisory lock, so two processes may do it at once, and
    an interrupted migration leaves nothing behind.

    Raises:
        Unavailable: the database does not answer, or another migration holds the lock for long.
        ArgusError: pgvector is missing, rights are missing, or the database is newer than this.
    """
    engine = create_engine(url, application_name="argus-migrate")
    try:
        with translated(engine), engine.connect() as connection:
            if _revision(connection) == head_revision():
                return
            connection.rollback()
            try:
                with connection.begin():
                    _upgrade(connection)
            except DBAPIError as error:
                _explain(error)
                raise
    finally:
        engine.dispose()


def current_revision(url: str) -> str | None:
    """The revision that the database is at, or None before the first migration.

    Raises:
        Unavailable: the database does not answer.
    """
    engine = create_engine(url, application_name="argus-migrate")
    try:
        with translated(engine), engine.connect() as connection:
            return _revision(connection)
    finally:
        engine.dispose()


def head_revision() -> str:
    """The newest revision that this version of Argus knows."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def _upgrade(connection: Connection) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
    # Alembic looks for its version table in it before the first migration runs.
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise ArgusError(
            f"the database is at revision {_revision(connection)}, which is not known here",
            expected=f"{head_revision()} or older",
            hint="Use the version of Argus that the database was migrated with, or a newer one",
        ) from error


def _revision(connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
    return context.get_current_revision()


def _config() -> Config:
    config = Config()
    folder = resources.files("argus_pipeline.database").joinpath("migrations")
    # Alembic's configuration treats % as the start of an interpolation.
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _explain(error: DBAPIError) -> None:
    """Raise what a person can act on, where the database's answer is understood."""
    state = getattr(error.orig, "sqlstate", None)
    if state == "55P03":  # lock_not_available
        raise Unavailable(
            f"another migration has been running for {LOCK_WAIT}", hint="Try again when it is done"
        ) from error
    if state in {"58P01", "0A000"}:  # undefined_file, feature_not_supported
        raise ArgusError(
            "the database server lacks the extension vector",
            expected="pgvector 0.8 or newer",
            hint="Install it on the server (on Debian: postgresql-17-pgvector)",
        ) from error
    if state == "42501":  # insufficient_privilege
        raise ArgusError(
            f"the database user may not do this: {str(error.orig).strip()}",
            hint="An administrator can run once: CREATE EXTENSION vector; CREATE SCHEMA argus "
            "AUTHORIZATION <that user>;",
        ) from error
