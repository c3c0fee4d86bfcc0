"""`argus adopt`: batches of recordings that already lie in a bucket, in place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from argus_pipeline.cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from argus_pipeline.adopt.adopting import Adoption, Progress
    from argus_pipeline.adopt.survey import Sample
    from argus_pipeline.batches.manifest import Manifest

_FILES_OF_AN_EXAMPLE = 3


def adopt(
    source: Annotated[
        str, typer.Argument(metavar="s3://BUCKET/FOLDER", help="Where the recordings lie.")
    ],
    pattern: Annotated[
        str,
        typer.Option(
            help="What their keys say, from that folder on, in braces: vehicle, platform, "
            "firmware, firmware_from, campaign, time:FORMAT, batch, file, path, any."
        ),
    ],
    vehicle: Annotated[
        str | None, typer.Option(metavar="VIN", help="The vehicle, where the keys do not say it.")
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
        str, typer.Option(metavar="P0|P1|P2", help="P0 goes first; an archive can wait.")
    ] = "P2",
    tag: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Any number of tags.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many new batches, the oldest first.")
    ] = None,
    update: Annotated[
        bool,
        typer.Option("--update", help="With --yes: also batches that have changed since."),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it. Without, it only says what it would do.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Make batches of recordings that already lie in a bucket, without copying them.

    Example: argus adopt s3://archive/logs --platform J7
    --pattern '{vehicle}/{firmware}/{time:%Y%m%dT%H%M%SZ}/{file}'

    takes s3://archive/logs/LFV3A23C0K3000001/v2.3.1/20261123T101500Z/ecu1.dlt for a recording of
    vehicle LFV3A23C0K3000001 with firmware v2.3.1. Keys that say the same, but for {file}, {path}
    and {any}, are one batch. Of each a manifest is written as an upload writes it, and Argus takes
    it up by itself; the recordings stay where they are and are read there.

    It reads the listing and no recording. Called again, it adopts what has come since and nothing
    twice. The bucket has to be on the list ARGUS_ARCHIVE_BUCKETS where Argus runs. docs/adopt.md
    has the whole of the pattern.

    Exit status: 0 done, or nothing is in its way; 1 it failed, or something that fits the pattern
    was refused; 2 it was called wrongly.
    """
    from rich.console import Console

    from argus_pipeline import settings
    from argus_pipeline.adopt import adopting, plan
    from argus_pipeline.adopt.pattern import BadPattern, Pattern
    from argus_pipeline.errors import ArgusError, BadInput, Unavailable
    from argus_pipeline.storage.archives import check_allowed, read_folder
    from argus_pipeline.storage.object_store import ObjectStore
    from argus_pipeline.upload.options import BatchOptions, parse_tags

    if update and not yes:
        raise typer.BadParameter("goes with --yes", param_hint="--update")
    try:
        checked, folder = Pattern(pattern), read_folder(source)
    except BadPattern as error:
        raise typer.BadParameter(str(error), param_hint="--pattern") from error
    except BadInput as error:
        raise typer.BadParameter(str(error), param_hint="s3://BUCKET/FOLDER") from error
    options = BatchOptions(
        vehicle, platform, firmware, firmware_from, campaign, priority, parse_tags(tag or ())
    )
    if missing := plan.missing_fields(checked.fields, options):
        raise typer.BadParameter(
            "missing, and the pattern does not say it",
            param_hint=", ".join(f"--{name}" for name in missing),
        )

    store = ObjectStore(settings.load())
    not_allowed = None
    try:
        check_allowed(folder, store.settings)
    except ArgusError as error:
        if yes:
            raise
        not_allowed = str(error)
    console = Console(stderr=True, highlight=False)
    try:
        with _progress(console) as progress:
            done = adopting.adopt(
                store,
                folder,
                checked,
                options,
                write=yes,
                update=update,
                limit=limit,
                progress=progress,
            )
    except Unavailable as error:
        hint = "What was adopted stays; the same command goes on" if yes else error.hint
        raise Unavailable(error.what, where=error.where, hint=hint) from error
    except KeyboardInterrupt as error:
        hint = "What was adopted stays; the same command goes on" if yes else None
        raise ArgusError("stopped", hint=hint) from error
    if as_json:
        typer.echo(json.dumps(_content(done, yes, not_allowed), indent=1, ensure_ascii=False))
    else:
        _print(done, Console(highlight=False), yes=yes, not_allowed=not_allowed)
    if not done.is_whole:
        raise typer.Exit(1)


def _content(done: Adoption, yes: bool, not_allowed: str | None) -> dict[str, Any]:
    return {
        "folder": str(done.folder),
        "dry_run": not yes,
        "not_allowed": not_allowed,
        "keys": done.survey.keys,
        "bytes": done.survey.bytes,
        "batches": {kind.name.lower(): asdict(count) for kind, count in done.counts.items()},
        "written": done.written,
        "examples": [json.loads(manifest.to_json()) for manifest in done.examples],
        "unmatched": asdict(done.survey.unmatched),
        "renamed": asdict(done.survey.renamed),
        "refused_keys": asdict(done.survey.refused),
        "refused_batches": asdict(done.refused),
        "changed": asdict(done.changed),
        "alike": asdict(done.alike),
    }


def _print(done: Adoption, console: Console, *, yes: bool, not_allowed: str | None) -> None:
    from rich.table import Table

    def say(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    def show(sample: Sample, what: str) -> None:
        if sample.count:
            say(f"\n{what}: {sample.count:,}")
            for text in sample.first:
                say(f"  {text}")
            if sample.count > len(sample.first):
                say(f"  and {sample.count - len(sample.first):,} more")

    say(f"{done.folder}: {counted(done.survey.keys, 'key')}, {_size(done.survey.bytes)}\n")
    table = Table("batches", box=None, header_style="bold", pad_edge=False)
    for name in ("", "files", "recordings", "size"):
        table.add_column(name, justify="right", no_wrap=True)
    for kind, count in done.counts.items():
        numbers = (count.batches, count.files, count.recordings)
        if count.batches:
            table.add_row(kind.value, *(f"{n:,}" for n in numbers), _size(count.bytes))
    console.print(table)
    if done.examples:
        say("\nsuch as")
        for manifest in done.examples:
            _example(manifest, say)
    show(done.survey.unmatched, "keys that do not fit the pattern and are left out")
    show(done.survey.refused, "keys that fit the pattern and are refused")
    show(done.survey.renamed, "files that are called otherwise in their batch")
    show(done.refused, "batches that are refused")
    show(done.changed, "batches that have changed since")
    show(
        done.alike,
        "batches that were adopted under another id, with the time and vehicle of one of these: "
        "are they the same, each counts twice",
    )
    say("")
    if not_allowed:
        say(f"Before --yes: {not_allowed}")
    say(_last_line(done, yes=yes))


def _last_line(done: Adoption, *, yes: bool) -> str:
    from argus_pipeline.adopt.adopting import Kind

    if yes:
        more = "; `argus status --watch` shows how it goes" if done.written else ""
        return f"{counted(done.written, 'manifest')} written{more}"
    todo = []
    if done.counts[Kind.NEW].batches:
        todo.append("--yes adopts what is new")
    if done.counts[Kind.CHANGED].batches:
        todo.append("--yes --update also what has changed since")
    return f"Nothing was written. {', '.join(todo) or 'Nothing is new'}."


def _example(manifest: Manifest, say: Callable[[str], None]) -> None:
    said = [manifest.platform, manifest.firmware]
    if manifest.firmware_from:
        said[-1] = f"{manifest.firmware_from} → {manifest.firmware}"
    if manifest.campaign:
        said.append(manifest.campaign)
    said.append(counted(len(manifest.files), "file"))
    said.append(_size(sum(file.size for file in manifest.files)))
    say(f"  {manifest.batch}  {', '.join(said)}")
    for file in manifest.files[:_FILES_OF_AN_EXAMPLE]:
        say(f"    {file.name}  {file.source}")


def _size(amount: int) -> str:
    from rich.filesize import decimal

    return decimal(amount)


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    """How many keys were read, then a bar over the batches, where there is a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bar(
        *columns,
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as bar:
        task = bar.add_task("keys", total=None)

        class Shown:
            """The progress of adopting, as a bar."""

            def listed(self, keys: int) -> None:
                bar.advance(task, keys)

            def grouped(self, batches: int) -> None:
                bar.update(task, description="batches", total=batches, completed=0)

            def decided(self, batches: int) -> None:
                bar.advance(task, batches)

        yield Shown()
