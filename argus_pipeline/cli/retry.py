"""`argus retry`: what was given up, and another attempt at it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from argus_pipeline.batches.given_up import GivenUp


def retry(
    batches: Annotated[
        list[str] | None, typer.Argument(help="Batch ids; without any, what was given up.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Try all batches again that were given up.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the list of what was given up as JSON.")
    ] = False,
) -> None:
    """List the batches that were given up, with the reason, or try batches again.

    A batch is given up when its data is bad, or when every attempt at it failed. Mend what the
    reason says first. The new attempt begins within half a minute, and attempts before it no
    longer count; one that is still going on comes to its end first.

    Exit status: 0 when it was asked for, or nothing was given up; 1 when batches are on the list.

    Example: argus retry --all
    """
    from rich.console import Console

    from argus_pipeline import settings
    from argus_pipeline.batches.arrivals import locate_manifest
    from argus_pipeline.batches.given_up import (
        list_given_up,
        read_all_given_up,
        request_retry,
    )
    from argus_pipeline.storage.object_store import ObjectStore

    store = ObjectStore(settings.load())
    console = Console()
    wanted = list(batches or [])
    if every:
        wanted += [name for name in list_given_up(store) if name not in wanted]
        if not wanted:
            console.print("Nothing was given up.")
    elif not wanted:
        found = read_all_given_up(store)
        if as_json:
            typer.echo(json.dumps([asdict(record) for record in found], indent=1))
        else:
            _print_list(console, found)
        raise typer.Exit(1 if found else 0)
    for batch in wanted:
        # A batch that is not there is an error now, and no request that nobody can answer.
        locate_manifest(store, batch)
    for batch in wanted:
        request_retry(store, batch)
        console.print(f"{batch}: asked for another attempt", markup=False, soft_wrap=True)
    if wanted:
        console.print("`argus status --watch` shows how it goes")


def _print_list(console: Console, found: Sequence[GivenUp]) -> None:
    if not found:
        console.print("Nothing was given up.")
        return
    for record in found:
        console.print(
            f"[bold]{record.batch}[/]  {record.attempts} attempts, given up {record.at}",
            soft_wrap=True,
        )
        console.print(f"  {record.reason}", markup=False, soft_wrap=True)
        console.print(f"  to try it again: {record.command}", markup=False, soft_wrap=True)
