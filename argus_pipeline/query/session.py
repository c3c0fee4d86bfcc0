"""One conversation in SQL with the bucket and the database. Nothing is written anywhere.

DuckDB works in memory. Only what a statement names is looked for: a folder of the bucket is listed,
and a table of Postgres is loaded, when the first statement asks for it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa

from argus_pipeline.errors import BadInput
from argus_pipeline.query.answers import Answer
from argus_pipeline.query.explaining import WHERE, explained
from argus_pipeline.query.postgres import postgres_table
from argus_pipeline.query.sql import literal, quoted, tables_named
from argus_pipeline.query.tables import (
    ARGUS,
    FLEET,
    HISTORY,
    PARSED,
    SEARCH_PATH,
    STATISTICS,
    Table,
    fleet_tables,
    history_tables,
    parsed_table,
    postgres_tables,
    statistics_tables,
)
from argus_pipeline.statistics import schemas
from argus_pipeline.storage import keys

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from argus_pipeline.storage.object_store import ObjectStore

# What would download, guess at Python's variables, or take all memory, is off.
_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
_SUFFIX: Final = ".parquet"
_PREFIXES: Final = {FLEET: keys.FLEET, STATISTICS: keys.STATISTICS, PARSED: keys.PARSED}
# The folders below a prefix that become columns.
_FOLDERS: Final = {FLEET: (), STATISTICS: ("batch",), PARSED: ("batch", "recording")}


class QuerySession:
    """Answers SQL over the tables that `tables()` lists. Close it, or use it as a context.

    Args:
        store: the bucket.
        engine: makes the connection to Postgres, where a statement needs it.
        batch: only batches whose ids begin with this; `20261123` is all of a day.
    """

    def __init__(self, store: ObjectStore, engine: Engine | None, *, batch: str = "") -> None:
        self.store = store
        self.engine = engine
        self.batch = batch
        self._listed: dict[str, list[str]] = {}
        self._made: set[Table] = set()
        self._reader: pa.RecordBatchReader | None = None
        self._connection = duckdb.connect(config=_CONFIG)
        self._connection.register_filesystem(store.filesystem)
        self._connection.execute("SET TimeZone = 'UTC'")
        for schema in SEARCH_PATH:
            self._connection.execute(f"CREATE SCHEMA {schema}")
        self._connection.execute(f"SET search_path = '{','.join(SEARCH_PATH)}'")

    def __enter__(self) -> QuerySession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget everything."""
        self._forget_answer()
        self._connection.close()

    def tables(self) -> list[Table]:
        """Every table that there is; those of recordings by the types that were found."""
        fleet = {table_name(key) for key in self._list(FLEET)}
        parsed = {table_name(key) for key in self._list(PARSED)}
        return [
            *postgres_tables(),
            *(table for table in fleet_tables() if table.name in fleet),
            *(one for one in history_tables() if self._has_objects(HISTORY[one.name])),
            *statistics_tables(),
            *(parsed_table(name) for name in sorted(parsed)),
        ]

    def ask(self, sql: str) -> Answer:
        """The answer to one SELECT (or DESCRIBE, SUMMARIZE), to be read once and before the next.

        Raises:
            BadInput: the SQL is wrong, or names what there is not.
            Unavailable: the bucket or the database does not answer.
        """
        with explained({table.name for table in self._known()}):
            self._forget_answer()
            for schema, name in tables_named(self._connection, sql):
                self._prepare(schema, name)
            self._reader = self._connection.sql(sql).to_arrow_reader()
            return Answer(self._reader)

    def _forget_answer(self) -> None:
        """DuckDB refuses more work while rows of an answer are left."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _prepare(self, schema: str, name: str) -> None:
        """Make the table that is named, where it is one of ours and not there yet."""
        for place in [schema] if schema in SEARCH_PATH else () if schema else SEARCH_PATH:
            table = Table(place, name)
            if table in self._made or self._make(table):
                self._made.add(table)
                return

    def _make(self, table: Table) -> bool:
        """Make the table, or say that there is none of this name."""
        if table.schema == ARGUS:
            return table.name in _names(postgres_tables()) and self._load(table)
        if table.schema == FLEET and table.name in HISTORY:
            return self._partitioned(table, HISTORY[table.name])
        found = [key for key in self._list(table.schema) if table_name(key) == table.name]
        if found:
            return self._scan(table, found, _FOLDERS[table.schema])
        if table.schema == STATISTICS and table.name in schemas.SCHEMAS:
            return self._register(table, _without_rows(table.name))
        return False

    def _load(self, table: Table) -> bool:
        if self.engine is None:
            raise BadInput(
                f"{table} is in Postgres, and no database is configured",
                where=WHERE,
                hint="Start the local stack with `argus up`, or set ARGUS_DATABASE_URL",
            )
        return self._register(table, postgres_table(self.engine, table.name, batch=self.batch))

    def _register(self, table: Table, content: pa.Table) -> bool:
        name = f"{table.schema} {table.name}"
        self._connection.register(name, content)
        self._connection.execute(f"CREATE VIEW {table} AS FROM memory.main.{quoted(name)}")
        return True

    def _scan(self, table: Table, found: list[str], levels: tuple[str, ...]) -> bool:
        """A view over objects; `levels` are the folders below the first, each a column."""
        files = ", ".join(literal(self.store.uri(key)) for key in found)
        folders = re.escape(self.store.uri(_PREFIXES[table.schema]))
        columns = [
            f"regexp_extract(filename, {literal(folders + '([^/]+)/' * (n + 1))}, {n + 1})"
            f" AS {quoted(level)}, "
            for n, level in enumerate(levels)
        ]
        self._connection.execute(
            f"CREATE VIEW {table} AS SELECT {''.join(columns)}* EXCLUDE (filename)"
            f" FROM read_parquet([{files}], filename = true, union_by_name = true)"
        )
        return True

    def _has_objects(self, prefix: str) -> bool:
        return next(self.store.list(prefix), None) is not None

    def _partitioned(self, table: Table, prefix: str) -> bool:
        """A view over the objects of folders that name their partition as Hive does."""
        found = [info.key for info in self.store.list(prefix) if info.key.endswith(_SUFFIX)]
        if not found:
            return False
        files = ", ".join(literal(self.store.uri(key)) for key in found)
        of_batches = prefix == keys.FLEET_BY_DAY and self.batch
        only = f" WHERE starts_with(batch, {literal(self.batch)})" if of_batches else ""
        self._connection.execute(
            f"CREATE VIEW {table} AS FROM read_parquet([{files}], hive_partitioning = true,"
            f" hive_types_autocast = false){only}"
        )
        return True

    def _list(self, schema: str) -> list[str]:
        """The Parquet objects of a folder, of the batches that were asked for."""
        if schema not in self._listed:
            if schema == FLEET:
                # Listing would go through what is kept of every vehicle.
                found = [
                    key
                    for table in fleet_tables()
                    if self.store.head(key := keys.fleet(table.name))
                ]
            else:
                found = [info.key for info in self.store.list(_PREFIXES[schema] + self.batch)]
            if schema == PARSED:
                # A recording counts once its result is written.
                whole = {k.rpartition("/")[0] for k in found if k.endswith(keys.RECORDING_RESULT)}
                found = [key for key in found if key.rpartition("/")[0] in whole]
            self._listed[schema] = [key for key in found if key.endswith(_SUFFIX)]
        return self._listed[schema]

    def _known(self) -> list[Table]:
        """What can be named without another look into the bucket."""
        found = [
            Table(schema, table_name(key))
            for schema, keys_ in self._listed.items()
            for key in keys_
        ]
        return [*postgres_tables(), *statistics_tables(), *history_tables(), *found]


def table_name(key: str) -> str:
    """The name of the table that an object holds."""
    return key.rpartition("/")[2].removesuffix(_SUFFIX)


def _names(tables: list[Table]) -> set[str]:
    return {table.name for table in tables}


def _without_rows(name: str) -> pa.Table:
    empty: pa.Table = schemas.empty(name).to_arrow()
    return empty.add_column(0, "batch", pa.array([], pa.string()))
