"""What SQL asks for, by DuckDB's own parser: which tables, and whether it does more than read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from argus_pipeline.errors import BadInput
from argus_pipeline.query.explaining import WHERE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def tables_named(connection: DuckDBPyConnection, sql: str) -> list[tuple[str, str]]:
    """The tables that one statement names, as (schema or an empty text, name).

    Names of its own `WITH` clauses are among them.

    Raises:
        BadInput: it cannot be read, is more than one statement, or does more than read.
    """
    # Where it cannot be read, this says at which place.
    connection.extract_statements(sql)
    [(text,)] = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()
    tree: dict[str, Any] = json.loads(text)
    if tree.get("error"):
        raise BadInput(
            " ".join(str(tree.get("error_message", "")).split()),
            where=WHERE,
            expected="one SELECT; it reads only",
            hint="PIVOT goes inside it: SELECT * FROM (PIVOT …)"
            if sql.lstrip().lower().startswith("pivot")
            else None,
        )
    statements = tree.get("statements", [])
    if len(statements) != 1:
        raise BadInput(f"{len(statements)} statements", where=WHERE, expected="one SELECT")
    return list(dict.fromkeys(_base_tables(statements)))


def quoted(name: str) -> str:
    """A name as SQL takes it whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL takes it whatever is in it."""
    return "'" + text.replace("'", "''") + "'"


def _base_tables(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        if node.get("type") == "BASE_TABLE":
            yield node.get("schema_name", ""), node["table_name"]
        for value in node.values():
            yield from _base_tables(value)
    elif isinstance(node, list):
        for value in node:
            yield from _base_tables(value)
