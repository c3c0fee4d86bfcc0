"""`argus inspect`: what is in a recording, and is it whole?"""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from argus_pipeline.cli.progress import progress_bar, total_size

if TYPE_CHECKING:
    from argus_pipeline.recordings.findings import Inspection

NOT_WHOLE_STATUS = 3
_LONG = 32 * 1024 * 1024  # bytes; below, a bar would only flicker


def inspect(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Recordings, or folders of them; - is standard input. An .odvd among them is used"
            " as with --odvd, an .xml or .fibex as with --fibex.",
            show_default=False,
        ),
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
    list_all: Annotated[
        bool, typer.Option("--all", help="Leave nothing out of the lists; else ten of each.")
    ] = False,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", help="Threads; 0: one for each core.", min=0)
    ] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON array with one object for each recording.")
    ] = False,
) -> None:
    """Say what is in recordings and whether they are whole. Writes nothing.

    The format is told by the bytes: AUTOSAR DLT or .rec, plain or compressed with gzip or zstd.
    Each recording is read to its end, so a verdict counts for every byte: format and size, ECUs,
    applications and contexts, severities, lifecycles, the time span in UTC, message types of .rec,
    messages lost on the way, and what is damaged or kept raw.

    Exit status: 0 all is whole, 3 something is damaged or kept raw, 1 it failed, 2 it was called
    wrongly.

    Example: argus inspect ecu1.dlt drive.rec.gz --odvd vehicle.odvd

    Example: ssh car cat /var/log/ecu1.dlt | argus inspect - --json
    """
    from argus_pipeline.cli.inspection_text import print_inspection, print_verdicts
    from argus_pipeline.recordings.inspection import LISTED, inspect_file
    from argus_pipeline.recordings.local import find_inputs
    from argus_pipeline.recordings.specifications import specification_files

    inputs = find_inputs(files)
    specifications = specification_files(
        [*(odvd or ()), *inputs.specifications], [*(fibex or ()), *inputs.catalogues]
    )
    found: list[Inspection] = []
    for path in inputs.recordings:
        size = total_size([path])
        is_long = size is None or size >= _LONG
        with progress_bar(f"reading {path.name}", size) if is_long else nullcontext() as progress:
            inspection = inspect_file(
                path,
                specifications=specifications,
                threads=jobs,
                listed=None if list_all else LISTED,
                progress=progress,
            )
        found.append(inspection)
        if not as_json:
            print_inspection(inspection)
    if as_json:
        typer.echo(json.dumps([i.to_dict() for i in found], indent=1, ensure_ascii=False))
    elif len(found) > 1:
        print_verdicts(found)
    if not all(inspection.is_whole for inspection in found):
        raise typer.Exit(NOT_WHOLE_STATUS)
