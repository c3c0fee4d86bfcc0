"""`argus simulate`: recordings of a fleet that does not exist, with faults that are known."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer


def simulate(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to; a new or empty folder.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    batches: Annotated[int, typer.Option(min=1, help="How many; six scenarios take turns.")] = 6,
    vehicles: Annotated[
        int | None,
        typer.Option(min=1, help="At most so many vehicles of a platform. Default: as they come."),
    ] = None,
    size_mb: Annotated[
        float, typer.Option(min=0.1, max=4000, help="About how large each batch is, in MB.")
    ] = 1.5,
    start: Annotated[
        str, typer.Option(metavar="TIME", help="When the first recording begins.")
    ] = "2026-11-20T06:00:00Z",
    campaign: Annotated[
        bool,
        typer.Option(
            "--campaign",
            help="One update of a vehicle each batch that makes a code worse, and vehicles.csv.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the truth on stdout.")] = False,
) -> None:
    """Write realistic batches of recordings, and truth.json about what is wrong in them.

    Example: argus simulate --out fleet && argus upload fleet/02-*

    Each batch is a folder with .dlt and .rec recordings, the specification they need and a
    batch.json, so that `argus upload` needs no further option. A fleet that was simulated into
    the same folder before is replaced.
    """
    from rich.console import Console

    from argus_pipeline.errors import BadInput
    from argus_pipeline.simulate.fleet import write_fleet
    from argus_pipeline.simulate.truth import TRUTH_FILE, BatchTruth

    try:
        begins = datetime.fromisoformat(start)
    except ValueError as error:
        raise BadInput(
            f"--start is {start!r}", expected="a time such as 2026-11-20T06:00:00Z"
        ) from error
    console = Console(stderr=True, highlight=False)

    def tell(batch: BatchTruth) -> None:
        size = sum(recording.size for recording in batch.recordings)
        console.print(
            f"{batch.batch}  {len(batch.recordings)} recordings, {size / 1e6:.1f} MB",
            markup=False,
            soft_wrap=True,
        )

    truth = write_fleet(
        out,
        seed=seed,
        batches=batches,
        vehicles=vehicles,
        megabytes=size_mb,
        start=begins,
        campaign=campaign,
        on_batch=tell,
    )
    if as_json:
        typer.echo(truth.to_json(), nl=False)
    else:
        typer.echo(out / TRUTH_FILE)
