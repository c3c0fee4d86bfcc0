"""`argus status`: at which stage is a batch?"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.table import Table

    from argus_pipeline.batch_status import BatchStatus
    from argus_pipeline.errors import Unavailable


def status(
    batches: Annotated[
        list[str] | None, typer.Argument(help="Batch ids; without any, the newest batches.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Go on showing until every batch has ended.")
    ] = False,
    limit: Annotated[int, typer.Option(help="How many of the newest batches.", min=1)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Say at which stage batches are, from Dagster's own records.

    Exit status: 0 when no batch shown has failed or was given up, 1 otherwise. With --watch, a
    store or database that is away is waited for. With --watch and --json, each change is a line:
    the list of all batches shown.

    Example: argus status --watch
    """
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    from argus_pipeline import settings
    from argus_pipeline.batches.stages import Stage
    from argus_pipeline.quick_status import QuickStatus
    from argus_pipeline.storage.object_store import ObjectStore

    quick = QuickStatus(ObjectStore(settings.load()))

    def look() -> Sequence[BatchStatus]:
        return quick.of(batches or quick.newest(limit))

    found = first = look()
    if as_json and not watch:
        typer.echo(json.dumps([asdict(one) for one in found], indent=1))
    elif as_json:
        said = None
        for found, _ in _watched(first, look):
            # How long it takes changes each time.
            now = [{k: v for k, v in asdict(one).items() if k != "seconds"} for one in found]
            if now != said:
                typer.echo(json.dumps([asdict(one) for one in found]))
            said = now
    elif not watch:
        Console().print(status_table(found))
    else:
        with Live(status_table(found), refresh_per_second=2) as live:
            for found, away in _watched(first, look):
                table = status_table(found)
                since = Text(f"as it was before: {away}", style="yellow")
                live.update(table if away is None else Group(table, since))
    if any(one.stage in {Stage.FAILED, Stage.GIVEN_UP, Stage.REJECTED} for one in found):
        raise typer.Exit(1)


def _watched(
    found: Sequence[BatchStatus], look: Callable[[], Sequence[BatchStatus]]
) -> Iterator[tuple[Sequence[BatchStatus], Unavailable | None]]:
    """Each look until every batch has ended; where one fails, what was found before, and why."""
    from argus_pipeline.errors import Unavailable

    yield found, None
    while not all(one.stage.is_final for one in found):
        time.sleep(1)
        try:
            found = look()
        except Unavailable as error:
            # Whoever watches wants to see it come back.
            yield found, error
        else:
            yield found, None


def status_table(statuses: Sequence[BatchStatus]) -> Table:
    """The statuses as people read them."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    # An id is copied from here, so it is never cut; the detail gives way.
    table.add_column(
        "batch", no_wrap=True, min_width=max((len(s.batch) for s in statuses), default=5)
    )
    table.add_column("stage", no_wrap=True, min_width=len("diagnosing"))
    table.add_column("seconds", no_wrap=True, justify="right")
    table.add_column("detail", overflow="fold")
    colours = {"done": "green", "failed": "red", "given up": "red", "rejected": "red"}
    for one in statuses:
        colour = colours.get(one.stage.value, "cyan")
        table.add_row(
            escape(one.batch),
            f"[{colour}]{one.stage.value}[/]",
            "" if one.seconds is None else f"{one.seconds:.1f}",
            escape(one.detail),
        )
    return table
