"""`argus backfill`: many batches again, many in a run."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import date

    from rich.console import Console

    from argus_pipeline.upkeep.bulk import Choice, Progress

_SHOWN = 5
_ASKS_EACH_S = 2.0


def backfill(
    batches: Annotated[
        list[str] | None, typer.Argument(help="These batches; by default what the options choose.")
    ] = None,
    missing: Annotated[bool, typer.Option("--missing", help="Batches without a report.")] = False,
    outdated: Annotated[
        bool, typer.Option("--outdated", help="Batches that older code has made.")
    ] = False,
    since: Annotated[
        datetime | None,
        typer.Option("--from", metavar="DATE", formats=["%Y-%m-%d"], help="Uploaded since (UTC)."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", metavar="DATE", formats=["%Y-%m-%d"], help="Up to, with that day."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Show how far it is until it has ended.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")] = False,
) -> None:
    """Make everything of many batches again, many in each run.

    Options narrow the choice: `--missing --from 2026-11-01` are the batches without a report that
    were uploaded since then. Finished recordings are not parsed again, unless by another parser.
    It goes on without this command, as a backfill in Dagster's UI: Ctrl-C only ends the watching.

    A batch that cannot be made does not stop the others: it gets a run of its own, which says why
    and is tried again or given up. ARGUS_BULK_BATCHES (50) are in a run.

    Exit status: 0 when all were made, or there was nothing to do; 1 when some were not.

    Example: argus backfill --outdated --dry-run
    """
    from rich.console import Console

    from argus_pipeline import run_records, settings
    from argus_pipeline.errors import ArgusError
    from argus_pipeline.storage.object_store import ObjectStore
    from argus_pipeline.upkeep import bulk

    if not (batches or missing or outdated or since or until):
        raise ArgusError(
            "nothing was said about which batches",
            expected="--missing, --outdated, --from DATE, --to DATE, or names",
            hint="`argus backfill --missing --dry-run` shows what it would do",
        )
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    store, instance = ObjectStore(settings.load()), run_records.connect()
    with run_records.answering():
        with console.status("Looking for batches …"):
            choice = bulk.choose(
                instance,
                store,
                missing=missing,
                outdated=_code_versions() if outdated else None,
                days=_days(since, until),
                named=batches or (),
            )
        seconds = run_records.seconds_a_batch(instance)
    _say_choice(console, choice, seconds)
    if dry_run or not choice.batches:
        if as_json:
            typer.echo(json.dumps({"batches": list(choice.batches)}, indent=1))
        return
    url = settings.webserver_url()
    if not url:
        raise ArgusError(
            "the address of Dagster's webserver is not known",
            where="ARGUS_WEBSERVER or ARGUS_UI_URL",
            hint="`argus up` starts the local one",
        )
    title = f"argus backfill {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    started = bulk.launch(url, choice.batches, title)
    page = f"{(settings.ui_url() or url).rstrip('/')}/runs/b/{started}"
    console.print(f"Backfill {started}: {page}", markup=False)
    if not wait:
        if as_json:
            typer.echo(json.dumps({"backfill": started, "batches": len(choice.batches)}))
        return
    ended = _watch(console, url, started, len(choice.batches))
    if as_json:
        said = {"backfill": started, "done": ended.done, "not made": ended.failed}
        typer.echo(json.dumps(said, indent=1))
    lacking = len(choice.batches) - ended.done
    console.print(f"{ended.done} of {len(choice.batches)} batches were made.")
    if ended.error:
        console.print(ended.error, markup=False)
    if lacking:
        console.print(f"{lacking} were not: `argus status` and `argus retry` say why.")
        raise typer.Exit(1)


def _days(since: datetime | None, until: datetime | None) -> tuple[date, date] | None:
    from argus_pipeline.errors import ArgusError

    if since is None and until is None:
        return None
    if since is None:
        raise ArgusError("lacks its other end", where="--to", expected="--from DATE with it")
    last = until or datetime.now(UTC)
    if last.date() < since.date():
        raise ArgusError("ends before it begins", where="--from and --to", expected="days in order")
    return since.date(), last.date()


def _code_versions() -> dict[str, str]:
    """What makes a batch now; it takes the code of the assets."""
    import sys

    from argus_pipeline import settings

    sys.path.insert(0, str(settings.root()))
    from assets.versions import code_versions

    return code_versions()


def _say_choice(console: Console, choice: Choice, seconds: float | None) -> None:
    names = ", ".join(choice.batches[:_SHOWN]) + (" …" if len(choice.batches) > _SHOWN else "")
    console.print(f"{len(choice.batches)} batches{': ' if names else ''}{names}", markup=False)
    for reason, count in choice.left_alone.items():
        console.print(f"  {count} more are left alone: {reason}", markup=False)
    if seconds and choice.batches:
        console.print(
            f"  A batch took {seconds:.0f} s lately in a run of its own; in a run of many it takes "
            f"less: at most {_duration(seconds * len(choice.batches))} one after the other."
        )


def _watch(console: Console, url: str, backfill: str, batches: int) -> Progress:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    from argus_pipeline.upkeep import bulk

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(
        *columns, console=console, disable=not console.is_terminal, speed_estimate_period=600
    ) as bar:
        task = bar.add_task("batches", total=batches)
        while True:
            found = bulk.progress(url, backfill)
            failed = f", {found.failed} not made" if found.failed else ""
            bar.update(task, completed=found.done + found.failed, description=f"batches{failed}")
            if found.over:
                return found
            time.sleep(_ASKS_EACH_S)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
