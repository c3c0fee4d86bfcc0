"""`argus report`: read the report of a batch, or see which reports there are."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from argus_pipeline.report.language import Language
    from argus_pipeline.report.reading import ReportLine
    from argus_pipeline.storage.object_store import ObjectStore


class Form(StrEnum):
    """The forms of a report."""

    MARKDOWN = "md"
    HTML = "html"
    JSON = "json"


def report(
    batch: Annotated[
        str | None, typer.Argument(help="Batch id; without it, the latest reports are listed.")
    ] = None,
    form: Annotated[
        Form,
        typer.Option("--format", "-f", help="md to read here, html to keep, json for programs."),
    ] = Form.MARKDOWN,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write to this file instead of the terminal.")
    ] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Open the HTML page in the web browser.")
    ] = False,
    lang: Annotated[
        str | None,
        typer.Option(
            "--lang",
            help="Language of the fixed texts, en or zh; without it, the one it was written in.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1000, help="How many reports to list.")
    ] = 20,
) -> None:
    """Show the report of a batch: verdict, likely causes, what to do, evidence.

    The first five lines suffice in a hurry. Without a batch, the latest reports are listed.

    Example: argus report 20261123T101500Z-LFV3A23C0K3000001-7f3a --format html --out report.html
    """
    from argus_pipeline import settings
    from argus_pipeline.report.language import language_of
    from argus_pipeline.storage.object_store import ObjectStore

    language = language_of(lang, where="--lang") if lang else None
    store = ObjectStore(settings.load())
    if batch is None:
        if out is not None or open_:
            raise typer.BadParameter("name a batch to write or open its report", param_hint="BATCH")
        _list(store, limit, as_json=form is Form.JSON)
    elif open_:
        _open(store, batch, out, language)
    else:
        _show(store, batch, form, out, language)


def _content(store: ObjectStore, batch: str, form: Form, language: Language | None) -> bytes:
    from argus_pipeline.report.reading import read_report, report_in

    if language is None:
        return read_report(store, batch, form.value)
    return report_in(store, batch, form.value, language)


def _show(
    store: ObjectStore, batch: str, form: Form, out: Path | None, language: Language | None
) -> None:
    content = _content(store, batch, form, language)
    if out is not None:
        _write(out, content)
    elif form is Form.MARKDOWN and sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(content.decode(), hyperlinks=False))
    else:
        typer.echo(content, nl=False)


def _open(store: ObjectStore, batch: str, out: Path | None, language: Language | None) -> None:
    import tempfile

    from argus_pipeline.cli.browser import show

    content = _content(store, batch, Form.HTML, language)
    if out is None:
        # Kept, since the browser reads it after this command has ended.
        out = Path(tempfile.mkdtemp(prefix="argus-report-")) / f"{batch}.html"
    _write(out, content)
    if not show(out):
        typer.echo("argus: no web browser was found; open the file by hand", err=True)


def _write(out: Path, content: bytes) -> None:
    from argus_pipeline.errors import ArgusError

    try:
        out.write_bytes(content)
    except OSError as error:
        raise ArgusError(
            f"the report cannot be written: {error.strerror}", where=str(out)
        ) from error
    typer.echo(f"argus: wrote {out}", err=True)


def _list(store: ObjectStore, limit: int, *, as_json: bool) -> None:
    from argus_pipeline.report.reading import latest_reports

    lines = list(latest_reports(store, limit))
    if as_json:
        typer.echo(json.dumps([line.to_dict() for line in lines], indent=1, ensure_ascii=False))
    elif not lines:
        typer.echo("argus: there are no reports yet; `argus status` shows the batches", err=True)
    else:
        _table(lines)


def _table(lines: list[ReportLine]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("batch", no_wrap=True, overflow="fold")
    table.add_column("verdict", overflow="fold")
    table.add_column("confidence")
    table.add_column("firmware", overflow="fold")
    for line in lines:
        # Text, not str: square brackets in a name are no markup.
        cells = (line.batch, line.verdict or "not readable", line.confidence, line.firmware)
        table.add_row(*(Text(cell) for cell in cells))
    # A pipe gets whole lines, whatever the width of the terminal.
    Console(width=None if sys.stdout.isatty() else 200).print(table)
