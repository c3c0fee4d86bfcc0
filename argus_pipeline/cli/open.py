"""`argus open`: the report of a batch or the page of a campaign, in the web browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def open_(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[BATCH|CAMPAIGN]", help="Without it, the newest report is opened."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--to", help="Folder for the copy; by default in ARGUS_HOME.")
    ] = None,
    only_print: Annotated[
        bool, typer.Option("--print", help="Print the path of the copy and open nothing.")
    ] = False,
) -> None:
    """Open the report of a batch or the page of a campaign in the web browser.

    The page is copied from the bucket and works without a network.

    Example: argus open 2026-q4-brakes
    """
    from argus_pipeline import settings
    from argus_pipeline.cli.browser import show
    from argus_pipeline.errors import ArgusError
    from argus_pipeline.report.pages import read_page
    from argus_pipeline.storage.object_store import ObjectStore

    page = read_page(ObjectStore(settings.load()), name)
    path = (folder or settings.home() / "opened") / f"{page.name}.html"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(page.content)
    except OSError as error:
        raise ArgusError(
            f"the page cannot be written: {error.strerror}", where=str(path)
        ) from error
    typer.echo(path)
    if not only_print and not show(path):
        typer.echo("argus: no web browser was found; open the file by hand", err=True)
