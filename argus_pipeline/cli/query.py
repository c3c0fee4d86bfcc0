"""`argus query`: SQL over the bucket's Parquet and the tables in Postgres."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from argus_pipeline.query import Answer, QuerySession

DEFAULT_LIMIT: Final = 1_000


class Form(StrEnum):
    """How the answer is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def query(
    sql: Annotated[
        str | None, typer.Argument(help="One SELECT in DuckDB's SQL; - reads it from a pipe.")
    ] = None,
    tables: Annotated[
        bool, typer.Option("--tables", help="List the tables that there are, with their meaning.")
    ] = False,
    batch: Annotated[
        str,
        typer.Option("--batch", "-b", help="Only batches whose ids begin so: 20261123 is a day."),
    ] = "",
    form: Annotated[
        Form | None,
        typer.Option(
            "--format", "-f", help="By default a table, or what the ending of --out says."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write to this file instead of the terminal.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, help="Rows at most; 0 for all of them.")
    ] = DEFAULT_LIMIT,
) -> None:
    """Ask in SQL what the batches hold: it only reads, and `docs/analysis.md` names every table.

    Schemas say where a table lies: `argus` in Postgres, `statistics`, `fleet` and `parsed` in the
    bucket. More rows than the limit are left out, and that is said.

    Example: argus query "SELECT code, sum(messages) AS messages FROM codes GROUP BY code"
    """
    from argus_pipeline import settings
    from argus_pipeline.database.engine import engine_from
    from argus_pipeline.query import QuerySession
    from argus_pipeline.storage.object_store import ObjectStore

    if (sql is None) == (not tables):
        raise typer.BadParameter("give either a statement or --tables", param_hint="SQL")
    form = form or _by_ending(out)
    if form is Form.PARQUET and out is None and sys.stdout.isatty():
        raise typer.BadParameter("Parquet is not for a terminal: name a file", param_hint="--out")
    found = settings.load()
    engine = engine_from(found) if found.database_url else None
    with QuerySession(ObjectStore(found), engine, batch=batch) as session:
        if sql is None:
            _list(session)
        else:
            _write(session.ask(sys.stdin.read() if sql == "-" else sql), form, out, limit or None)


def _by_ending(out: Path | None) -> Form:
    ending = out.suffix.removeprefix(".").lower() if out else ""
    return Form(ending) if ending in set(Form) else Form.TABLE


def _list(session: QuerySession) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    listed = Table(box=None, pad_edge=False, header_style="bold")
    listed.add_column("table", no_wrap=True)
    listed.add_column("a row is", overflow="fold")
    for table in session.tables():
        listed.add_row(Text(str(table)), Text(table.what))
    Console(width=None if sys.stdout.isatty() else 200).print(listed)
    typer.echo("argus: `argus query 'DESCRIBE codes'` says what columns a table has", err=True)


def _write(answer: Answer, form: Form, out: Path | None, limit: int | None) -> None:
    from argus_pipeline.errors import ArgusError

    if out is None:
        rows = _send(answer, form, sys.stdout.buffer, limit)
    else:
        try:
            with out.open("wb") as stream:
                rows = _send(answer, form, stream, limit)
        except OSError as error:
            raise ArgusError(
                f"the answer cannot be written: {error.strerror}", where=str(out)
            ) from error
        typer.echo(f"argus: wrote {rows:,} rows to {out}", err=True)
    if answer.is_cut:
        typer.echo(f"argus: the first {rows:,} rows of more; --limit 0 gives all", err=True)


def _send(answer: Answer, form: Form, stream: IO[bytes], limit: int | None) -> int:
    from argus_pipeline.cli.query_table import write_table
    from argus_pipeline.query import output

    writers = {
        Form.TABLE: write_table,
        Form.CSV: output.write_csv,
        Form.JSON: output.write_json,
        Form.PARQUET: output.write_parquet,
    }
    return writers[form](answer.frames(limit), stream)
