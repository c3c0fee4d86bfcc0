"""`argus prune`: Dagster's old events and runs go, as the nightly housekeeping has them go."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer


def prune(
    days: Annotated[
        int | None,
        typer.Option(min=1, help="Age in days; by default ARGUS_UPKEEP_KEEP_RUNS_DAYS."),
    ] = None,
    most: Annotated[
        int | None,
        typer.Option(min=1, help="Runs at the most; by default ARGUS_UPKEEP_PRUNE_RUNS."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would go; changes nothing.")
    ] = False,
) -> None:
    """Take events and runs of batches that were done long ago from Dagster's records.

    The newest materialization of each partition stays, and so do status, checks and the newest run
    of each batch. Batches that are not done keep everything.

    Example: argus prune --days 90 --dry-run
    """
    from argus_pipeline import settings
    from argus_pipeline.run_records import JOB, connect
    from argus_pipeline.storage.object_store import ObjectStore
    from argus_pipeline.upkeep.beside_records import open_records, pruned_elsewhere
    from argus_pipeline.upkeep.options import read_upkeep
    from argus_pipeline.upkeep.pruning import cutoff
    from argus_pipeline.upkeep.pruning import prune as prune_records

    options = read_upkeep()
    age = days or options.keep_runs_days
    if not age:
        typer.echo("Dagster's records are kept for ever (ARGUS_UPKEEP_KEEP_RUNS_DAYS is 0)")
        return
    instance = connect()
    with open_records(instance) as engine:
        done = prune_records(
            engine,
            before=cutoff(datetime.now(UTC), age),
            most=most or options.prune_runs,
            job=JOB,
            dry_run=dry_run,
            on_runs=pruned_elsewhere(instance, ObjectStore(settings.load())),
        )
    would = "would go" if dry_run else "gone"
    typer.echo(f"of runs that ended more than {age} days ago:")
    for name, amount in (
        (f"runs {would}, with all their events", done.deleted),
        ("runs that stay, with the newest events of their assets", done.thinned),
        (f"events {would}", done.events),
        ("events that stay, without the pictures inside them", done.pictures),
        (f"results of checks {would} that newer ones replaced", done.checks),
        (f"records of backfills {would}", done.backfills),
        ("runs left alone, since their batch is not done", done.left),
    ):
        typer.echo(f"{amount:>10,}  {name}")
    if not dry_run:
        typer.echo(f"{done.objects:>10,}  values between steps and logs gone with them")
    if done.more:
        typer.echo("There are more: call it again, or wait for the next night.")
