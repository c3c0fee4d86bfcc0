"""`argus parse`: recordings to CSV and Parquet, without any pipeline."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from argus_pipeline.cli.progress import progress_bar, total_size

if TYPE_CHECKING:
    from argus_pipeline.recordings.local import LocalResult

NOT_WHOLE_STATUS = 3
_PIPED_WIDTH = 200
_LONGEST_NAME = 32
_WIDTH_OF_NUMBERS = 115  # of all columns but the last, with a long name and large numbers
_LEAST_WIDTH = 14
_LINE_ENDS = {"crlf": "\r\n", "lf": "\n"}


def parse(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Recordings, or folders of them; - is standard input. An .odvd among them is used"
            " as with --odvd, an .xml or .fibex as with --fibex.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder that gets one folder for each recording.")
    ],
    odvd: Annotated[
        list[Path] | None,
        typer.Option(
            "--odvd",
            help="Message specification of .rec recordings; where two differ, the first wins.",
        ),
    ] = None,
    fibex: Annotated[
        list[Path] | None,
        typer.Option(
            "--fibex",
            help="FIBEX catalogue of non-verbose DLT messages; where two differ, the first wins.",
        ),
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="csv, parquet, or both with a comma between.")
    ] = "csv,parquet",
    delimiter: Annotated[
        str, typer.Option(help="One ASCII character between the fields of the CSV, or \\t.")
    ] = ",",
    line_end: Annotated[str, typer.Option(help="End of the CSV's lines: crlf or lf.")] = "crlf",
    spreadsheet_safe: Annotated[
        bool,
        typer.Option(
            "--spreadsheet-safe",
            help="Put ' before texts in the CSV that a spreadsheet would run as a formula.",
        ),
    ] = False,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", help="Threads in all; 0: one for each core.", min=0)
    ] = 0,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first byte that cannot be decoded.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Turn binary recordings into tables; needs no store, no database and no running stack.

    The format is told by the bytes: AUTOSAR DLT or .rec, plain or compressed with gzip or zstd. A
    DLT recording gives the tables messages, lifecycles and sources. Writes
    `OUT/<recording>/<table>.csv` and .parquet, recording.json (what came out) and, where something
    was wrong, quarantine.json (every fault with its offset, length and reason). A second recording
    of the same name gets -2 added.

    Exit status: 0 all was decoded, 3 something was quarantined or kept raw, 1 it failed, 2 it was
    called wrongly.

    Example: argus parse ecu1.dlt drive.rec --odvd vehicle.odvd --out tables
    """
    chosen = _chosen_formats(formats)
    if len(delimiter.replace("\\t", "\t")) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
        raise typer.BadParameter(
            "expected one ASCII character other than a quote", param_hint="--delimiter"
        )
    if line_end not in _LINE_ENDS:
        raise typer.BadParameter("expected crlf or lf", param_hint="--line-end")

    from argus_pipeline.recordings.local import find_inputs, parse_files
    from argus_pipeline.recordings.specifications import specification_files
    from argus_pipeline.recordings.tables import CsvStyle

    inputs = find_inputs(files, leave_out=out)
    specifications = specification_files(
        [*(odvd or ()), *inputs.specifications], [*(fibex or ()), *inputs.catalogues]
    )
    count = len(inputs.recordings)
    title = f"parsing {count:,} recordings" if count > 1 else f"parsing {inputs.recordings[0].name}"
    with progress_bar(title, total_size(inputs.recordings)) as progress:
        results = parse_files(
            inputs.recordings,
            out,
            specifications=specifications,
            formats=chosen,
            style=CsvStyle(delimiter.replace("\\t", "\t"), _LINE_ENDS[line_end], spreadsheet_safe),
            jobs=jobs or os.cpu_count() or 1,
            strict=strict,
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps([r.to_dict() for r in results], indent=1, ensure_ascii=False))
    else:
        _print_summary(results)
    if not all(result.is_whole for result in results):
        raise typer.Exit(NOT_WHOLE_STATUS)


def _chosen_formats(formats: str) -> list[str]:
    chosen = [name.strip().lower() for name in formats.split(",") if name.strip()]
    if not chosen or not set(chosen) <= {"csv", "parquet"}:
        raise typer.BadParameter("expected csv, parquet or csv,parquet", param_hint="--format")
    return chosen


def _print_summary(results: Sequence[LocalResult]) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPED_WIDTH)
    # One line for each recording; a reason that does not fit follows below in full.
    room = max(console.width - _WIDTH_OF_NUMBERS, _LEAST_WIDTH)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("recording", no_wrap=True)
    table.add_column("format")
    table.add_column("status", no_wrap=True)
    for numbers in ("messages", "tables", "decoded B", "quarantined B"):
        table.add_column(numbers, justify="right", no_wrap=True)
    table.add_column("first fault", no_wrap=True)
    for result in results:
        parsed = result.parsed
        first = parsed.faults[0] if parsed.faults else None
        table.add_row(
            escape(result.folder.name[:_LONGEST_NAME]),
            parsed.format or "-",
            str(parsed.status),
            f"{parsed.rows:,}",
            f"{len(parsed.tables):,}",
            f"{parsed.decoded_bytes:,}",
            f"{parsed.quarantined_bytes:,}",
            escape(f"byte {first.offset:,}: {first.reason}"[:room] if first else ""),
        )
    console.print(table)
    for result in results:
        parsed = result.parsed
        if parsed.error:
            console.print(escape(parsed.error), soft_wrap=True)
            continue
        for warning in parsed.warnings:
            console.print(f"{escape(result.folder.name)}: {escape(warning)}", soft_wrap=True)
    console.print(f"{len(results)} recordings -> {escape(str(results[0].folder.parent))}")
