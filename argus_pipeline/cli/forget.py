"""`argus forget`: takes a vehicle's name out of everything, or removes all that it sent."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from argus_pipeline.forget.forgetting import Place
    from argus_pipeline.forget.pseudonym import Pseudonym

_NOT_REACHED = (
    "disk space that store and database have not used again yet",
    "backups, older versions that the bucket keeps, files on vehicles and upload machines",
    "originals in an archive, where `argus adopt` left them: adopting it anew brings the name back",
    "logs of the servers, and what people have copied or been sent (alerts, reports)",
    "a name that a recording holds in another writing than its letters, such as UTF-16 or in parts",
)


def forget(
    vehicle: Annotated[str, typer.Argument(metavar="VIN", help="The vehicle, as uploads name it.")],
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove its batches instead of renaming them.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")
    ] = False,
    thorough: Annotated[
        bool,
        typer.Option(
            "--thorough", help="Look into the uploads, tables and charts of other vehicles, too."
        ),
    ] = False,
    dagster: Annotated[
        bool, typer.Option("--dagster/--no-dagster", help="Change Dagster's records as well.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Forget a vehicle: a pseudonym takes its name's place everywhere, or its batches are removed.

    Example: argus forget LFV3A23C0K3000001 --dry-run

    Keys and content of objects, rows, roll-ups, partitions. The pseudonym is made of chance and
    nothing leads back from it; roll-ups stay what they were. Killed, it goes on when it is called
    again. Twice changes nothing. Needs the rights of the owner of the tables.
    """
    from rich.console import Console

    from argus_pipeline import run_records, settings
    from argus_pipeline.cli import forget_runs
    from argus_pipeline.database.engine import opened_engine
    from argus_pipeline.forget import forgetting
    from argus_pipeline.forget.forgetting import Place
    from argus_pipeline.storage.object_store import ObjectStore

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    configured = settings.load()
    store = ObjectStore(configured)
    instance = run_records.connect() if dagster else None
    with opened_engine(configured) as engine:
        task = forgetting.open_task(store, engine, vehicle, remove=remove)
        if dry_run:
            found = list(forgetting.count(store, engine, task, thorough=thorough))
            _print(found, task.pseudonym, console, as_json=as_json, dry_run=True)
            return
        if task.found:
            console.print(f"going on with what was begun for {task.pseudonym.name}")
        found = []
        if instance is not None:
            forget_runs.refuse_running(instance, task.batches)
            task.made = {**forget_runs.materialized(instance, task.batches), **task.made}
        task.save(store)
        if instance is not None:
            deleted = forget_runs.delete_runs(instance, store, task.batches)
            found.append(Place("Dagster: runs with events and logs", deleted, "removed"))
        found += forgetting.forget(
            store, engine, task, thorough=thorough, on_step=lambda step: console.print(f"{step} …")
        )
        if instance is not None:
            if not remove:
                added = forget_runs.add_again(instance, task.pseudonym, task.made)
                found.append(Place("Dagster: partitions", added, "renamed"))
            found += [
                Place(f"Dagster: {table}", rows, "NOT REACHED", "Dagster has no means to change it")
                for table, rows in forget_runs.remaining(task.pseudonym).items()
            ]
        forgetting.finish(store, task)
    _print(found, task.pseudonym, console, as_json=as_json, dry_run=False)


def _print(
    found: Sequence[Place],
    pseudonym: Pseudonym,
    console: Console,
    *,
    as_json: bool,
    dry_run: bool,
) -> None:
    if as_json:
        content = {
            "pseudonym": None if dry_run else pseudonym.name,
            "places": [asdict(place) for place in found],
            "not reached": list(_NOT_REACHED),
        }
        typer.echo(json.dumps(content, indent=1))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("place", "count", "would be" if dry_run else "done", "")
    for place in found:
        table.add_row(place.name, f"{place.count:,}", place.done, place.note)
    Console().print(table)
    if not dry_run:
        console.print(f"The vehicle is called {pseudonym.name} from now on.")
    console.print("Out of reach of this command:")
    for text in _NOT_REACHED:
        console.print(f"  {text}")
