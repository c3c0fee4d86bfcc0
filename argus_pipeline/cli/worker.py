"""`argus worker` and `argus workers`: what carries out runs beyond one machine."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from argus_pipeline.engine.workers import Fleet


def worker(
    name: Annotated[
        str, typer.Option(help="Its name beside other workers of the same host.")
    ] = "argus",
    slots: Annotated[
        int | None,
        typer.Option(min=0, help="Small batches or shards at once. Default: one a core."),
    ] = None,
    leads: Annotated[
        int, typer.Option(min=0, help="Large batches whose shards it hands out, at once.")
    ] = 2,
    queue: Annotated[
        list[str] | None,
        typer.Option(help="Serve this queue only: urgent, shards, runs or bulk; several may be."),
    ] = None,
) -> None:
    """Carry out runs for a control plane elsewhere, in the foreground, until told to stop.

    It needs the addresses of Postgres, Redis and the store, and keeps nothing itself:
    ARGUS_BROKER_URL, ARGUS_DATABASE_URL, ARGUS_DAGSTER_DATABASE_URL and ARGUS_S3_*. Runs have
    this worker's settings, so all others (language model, report language) as on the control plane.
    On the machine of the local stack it finds them by itself (`argus up --engine celery`).

    SIGTERM or Ctrl-C: it finishes what it has begun and takes no more; a second one stops it at
    once. While the broker or the database is away it says so and tries again, ever more slowly.
    A worker of another version or with other settings than the control plane's refuses to work.
    `argus workers` shows who is there, and docs/scaling.md what one of them gets done.

    Exit status: 0 when it was told to stop; 1 when it refuses to work.

    Example: argus worker --slots 8
    """
    import logging

    from argus_pipeline import settings
    from argus_pipeline.engine.queues import WORK
    from argus_pipeline.engine.worker import (
        WorkerOptions,
        default_slots,
        is_installed,
        look_after,
    )
    from argus_pipeline.errors import ArgusError

    if not is_installed():
        raise ArgusError(
            "Celery is not installed here",
            hint="Install it with `pip install 'argus-pipeline[celery]'`",
        )
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise ArgusError(f"is {name!r}", where="--name", expected="letters, digits, - and _")
    known = {one.value.removeprefix("argus."): one for one in WORK}
    unknown = [one for one in queue or () if one not in known]
    if unknown:
        raise ArgusError(f"{unknown[0]!r} is no queue", where="--queue", expected=", ".join(known))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    options = WorkerOptions(
        name=name,
        slots=default_slots() if slots is None else slots,
        leads=leads,
        queues=tuple(one for short, one in known.items() if not queue or short in queue),
    )
    if not options.commands():
        raise ArgusError("has nothing to do", where="--slots and --leads", expected="one above 0")
    raise typer.Exit(look_after(options, settings.root()))


def workers(
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List the workers that answer, what each has in hand, and what waits in the queues.

    Exit status: 0 when there are workers; 1 when there are none, or the broker does not answer.

    Example: argus workers
    """
    from dataclasses import asdict

    from argus_pipeline.engine.options import broker_url
    from argus_pipeline.engine.workers import ask_workers

    fleet = ask_workers(broker_url())
    if as_json:
        typer.echo(json.dumps(asdict(fleet), indent=1, default=str))
    else:
        _print(fleet)
    raise typer.Exit(0 if fleet.workers else 1)


def _print(fleet: Fleet) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not fleet.workers:
        console.print("No worker answers. `argus worker` starts one.")
    else:
        table = Table("worker", "since (UTC)", "busy", "version", "serves", "in hand", box=None)
        for one in fleet.workers:
            table.add_row(
                one.name,
                f"{one.since:%m-%d %H:%M:%S}",
                f"{len(one.runs)}/{one.slots}",
                one.versions["argus"],
                " ".join(name.removeprefix("argus.") for name in one.queues),
                " ".join(run[:8] for run in one.runs),
            )
        console.print(table)
    waiting = ", ".join(
        f"{name.removeprefix('argus.')} {count}" for name, count in fleet.waiting.items() if count
    )
    console.print(f"Waiting: {waiting or 'nothing'}")
