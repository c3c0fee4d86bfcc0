"""The tables of the schema `argus`, loaded whole: they are small beside the bucket's.

DuckDB's own way to Postgres is an extension that has to be downloaded, so it is not taken.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from sqlalchemy import ARRAY, BigInteger, Boolean, Double, Integer, func, select
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from argus_pipeline.database.engine import translated
from argus_pipeline.database.models import Base
from argus_pipeline.errors import BadInput

if TYPE_CHECKING:
    from sqlalchemy import Column, Engine

MAX_ROWS: Final = 2_000_000
"""More would not fit into memory comfortably."""

# Vectors and search columns say nothing to people.
_LEFT_OUT: Final = ("embedding", "search")
_BATCH: Final = "batch"


def postgres_table(engine: Engine, name: str, *, batch: str = "") -> pa.Table:
    """A table of the schema `argus`; JSON as text.

    Args:
        engine: of the database.
        name: of the table.
        batch: only rows of batches whose ids begin with this, where the table has such.

    Raises:
        BadInput: it has more than `MAX_ROWS` rows.
        Unavailable: the database does not answer.
    """
    table = next(t for t in Base.metadata.tables.values() if t.name == name)
    columns = [column for column in table.columns if column.name not in _LEFT_OUT]
    query = select(*columns)
    if batch and _BATCH in table.columns:
        query = query.where(table.columns[_BATCH].startswith(batch, autoescape=True))
    with translated(engine), engine.connect() as connection:
        rows = connection.scalar(select(func.count()).select_from(query.subquery()))
        if (rows or 0) > MAX_ROWS:
            raise BadInput(
                f"argus.{name} has {rows:,} rows",
                expected=f"at most {MAX_ROWS:,}",
                hint="Narrow it with --batch, or ask Postgres itself",
            )
        found = connection.execute(query.order_by(*table.primary_key.columns)).all()
    schema = pa.schema([(column.name, _kind(column)) for column in columns])
    content = zip(*found, strict=True) if found else [()] * len(columns)
    arrays = [
        pa.array([_json(v) for v in values] if isinstance(column.type, JSONB) else values, kind)
        for values, column, kind in zip(content, columns, schema.types, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _kind(column: Column[Any]) -> pa.DataType:
    kind = column.type
    if isinstance(kind, TIMESTAMP):
        return pa.timestamp("us", tz="UTC")
    if isinstance(kind, Boolean):
        return pa.bool_()
    if isinstance(kind, Double):
        return pa.float64()
    if isinstance(kind, ARRAY):
        return pa.list_(pa.int64())
    return pa.int64() if isinstance(kind, BigInteger | Integer) else pa.string()


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)
