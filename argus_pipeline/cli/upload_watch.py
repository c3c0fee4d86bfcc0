"""`argus upload --watch`: the folders of a test bench, each uploaded as it is complete."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from argus_pipeline.upload.watch import Outcome, Watch

SECONDS_BETWEEN_LOOKS = 2.0
# While the store is away, each look costs its patience; more of them help nobody.
SECONDS_AFTER_TROUBLE = 30.0


def watch_folder(watching: Watch, *, once: bool, as_json: bool) -> None:
    """Look until it is stopped, or once; exit status 1 when the one look left a folder behind."""
    from rich.console import Console

    from argus_pipeline.cli.progress import upload_progress
    from argus_pipeline.errors import Unavailable

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"watching {watching.folder}; Ctrl-C ends it", markup=False)
    try:
        while True:
            outcomes = []
            with upload_progress(console) as progress:
                for outcome in watching.turn(progress):
                    outcomes.append(outcome)
                    _tell(console, outcome, as_json=as_json)
            if once:
                raise typer.Exit(1 if any(one.error for one in outcomes) else 0)
            away = any(isinstance(one.error, Unavailable) for one in outcomes)
            time.sleep(SECONDS_AFTER_TROUBLE if away else SECONDS_BETWEEN_LOOKS)
    except KeyboardInterrupt:
        console.print("stopped; what was begun goes on when it is started again")


def _tell(console: Console, outcome: Outcome, *, as_json: bool) -> None:
    done = outcome.uploaded
    if as_json:
        content = {
            "folder": str(outcome.folder),
            "batch": done.batch if done else None,
            "sent_bytes": done.sent_bytes if done else 0,
            "error": str(outcome.error) if outcome.error else None,
        }
        typer.echo(json.dumps(content))
    elif done is not None:
        typer.echo(done.batch)
    if done is not None:
        console.print(
            f"{outcome.folder.name}: {done.sent_bytes / 1e6:.1f} MB in {done.seconds:.1f} s",
            markup=False,
        )
    else:
        console.print(f"{outcome.folder.name}: {outcome.error}", markup=False)
