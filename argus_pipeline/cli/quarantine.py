"""`argus quarantine`: what could not be decoded, why, and another try with a newer parser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

app = typer.Typer(
    no_args_is_help=True,
    help="Recordings of which something could not be decoded: list, show, parse again.",
)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
_SHOWN_FAULTS = 50


@app.command("list")
def list_(
    batches: Annotated[
        list[str] | None, typer.Argument(help="Batch ids; without any, all batches.")
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many recordings.", min=1)] = 100,
    as_json: _Json = False,
) -> None:
    """List recordings that were read in part or not at all, the newest batches first.

    Example: argus quarantine list
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from argus_pipeline.database.quarantined import quarantined_recordings

    with _session() as session:
        found = quarantined_recordings(session, batches=batches or (), limit=limit)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=1))
        return
    if not found:
        Console().print("Nothing is quarantined.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("batch", "recording", "status"):
        table.add_column(name, no_wrap=True)
    for name in ("quarantined B", "of B", "faults"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("parser", no_wrap=True)
    table.add_column("why none was read", overflow="fold")
    for one in found:
        table.add_row(
            escape(one.batch),
            escape(one.recording),
            one.status,
            f"{one.quarantined_bytes:,}",
            f"{one.size:,}",
            f"{one.fault_count:,}",
            one.parser_version,
            escape(one.error or ""),
        )
    Console().print(table)


@app.command()
def show(
    batch: Annotated[str, typer.Argument(help="Batch id.")],
    recording: Annotated[str, typer.Argument(help="Name of the recording.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole record, with every fault.")
    ] = False,
) -> None:
    """Show what was wrong with a recording: offset, length and reason of each fault.

    Example: argus quarantine show 20261120T060000Z-LSJT2B647SA182000-1f2e ecu.dlt
    """
    from rich.console import Console

    from argus_pipeline import settings
    from argus_pipeline.errors import BadInput
    from argus_pipeline.storage import keys
    from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore

    store = ObjectStore(settings.load())
    key = keys.quarantine(batch, recording)
    try:
        data = store.get(key)
    except ObjectMissing as error:
        raise BadInput(
            "there is no quarantine record",
            where=store.uri(key),
            hint="`argus quarantine list` says what there is; a recording that was decoded whole "
            "has none",
        ) from error
    if as_json:
        typer.echo(data.decode())
        return
    content = json.loads(data)
    console = Console(highlight=False)
    for name, value in content.items():
        if name not in {"faults", "schema"} and value not in (None, "", [], {}):
            console.print(f"{name}: {value}", markup=False, soft_wrap=True)
    faults = content.get("faults", [])
    for fault in faults[:_SHOWN_FAULTS]:
        console.print(
            f"  byte {fault['offset']:,}, {fault['length']:,} bytes: {fault['reason']}",
            markup=False,
            soft_wrap=True,
        )
    if len(faults) > _SHOWN_FAULTS:
        console.print(f"  and {len(faults) - _SHOWN_FAULTS:,} more; --json prints all")


@app.command()
def replay(
    batches: Annotated[
        list[str] | None,
        typer.Argument(help="Batch ids; without any, all that another parser version read."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be parsed again.")
    ] = False,
) -> None:
    """Parse quarantined recordings again that another version of the parser has read.

    Asks for a run of their batches. It parses what this version has not read yet and nothing else,
    and makes statistics, charts and diagnosis anew. What this version itself could not read is left
    alone: the same parser finds the same.

    Example: argus quarantine replay --dry-run
    """
    import argus_native
    from rich.console import Console

    from argus_pipeline import settings
    from argus_pipeline.batches.given_up import request_retry
    from argus_pipeline.database.quarantined import quarantined_recordings
    from argus_pipeline.storage.object_store import ObjectStore

    with _session() as session:
        found = quarantined_recordings(
            session, batches=batches or (), not_by=argus_native.__version__
        )
    console = Console(highlight=False)
    of_batch: dict[str, list[str]] = {}
    for one in found:
        of_batch.setdefault(one.batch, []).append(one.recording)
    store = ObjectStore(settings.load())
    for batch, recordings in of_batch.items():
        if not dry_run:
            request_retry(store, batch)
        console.print(f"{batch}: {', '.join(recordings)}", markup=False, soft_wrap=True)
    asked = "would be asked for" if dry_run else "asked for"
    console.print(
        f"{len(found)} recordings of {len(of_batch)} batches were read by another version than "
        f"{argus_native.__version__}" + (f"; their runs {asked}" if found else "")
    )


@contextmanager
def _session() -> Iterator[Session]:
    from argus_pipeline import settings
    from argus_pipeline.database.engine import opened_engine, session

    with opened_engine(settings.load()) as engine, session(engine) as opened:
        yield opened
