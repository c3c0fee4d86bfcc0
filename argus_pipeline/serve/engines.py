"""Connections that can only read: a role without rights to write, and read-only transactions."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import sqlalchemy
from sqlalchemy import Engine, text

from argus_pipeline.database.engine import translated
from argus_pipeline.database.roles import READER, WINDOW
from argus_pipeline.errors import ArgusError
from argus_pipeline.settings import with_driver

APPLICATION_NAME: Final = "argus-serve"
POOL: Final = 8
STATEMENT_MS: Final = 10_000
_READ_ONLY: Final = "-c default_transaction_read_only=on"
_PATIENCE: Final = f"-c statement_timeout={STATEMENT_MS} -c lock_timeout=2000"


def reading_engine(url: str) -> Engine:
    """An engine for the schema `argus` that can only read.

    Raises:
        ArgusError: the database's user can write, and cannot become a reader.
        Unavailable: the database does not answer.
    """
    return _limited(url, READER, "argus.diagnoses")


def runs_engine(url: str) -> Engine:
    """The same for Dagster's tables.

    Raises:
        ArgusError: as above.
        Unavailable: as above.
    """
    return _limited(url, READER, "runs")


def writing_engine(url: str) -> Engine | None:
    """An engine that may add judgements and questions and no more; None where it may not."""
    engine = _engine(url, f"-c role={WINDOW} {_PATIENCE}")
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except sqlalchemy.exc.DBAPIError:
        engine.dispose()
        return None
    return engine


def read_only_url(url: str) -> str:
    """A URL for Dagster's own storage (psycopg2), whose connections can only read."""
    made = sqlalchemy.make_url(with_driver(url, "psycopg2"))
    options = f"-c role={READER} {_READ_ONLY} {_PATIENCE}"
    query = f"options={quote(options)}"
    shown = made.render_as_string(hide_password=False)
    return f"{shown}{'&' if '?' in shown else '?'}{query}"


def _limited(url: str, role: str, table: str) -> Engine:
    """As the role where the user may become it; as itself where it cannot write anyway."""
    engine = _engine(url, f"-c role={role} {_READ_ONLY} {_PATIENCE}")
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        return engine
    except sqlalchemy.exc.DBAPIError:
        engine.dispose()
    engine = _engine(url, f"{_READ_ONLY} {_PATIENCE}")
    with translated(engine), engine.connect() as connection:
        writes = connection.scalar(
            text("SELECT has_table_privilege(current_user, :table, 'INSERT')"), {"table": table}
        )
    if writes:
        engine.dispose()
        raise ArgusError(
            f"the database's user can write {table} and cannot become {role}",
            expected=f"a user with the rights of {role}, or one who may SET ROLE {role}",
            hint="docs/serve.md says how to make one",
        )
    return engine


def _engine(url: str, options: str) -> Engine:
    return sqlalchemy.create_engine(
        with_driver(url, "psycopg"),
        pool_pre_ping=True,
        pool_size=POOL,
        max_overflow=POOL,
        pool_timeout=10,
        connect_args={
            "application_name": APPLICATION_NAME,
            "connect_timeout": 5,
            "options": options,
        },
    )
