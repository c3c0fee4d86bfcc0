"""Connections to Postgres, with errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import sqlalchemy
from sqlalchemy import Engine
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from argus_pipeline import settings as argus_settings
from argus_pipeline.errors import ArgusError, Unavailable

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

APPLICATION_NAME = "argus"
CONNECT_SECONDS = 10
KEPT_ALIVE: Final = MappingProxyType(
    {
        "keepalives_idle": 60,
        "keepalives_interval": 15,
        "keepalives_count": 4,
        "tcp_user_timeout": 120_000,
    }
)
"""Parameters of libpq for a connection that is kept: what forgets silent ones (balancers after 350
s) sees it live, and a server that is gone without a word is an error after two minutes, not after a
quarter of an hour. A network that is away for a minute ends nothing."""
# invalid_schema_name, undefined_table, undefined_column: the migrations have not run.
_SCHEMA_STATES = frozenset({"3F000", "42P01", "42703"})


def create_engine(url: str, *, application_name: str = APPLICATION_NAME) -> Engine:
    """An engine over psycopg 3 for a Postgres URL, with or without a driver in it.

    Connections are checked before use, so a restarted server is no error. No connection is made
    yet. An engine must not be carried over a fork: make one in each process.

    Args:
        url: such as `postgresql://user:password@host:5432/database`.
        application_name: what `pg_stat_activity` shows.

    Raises:
        ArgusError: the URL is not one of Postgres.
    """
    try:
        return sqlalchemy.create_engine(
            argus_settings.with_driver(url, "psycopg"),
            pool_pre_ping=True,
            pool_size=5,
            max_overflow=10,
            pool_timeout=30,
            connect_args={
                "application_name": application_name,
                "connect_timeout": CONNECT_SECONDS,
                **KEPT_ALIVE,
            },
        )
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        # Not the error's own text: it repeats the URL with its password.
        raise ArgusError(
            "the database URL cannot be read",
            where="ARGUS_DATABASE_URL",
            expected="postgresql://user:password@host:port/database",
        ) from error


def engine_from(settings: argus_settings.Settings) -> Engine:
    """An engine for the configured database.

    Raises:
        ArgusError: none is configured.
    """
    return create_engine(settings.require_database_url())


@contextmanager
def opened_engine(settings: argus_settings.Settings) -> Iterator[Engine]:
    """The same for as long as the context lasts: a command closes what it opened.

    Raises:
        ArgusError: none is configured.
    """
    engine = engine_from(settings)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def session(engine: Engine) -> Iterator[Session]:
    """A session in one transaction: committed at the end, rolled back on an error.

    Raises:
        Unavailable: the database does not answer, or broke off.
        ArgusError: its schema lacks what this version needs.
    """
    # What only asks by SQL, as `argus status` does, is spared a tenth of a second.
    from sqlalchemy.orm import Session

    with translated(engine), Session(engine, expire_on_commit=False) as opened, opened.begin():
        yield opened


def translated(engine: Engine) -> AbstractContextManager[None]:
    """Turn errors of the connection into `Unavailable`, and of a missing schema into a hint."""
    return translated_at(engine.url.render_as_string(hide_password=True))


@contextmanager
def translated_at(where: str) -> Iterator[None]:
    """The same for a database that others connect to; `where` names it in errors."""
    try:
        yield
    except PoolTimeout as error:
        raise Unavailable(
            "no connection came free within 30 s", where=where, hint="Try again later"
        ) from error
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) in _SCHEMA_STATES:
            raise ArgusError(
                f"the schema is not that of this version: {_first_line(error)}",
                where=where,
                hint="`argus up` or argus_pipeline.database.migrate brings it up to date",
            ) from error
        raise
    except DBAPIError as error:
        if isinstance(error, OperationalError) or error.connection_invalidated:
            raise Unavailable(
                f"the database does not answer: {_first_line(error)}",
                where=where,
                hint="`argus doctor` checks it; `argus up` starts the local one",
            ) from error
        raise


def _first_line(error: DBAPIError) -> str:
    return (str(error.orig).strip().splitlines() or ["no reason given"])[0]
