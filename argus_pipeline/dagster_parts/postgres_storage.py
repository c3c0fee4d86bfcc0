"""Dagster's records in Postgres, over connections that are kept.

Dagster's own storage connects anew each time it asks: 69 times for a small batch in bulk, and each
time costs a new process of the server and a proof of the password at both ends.
"""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any, Final, Self

from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.schedule_storage import PostgresScheduleStorage
from dagster_postgres.utils import (
    create_pg_engine,
    get_token_provider_from_config,
    pg_url_from_config,
)

from argus_pipeline.database.engine import KEPT_ALIVE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster._serdes import ConfigurableClassData
    from dagster_postgres.auth import PgTokenProvider
    from sqlalchemy import Engine

KEPT: Final = 1
"""Connections that a process keeps. Threads that ask at once get more, which close again."""

_engines: Final[weakref.WeakSet[Engine]] = weakref.WeakSet()


class PooledPostgresStorage(DagsterPostgresStorage):
    """`DagsterPostgresStorage`, of which all parts share the connection that a process keeps.

    It is asked whether it still lives before each use, so a restart of the database costs one more
    connection. A forked process makes its own. Named by `storage` in `dagster.yaml`, with the
    configuration of Dagster's own; the webserver replaces the pool with its own, as before.
    """

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
        token_provider: PgTokenProvider | None = None,
    ) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data, token_provider)
        engine = create_pg_engine(
            postgres_url,
            token_provider,
            isolation_level="AUTOCOMMIT",
            pool_size=KEPT,
            max_overflow=-1,
            pool_pre_ping=True,
            connect_args=dict(KEPT_ALIVE),
        )
        _engines.add(engine)
        # Their tables are there by now.
        self._run_storage = _Runs(postgres_url, False, None, token_provider).over(engine)
        self._event_log_storage = _Events(postgres_url, False, None, token_provider).over(engine)
        self._schedule_storage = _Schedules(postgres_url, False, None, token_provider).over(engine)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> PooledPostgresStorage:
        """What Dagster calls with the `config` of `dagster.yaml`."""
        return cls(
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            inst_data=inst_data,
            token_provider=get_token_provider_from_config(config_value),
        )


class _Pooled:
    """A part of the storage, whose engine is not its own."""

    _engine: Engine

    def over(self, engine: Engine) -> Self:
        self._engine = engine
        return self

    def dispose(self) -> None:
        super().dispose()  # type: ignore[misc]
        self._engine.dispose()


class _Runs(_Pooled, PostgresRunStorage):
    _has_times = False

    def has_run_stats_index_cols(self) -> bool:
        """Whether runs have columns for their times: asked of the catalog until they are there.

        Dagster asks whenever it reads or writes a run, and what a migration added stays.
        """
        self._has_times = self._has_times or super().has_run_stats_index_cols()
        return self._has_times


class _Events(_Pooled, PostgresEventLogStorage): ...


class _Schedules(_Pooled, PostgresScheduleStorage): ...


def _forget_those_of_the_parent() -> None:
    """Two processes must never talk over one connection; closing it here would end it there."""
    for engine in _engines:
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_forget_those_of_the_parent)
