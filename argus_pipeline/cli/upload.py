"""`argus upload`: recordings of this machine into the bucket, as one batch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from argus_pipeline.upload.client import Batch
    from argus_pipeline.upload.files import FoundFiles
    from argus_pipeline.upload.options import BatchOptions


def upload(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="DIR|FILE…", help="A folder with recordings, or files."),
    ],
    vehicle: Annotated[
        str | None, typer.Option(metavar="VIN", help="Which vehicle or test bench.")
    ] = None,
    platform: Annotated[str | None, typer.Option(help="Its platform, such as J7.")] = None,
    firmware: Annotated[
        str | None, typer.Option(help="What it runs at the end of the recordings.")
    ] = None,
    firmware_from: Annotated[
        str | None, typer.Option(help="What it ran before, if they contain or follow an update.")
    ] = None,
    campaign: Annotated[str | None, typer.Option(help="The update campaign.")] = None,
    priority: Annotated[
        str | None, typer.Option(metavar="P0|P1|P2", help="P0 goes first. Default: P1.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Any number of tags.")
    ] = None,
    batch: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Go on with this batch after a stop. Default: a new id."),
    ] = None,
    limit: Annotated[
        str | None, typer.Option(metavar="RATE", help="At most so fast, such as 10MB/s.")
    ] = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="DIR holds folders: upload each as it is complete."),
    ] = False,
    settle: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0, help="With --watch: how long nothing must change in a folder."
        ),
    ] = 30.0,
    once: Annotated[
        bool, typer.Option("--once", help="With --watch: look once, then end.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything and send nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Upload recordings as one batch; prints the batch id.

    Example: argus upload recordings/ --vehicle LFV3A23C0K3000001 --platform J7 --firmware v2.3.1

    Every file goes with its SHA-256, which the store checks; the manifest goes last and completes
    the batch. After a crash, run it again with --batch and the id that it showed: files, and parts
    of large ones, that are there already are not sent again. A folder with a batch.json (as
    `argus simulate` writes it) needs no options. With --watch each folder in DIR becomes a batch
    when it has a file named .complete, or when nothing in it has changed for --settle seconds.
    """
    from rich.console import Console

    from argus_pipeline import settings
    from argus_pipeline.cli.progress import upload_progress
    from argus_pipeline.cli.upload_watch import watch_folder
    from argus_pipeline.errors import ArgusError, Unavailable
    from argus_pipeline.storage.object_store import ObjectStore
    from argus_pipeline.upload import client
    from argus_pipeline.upload.files import find_files
    from argus_pipeline.upload.options import BATCH_FILE, BatchOptions, parse_tags
    from argus_pipeline.upload.pace import Pace, parse_rate
    from argus_pipeline.upload.watch import Watch

    said = BatchOptions(
        vehicle, platform, firmware, firmware_from, campaign, priority, parse_tags(tag or ())
    )
    pace = Pace(parse_rate(limit) if limit else None)
    if watch:
        if len(paths) != 1 or not paths[0].is_dir() or batch is not None or dry_run:
            raise typer.BadParameter("goes with one folder, without --batch or --dry-run")
        watching = Watch(ObjectStore(settings.load()), paths[0], said, settle, pace)
        watch_folder(watching, once=once, as_json=as_json)
        return
    options = said.over(_brought_along(paths))
    if options.missing():
        names = ", ".join(f"--{name}" for name in options.missing())
        raise typer.BadParameter(f"missing, and no {BATCH_FILE} says it", param_hint=names)

    console = Console(stderr=True, highlight=False)
    found = find_files(paths)
    _tell_skipped(console, found)
    with upload_progress(console) as progress:
        prepared = client.prepare(found.files, options, batch=batch, progress=progress)
    if dry_run:
        _print_dry_run(prepared, as_json=as_json)
        return

    store = ObjectStore(settings.load())
    console.print(f"batch {prepared.id}", markup=False, soft_wrap=True)
    if client.is_out_of_sight(prepared):
        console.print(
            f"note: the day {prepared.day} is before those that the upload sensor looks at",
            markup=False,
            soft_wrap=True,
        )
    try:
        with upload_progress(console) as progress:
            uploaded = client.upload(store, prepared, progress=progress, pace=pace)
    except Unavailable as error:
        raise Unavailable(
            error.what,
            where=error.where,
            expected=error.expected,
            hint=f"To go on, run it again with --batch {prepared.id}"
            + (f". {error.hint}" if error.hint else ""),
        ) from error
    except KeyboardInterrupt as error:
        raise ArgusError(
            "stopped", hint=f"To go on, run it again with --batch {prepared.id}"
        ) from error

    if uploaded.already_there:
        said_last = "already there"
    else:
        rate = uploaded.sent_bytes / 1e6 / max(uploaded.seconds, 1e-3)
        said_last = (
            f"{len(uploaded.sent)} files sent, {len(uploaded.kept)} were there: "
            f"{uploaded.sent_bytes / 1e6:.1f} MB in {uploaded.seconds:.1f} s ({rate:.1f} MB/s)"
        )
    console.print(said_last, markup=False)
    console.print(store.uri(uploaded.manifest_key), markup=False, soft_wrap=True)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "batch": uploaded.batch,
                    "manifest": store.uri(uploaded.manifest_key),
                    "already_there": uploaded.already_there,
                    "sent": list(uploaded.sent),
                    "kept": list(uploaded.kept),
                    "sent_bytes": uploaded.sent_bytes,
                    "seconds": round(uploaded.seconds, 3),
                },
                indent=1,
            )
        )
    else:
        typer.echo(uploaded.batch)


def _brought_along(paths: list[Path]) -> BatchOptions:
    from argus_pipeline.errors import BadInput
    from argus_pipeline.upload.options import BATCH_FILE, BatchOptions, read_batch_file

    folders = [path for path in paths if (path / BATCH_FILE).is_file()]
    if len(folders) > 1:
        raise BadInput(
            f"several folders have a {BATCH_FILE}",
            where=", ".join(str(folder) for folder in folders),
            expected="one batch at a time",
        )
    return read_batch_file(folders[0]) if folders else BatchOptions()


def _tell_skipped(console: Console, found: FoundFiles) -> None:
    from argus_pipeline.upload.files import size_of

    for skipped in found.skipped:
        console.print(f"left out: {skipped.path} ({skipped.reason})", markup=False, soft_wrap=True)
    for path in found.files:
        if size_of(path) == 0:
            console.print(f"note: {path} is empty", markup=False, soft_wrap=True)


def _print_dry_run(batch: Batch, *, as_json: bool) -> None:
    if as_json:
        content = json.loads(batch.manifest.to_json())
        typer.echo(json.dumps({"key": batch.manifest_key, "manifest": content}, indent=1))
        return
    for file in batch.files:
        typer.echo(f"{batch.prefix}{file.name}  {file.size} bytes  sha256 {file.sha256}")
    typer.echo(f"{batch.manifest_key}  last")
