"""`argus compare`: did an update make anything worse?"""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from argus_pipeline.settings import Settings
    from argus_pipeline.storage.object_store import ObjectStore

COLOURS: Final = {"new": "red", "worse": "red", "better": "green", "gone": "green"}
_SHOWN: Final = ("new", "worse", "better", "gone")
_GAP: Final = 1
# Name, and whether it is a number.
_COLUMNS: Final = (
    *(("class", False), ("fault", False), ("severity", False), ("per hour", True)),
    *(("ratio", True), ("95 %", True), ("p", True), ("vehicles", True), ("what", False)),
)


def compare(
    fault: Annotated[
        str | None, typer.Argument(help="Only this fault code or fingerprint, with all it says.")
    ] = None,
    platform: Annotated[
        str | None, typer.Option("--platform", "-p", help="Only this platform, such as J7.")
    ] = None,
    before: Annotated[
        str | None, typer.Option("--from", metavar="VERSION", help="Only from this version.")
    ] = None,
    after: Annotated[
        str | None, typer.Option("--to", metavar="VERSION", help="Only to this version.")
    ] = None,
    show_all: Annotated[
        bool, typer.Option("--all", "-a", help="Also what is unchanged or has too little data.")
    ] = False,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="First make all roll-ups anew from the batches."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Say which faults are new, worse, better or gone with an update, platform by platform.

    Rates are messages per hour of operation. The interval holds the ratio of the rates with 95 %
    confidence; docs/fleet.md says how it is made and what "too little data" means.

    Exit status: 0, also when something got worse.

    Example: argus compare --platform J7 --to v2.3.1
    """
    import polars as pl
    from rich.console import Console

    from argus_pipeline import settings
    from argus_pipeline.fleet.as_json import json_row
    from argus_pipeline.fleet.comparison import read_comparison
    from argus_pipeline.fleet.rollup import read_sums
    from argus_pipeline.storage.object_store import ObjectStore

    configured = settings.load()
    store = ObjectStore(configured)
    if rebuild:
        _rebuild(configured, store)
    wanted = {
        "platform": platform,
        "firmware_before": before,
        "firmware_after": after,
        "fault": fault,
    }
    found = read_comparison(store).filter(
        *(pl.col(name) == value for name, value in wanted.items() if value is not None)
    )
    if as_json:
        rows = [json_row(row) for row in found.iter_rows(named=True)]
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    # A pipe gets whole lines, whatever the width of the terminal.
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    if found.is_empty():
        typer.echo(
            "argus: nothing is compared yet; a comparison needs hours under two versions of a "
            "platform (`argus status` shows the batches)",
            err=True,
        )
    print_comparison(console, found, show_all=show_all or fault is not None)
    _print_unplaced(console, read_sums(store, "exposures")["exposures"], platform)


def print_comparison(console: Console, found: pl.DataFrame, *, show_all: bool = False) -> None:
    """Print every pair of versions, with what changed or with all of its faults."""
    pairs = ("platform", "firmware_before", "firmware_after")
    for _, pair in found.group_by(*pairs, maintain_order=True):
        _print_pair(console, pair, show_all=show_all)


def _rebuild(configured: Settings, store: ObjectStore) -> None:
    from argus_pipeline.database.engine import opened_engine
    from argus_pipeline.fleet.comparison import compare_firmware
    from argus_pipeline.fleet.kept import keep_comparison
    from argus_pipeline.fleet.lock import fleet_lock
    from argus_pipeline.fleet.rollup import read_sums, rebuild
    from argus_pipeline.fleet.rules import read_rules

    with opened_engine(configured) as engine, fleet_lock(engine) as held:
        done = rebuild(
            store, held, on_batches=lambda n: typer.echo(f"argus: {n} batches", err=True)
        )
        found = compare_firmware(read_sums(store), read_rules(store).comparison)
        keep_comparison(store, engine, found, held)
    for refused in done.refused:
        typer.echo(f"argus: left out: {refused}", err=True)


def _print_pair(console: Console, pair: pl.DataFrame, *, show_all: bool) -> None:
    import polars as pl
    from rich.table import Table
    from rich.text import Text

    one = pair.row(0, named=True)
    console.print(
        f"[bold]{one['platform']}[/]  {one['firmware_before']} → [bold]{one['firmware_after']}[/]"
        f"   {one['hours_before']:,.1f} h of {one['vehicles_before']:,} vehicles before, "
        f"{one['hours_after']:,.1f} h of {one['vehicles_after']:,} after, "
        f"{one['vehicles_both']:,} in both"
    )
    name = pl.col("class").cast(pl.String)
    counts = dict(pair.select(name).to_series().value_counts(sort=True).iter_rows())
    shown = pair if show_all else pair.filter(name.is_in(_SHOWN))
    # The classes' own order: what is bad comes first.
    rows = list(shown.sort("class", maintain_order=True).iter_rows(named=True))
    if rows:
        cells = [_cells(row) for row in rows]
        table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold")
        widths = [
            max(len(column), *(len(own[place]) for own in cells))
            for place, (column, _) in enumerate(_COLUMNS)
        ]
        # In a narrow terminal the title gives way, which comes last; it needs its head at least.
        room = max(console.width - sum(widths[:-1]) - _GAP * len(widths), len(_COLUMNS[-1][0]))
        for column, right in _COLUMNS:
            table.add_column(column, justify="right" if right else "left", no_wrap=True)
        for row, own in zip(rows, cells, strict=True):
            # Text, not str: square brackets in a title are no markup.
            table.add_row(
                Text(own[0], COLOURS.get(row["class"], "")),
                *(Text(cell) for cell in own[1:-1]),
                Text(own[-1] if len(own[-1]) <= room else f"{own[-1][: room - 1]}…"),
            )
        console.print(table)
    rest = {k: v for k, v in counts.items() if k not in _SHOWN}
    if rest and not show_all:
        said = ", ".join(f"{number} {what}" for what, number in rest.items())
        console.print(f"{said} (--all shows them)", style="dim")
    console.print()


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["class"],
        row["fault"],
        row["severity"],
        f"{row['per_hour_before']:.3g} → {row['per_hour_after']:.3g}",
        _factor(row["ratio"]),
        f"{_factor(row['low'])} to {_factor(row['high'])}",
        "" if row["p_adjusted"] is None else f"{row['p_adjusted']:.2g}",
        f"{row['reporting_before']} → {row['reporting_after']}",
        row["title"] or "",
    )


def _print_unplaced(console: Console, exposures: pl.DataFrame, platform: str | None) -> None:
    import polars as pl

    from argus_pipeline.fleet.cells import SECONDS_AN_HOUR

    own = exposures if platform is None else exposures.filter(pl.col("platform") == platform)
    seconds = int(own["seconds"].sum())
    unplaced = int(own.filter(pl.col("firmware").is_null())["seconds"].sum())
    if unplaced:
        console.print(
            f"{unplaced / SECONDS_AN_HOUR:,.1f} of {seconds / SECONDS_AN_HOUR:,.1f} h count under "
            "no version, since the log does not say which one ran",
            style="dim",
        )


def _factor(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "-"
    return "∞" if math.isinf(value) else f"{value:.2f}"
