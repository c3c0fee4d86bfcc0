"""Takes a vehicle's name out of every row of the schema `argus`, in one transaction.

Which columns there are is asked of the models, so a table that is added later is not left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Engine,
    Table,
    Text,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from argus_pipeline.database.engine import translated
from argus_pipeline.database.models import SCHEMA, Base, Batch, DiagnosisFeedback
from argus_pipeline.forget.pseudonym import Pseudonym

_BATCHES: Final[Table] = Base.metadata.tables[f"{SCHEMA}.{Batch.__tablename__}"]
_FEEDBACK: Final[Table] = Base.metadata.tables[f"{SCHEMA}.{DiagnosisFeedback.__tablename__}"]


def batches_of(engine: Engine, pseudonym: Pseudonym) -> list[str]:
    """The batches of a vehicle, and those that have its name in theirs."""
    with translated(engine), engine.connect() as connection:
        of = or_(_BATCHES.c.vehicle.in_(pseudonym.forms), _named(_BATCHES.c.batch, pseudonym))
        return list(connection.scalars(select(_BATCHES.c.batch).where(of)))


def longer_names(engine: Engine, pseudonym: Pseudonym) -> list[str]:
    """The vehicles of other names in which this one's name is contained."""
    with translated(engine), engine.connect() as connection:
        inside = _named(_BATCHES.c.vehicle, pseudonym)
        names = select(_BATCHES.c.vehicle).where(inside).distinct()
        return sorted(name for name in connection.scalars(names) if name not in pseudonym.forms)


def count_rows(engine: Engine, pseudonym: Pseudonym) -> dict[str, int]:
    """By table, the rows that name the vehicle."""
    with translated(engine), engine.connect() as connection:
        return {
            table.name: connection.scalar(
                select(func.count()).select_from(table).where(_row_names(table, pseudonym))
            )
            or 0
            for table in Base.metadata.sorted_tables
        }


def rename_rows(
    engine: Engine, pseudonym: Pseudonym, manifest_etags: Mapping[str, str]
) -> dict[str, int]:
    """Put the pseudonym in the vehicle's place everywhere; rows changed, by table.

    Args:
        engine: of the migrated database, as the owner of its tables.
        pseudonym: what takes the vehicle's place.
        manifest_etags: of the new manifests, by the new batch ids.
    """
    changed: dict[str, int] = {}
    with translated(engine), engine.begin() as connection:
        _allow_changes_of_feedback(connection)
        renamed = _named(_BATCHES.c.batch, pseudonym)
        columns = [c for c in _BATCHES.c if c.computed is None]
        values = [_without(c, pseudonym) if _is_text(c) else c for c in columns]
        copied = connection.scalar(select(func.count()).where(renamed)) or 0
        connection.execute(
            insert(_BATCHES).from_select([c.name for c in columns], select(*values).where(renamed))
        )
        for table in Base.metadata.sorted_tables:
            if table is not _BATCHES:
                changed[table.name] = _rename(connection, table, pseudonym)
        connection.execute(delete(_BATCHES).where(renamed))
        changed[_BATCHES.name] = copied + _rename(connection, _BATCHES, pseudonym)
        for batch, etag in manifest_etags.items():
            connection.execute(
                update(_BATCHES).where(_BATCHES.c.batch == batch).values(manifest_etag=etag)
            )
        _refuse_changes_of_feedback(connection)
    return changed


def remove_rows(engine: Engine, batches: Sequence[str]) -> dict[str, int]:
    """Remove these batches and all rows of theirs; rows removed, by table."""
    if not batches:
        return {}
    removed: dict[str, int] = {}
    with translated(engine), engine.begin() as connection:
        _allow_changes_of_feedback(connection)
        for table in reversed(Base.metadata.sorted_tables):
            # What a model's call has cost stays, without the name.
            if table is _BATCHES or ("batch" in table.c and table.c.batch.foreign_keys):
                gone = delete(table).where(table.c.batch.in_(batches))
                removed[table.name] = connection.execute(gone).rowcount
        _refuse_changes_of_feedback(connection)
    return removed


def _rename(connection: Any, table: Table, pseudonym: Pseudonym) -> int:
    values = {c: _without(c, pseudonym) for c in table.c if _is_text(c)}
    if not values:
        return 0
    renamed = update(table).where(_row_names(table, pseudonym)).values(values)
    return int(connection.execute(renamed).rowcount)


def _row_names(table: Table, pseudonym: Pseudonym) -> ColumnElement[bool]:
    return or_(False, *(_named(c, pseudonym) for c in table.c if _is_text(c)))


def _named(column: ColumnElement[Any], pseudonym: Pseudonym) -> ColumnElement[bool]:
    return or_(*(func.strpos(cast(column, Text), form) > 0 for form in pseudonym.forms))


def _without(column: ColumnElement[Any], pseudonym: Pseudonym) -> ColumnElement[Any]:
    found: ColumnElement[Any] = cast(column, Text)
    for form in pseudonym.forms:
        found = func.replace(found, form, pseudonym.name)
    return cast(found, column.type)


def _is_text(column: Any) -> bool:
    return isinstance(column.type, Text | JSONB) and column.computed is None


def _allow_changes_of_feedback(connection: Any) -> None:
    # What people said stays what it was, but for the vehicle's name in it. Nobody else gets in:
    # the statement holds the table until the end of the transaction.
    connection.execute(text(f"ALTER TABLE {_FEEDBACK} DISABLE TRIGGER append_only"))


def _refuse_changes_of_feedback(connection: Any) -> None:
    connection.execute(text(f"ALTER TABLE {_FEEDBACK} ENABLE TRIGGER append_only"))
