"""`argus campaign`: may an update campaign go on?"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console

COLOURS: Final = {"continue": "green", "hold": "red", "not enough data": "yellow"}


def campaign(
    name: Annotated[
        str | None, typer.Argument(help="One campaign, with its rules; without it, all of them.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Say how campaigns are doing: vehicles by outcome, and whether to continue or to hold.

    The verdict follows from rules that are printed with it. They come from fleet/rules.yaml and
    campaigns/CAMPAIGN/rules.yaml in the bucket, the expected vehicles from
    campaigns/CAMPAIGN/vehicles.csv; docs/fleet.md describes them.

    Exit status: 0 when no campaign shown is on hold, 1 otherwise.

    Example: argus campaign 2026-q4-brakes
    """
    from rich.console import Console

    from argus_pipeline import settings
    from argus_pipeline.errors import BadInput
    from argus_pipeline.fleet.campaign import read_health
    from argus_pipeline.storage.object_store import ObjectStore

    every = read_health(ObjectStore(settings.load()))
    found = [one for one in every if name in (None, one["campaign"])]
    if name is not None and not found:
        known = ", ".join(one["campaign"] for one in every) or "none yet"
        raise BadInput(f"there is no campaign {name!r}", expected=f"one of: {known}")
    if as_json:
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
    elif not found:
        typer.echo("argus: no batch names a campaign yet", err=True)
    else:
        console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
        if name is None:
            _print_list(console, found)
        else:
            print_campaign(console, found[0])
    if any(one["verdict"] == "hold" for one in found):
        raise typer.Exit(1)


def _print_list(console: Console, found: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("campaign", "verdict", "target"):
        table.add_column(column, no_wrap=True)
    for column in ("expected", "reported", "succeeded", "failed", "pending", "hours"):
        table.add_column(column, justify="right")
    table.add_column("why", overflow="fold")
    for one in found:
        table.add_row(
            Text(one["campaign"]),
            Text(one["verdict"], COLOURS[one["verdict"]]),
            Text(one["target"] or "unknown"),
            "-" if one["expected"] is None else f"{one['expected']:,}",
            *(f"{one[count]:,}" for count in ("reported", "succeeded", "failed", "pending")),
            f"{one['hours']:,.1f}",
            Text(one["reason"]),
        )
    console.print(table)


def print_campaign(console: Console, one: dict[str, Any]) -> None:
    """Print one campaign with its vehicles, its changes and its rules."""
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    colour = COLOURS[one["verdict"]]
    console.print(f"[bold]{escape(one['campaign'])}[/]  [bold {colour}]{one['verdict']}[/]")
    listed = "no list of vehicles" if one["expected"] is None else f"{one['expected']:,} expected"
    console.print(
        f"target {escape(one['target'] or 'unknown')} (from the {one['target_from']}) on "
        f"{', '.join(one['platforms']) or 'no platform'}; {one['hours']:,.1f} h under it; "
        f"{one['batches']:,} batches, {one['given_up']:,} given up; {listed}\n"
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("from version")
    for column in ("expected", "reported", "succeeded", "failed", "pending"):
        table.add_column(column, justify="right")
    for source in one["sources"]:
        expected = "-" if source["expected"] is None else f"{source['expected']:,}"
        counts = (f"{source[c]:,}" for c in ("reported", "succeeded", "failed", "pending"))
        table.add_row(Text(source["firmware"]), expected, *counts)
    console.print(table)
    if one["not_expected"]:
        console.print(f"{one['not_expected']:,} vehicles reported that are not on the list")
    console.print()
    for change in one["changes"]:
        console.print(
            Text(
                f"{change['class']}: {change['fault']} on {change['platform']} "
                f"({change['severity']}), {change['title'] or ''}"
            )
        )
    rules = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "rule", "asks for", "found"):
        rules.add_column(column, overflow="fold")
    for rule in one["rules"]:
        mark = Text("✓", "green") if rule["holds"] else Text("✗", COLOURS[rule["otherwise"]])
        rules.add_row(mark, *(Text(rule[k]) for k in ("rule", "threshold", "found")))
    console.print(rules)
