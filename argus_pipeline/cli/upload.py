"""`argus upload`: a folder of recordings becomes a batch."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argus_pipeline.upload.arguments import BatchArguments


def upload(
    paths: Annotated[
        list[Path], typer.Argument(help="Folders and files; a folder's own files, one level.")
    ],
    vehicle: Annotated[str | None, typer.Option(help="VIN or other id of the vehicle.")] = None,
    platform: Annotated[str | None, typer.Option(help="Vehicle platform, such as J7.")] = None,
    firmware: Annotated[
        str | None, typer.Option(help="Firmware at the end of the recordings, such as v2.3.1.")
    ] = None,
    firmware_from: Annotated[
        str | None, typer.Option(help="Firmware before the update that the recordings follow.")
    ] = None,
    campaign: Annotated[str | None, typer.Option(help="Name of the rollout.")] = None,
    priority: Annotated[
        str | None, typer.Option(help="P0 (urgent), P1 (the default) or P2.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="key=value, kept with the batch; may be repeated.")
    ] = None,
    batch: Annotated[
        str | None, typer.Option(help="Id of an upload that broke off, to go on with it.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the files, send none.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Upload recordings as one batch; the pipeline sees it and runs by itself.

    Checks the files, sends them with their SHA-256, and writes the manifest last: it completes
    the batch. Prints the batch id. A `batch.json` in a folder gives the options for it.

    Example: argus upload logs/ --vehicle LFV3A23C0K3000001 --platform J7 --firmware v2.3.1
    --firmware-from v2.2.9
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from argus_pipeline import settings
    from argus_pipeline.batches.names import safe_name
    from argus_pipeline.storage.object_store import ObjectStore
    from argus_pipeline.upload.arguments import parse_tags
    from argus_pipeline.upload.client import read_files, upload_batch
    from argus_pipeline.upload.files import select_files

    given = {
        "vehicle": vehicle,
        "platform": platform,
        "firmware": firmware,
        "firmware_from": firmware_from,
        "campaign": campaign,
        "priority": priority,
        "tags": parse_tags(tag) if tag else None,
    }
    arguments = batch_arguments(paths, given)
    if batch is not None:
        safe_name(batch, "the batch id", where="--batch")
    selection = select_files(paths)
    console = Console(stderr=True, soft_wrap=True)
    for name, reason in selection.skipped:
        console.print(f"left out: {name} ({reason})", markup=False, highlight=False)
    size = sum(path.stat().st_size for path in selection.files)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress:
        checking = progress.add_task("checking", total=size)
        files = read_files(selection.files, lambda n: progress.advance(checking, n))
        if dry_run:
            console.print(f"{len(files)} files, {size:,} bytes: all fit to be uploaded.")
            return
        sending = progress.add_task("sending", total=size)
        store = ObjectStore(settings.load())
        done = upload_batch(
            store, files, arguments, batch=batch, progress=lambda n: progress.advance(sending, n)
        )
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "batch": done.manifest.batch,
                    "manifest": store.uri(done.manifest_key),
                    "sent": done.sent,
                    "kept": done.kept,
                    "already_there": done.already_there,
                }
            )
        )
        return
    typer.echo(done.manifest.batch)
    console.print(
        f"{'was complete already' if done.already_there else 'complete'}: "
        f"{store.uri(done.manifest_key)}, {len(done.sent)} files sent, {len(done.kept)} kept",
        highlight=False,
    )


def batch_arguments(paths: list[Path], given: Mapping[str, object]) -> BatchArguments:
    """Options of the command line over those that a folder brings along.

    Raises:
        BadInput: a required one is in neither.
    """
    from argus_pipeline.errors import BadInput
    from argus_pipeline.upload.arguments import ARGUMENTS_FILE, BatchArguments, read_arguments

    values: dict[str, object] = {}
    for path in paths:
        if path.is_dir():
            values |= read_arguments(path)
    values |= {k: v for k, v in given.items() if v is not None}
    for name in ("vehicle", "platform", "firmware"):
        if not values.get(name):
            raise BadInput(
                f"the {name} of the batch is not given",
                where=f"--{name}",
                hint=f"Add --{name}, or a {ARGUMENTS_FILE} in the folder",
            )
    return BatchArguments(**values)  # type: ignore[arg-type]
