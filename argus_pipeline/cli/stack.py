"""`argus up`, `argus down` and `argus doctor`: the local stack from the command line."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from argus_pipeline.stack.layout import Stack


class StoreName(StrEnum):
    """The stores that `argus up` can start."""

    SEAWEEDFS = "seaweedfs"
    MINIO = "minio"


class EngineName(StrEnum):
    """What `argus up` can carry out runs with."""

    LOCAL = "local"
    CELERY = "celery"


def up(
    engine: Annotated[
        EngineName | None,
        typer.Option(
            help="What carries out runs: this machine's processes, or Celery workers over Redis. "
            "Default: ARGUS_ENGINE, or the one used before, or local."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="With celery: how many workers here. Default: as before, or 2."),
    ] = None,
    store: Annotated[
        StoreName | None,
        typer.Option(help="Which S3 store to start. Default: the one used before, or seaweedfs."),
    ] = None,
    ui_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port of the UI. Default: 3000, or a free one."),
    ] = None,
    dagster: Annotated[
        bool, typer.Option("--dagster/--no-dagster", help="Start Dagster too.")
    ] = True,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until the UI and the daemon answer.")
    ] = True,
    read_only_ui: Annotated[
        bool,
        typer.Option("--read-only-ui", help="Start a second UI, for those who may look only."),
    ] = False,
) -> None:
    """Start the local stack: Postgres, an S3 store and Dagster, on this machine only.

    Example: argus up

    Starting again is fine: what runs is left alone, what died is started. All state is in .argus
    (or ARGUS_HOME). Real servers take the place of parts: set ARGUS_DATABASE_URL, or
    ARGUS_S3_ENDPOINT with ARGUS_S3_BUCKET, ARGUS_S3_ACCESS_KEY and ARGUS_S3_SECRET_KEY.
    """
    from argus_pipeline.engine.options import Engine
    from argus_pipeline.stack.up import up as start

    console = _console()
    stack = _stack()
    began = time.monotonic()
    with _Shown(console) as progress:
        environment = start(
            stack,
            progress,
            store=store.value if store else None,
            engine=Engine(engine.value) if engine else None,
            workers=workers,
            ui_port=ui_port,
            with_dagster=dagster,
            wait=wait,
            read_only_ui=read_only_ui,
        )
    console.print(f"Ready after {time.monotonic() - began:.1f} s.\n")
    rows = {
        "Pages": environment.get("ARGUS_PAGES_URL"),
        "Dagster UI": environment.get("ARGUS_UI_URL") if dagster else None,
        "Read-only UI": environment.get("ARGUS_READ_ONLY_UI_URL"),
        "S3 endpoint": environment.get("ARGUS_S3_ENDPOINT", "AWS"),
        "Bucket": environment["ARGUS_S3_BUCKET"],
        "Addresses, keys": str(stack.environment_file),
        "Logs": str(stack.home / "logs"),
    }
    for name, value in rows.items():
        if value:
            console.print(f"  {name:<16} {value}", highlight=False, soft_wrap=True)
    console.print(
        "\nNext: `argus upload FOLDER --vehicle VIN --platform P --firmware B`; "
        "`argus doctor` checks everything; `argus down` stops it.",
        soft_wrap=True,
    )


def down() -> None:
    """Stop the local stack. The data stays and is there again after the next `argus up`.

    Example: argus down
    """
    from argus_pipeline.stack.up import down as stop

    console = _console()
    with _Shown(console) as progress:
        stopped = stop(_stack(), progress)
    console.print("Stopped; the data stays." if stopped else "Nothing was running.")


def doctor(
    json_: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check everything that Argus relies on, and say what to do about what is missing.

    Example: argus doctor

    Exit status: 0 when nothing that is required is missing, 1 otherwise.
    """
    import json
    from dataclasses import asdict

    from argus_pipeline.stack.doctor import Level, examine

    findings = examine(_stack())
    if json_:
        typer.echo(json.dumps([asdict(f) for f in findings], indent=1))
    else:
        from rich.console import Console
        from rich.markup import escape

        console = Console(soft_wrap=True, highlight=False)
        colour = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}
        for finding in findings:
            console.print(
                f"[{colour[finding.level]}]{finding.level.value:<5}[/] "
                f"{finding.name:<20} {escape(finding.what)}"
            )
            if finding.fix:
                console.print(f"      {'':<20} → {escape(finding.fix)}")
    if any(finding.level is Level.FAIL for finding in findings):
        raise typer.Exit(1)


class _Shown:
    """Shows progress: a line for each part that is done, and what is going on below them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("")
        self._going_on: list[str] = []

    def __enter__(self) -> _Shown:
        self._status.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._status.stop()

    def began(self, part: str) -> None:
        self._going_on.append(part)
        self._status.update(", ".join(self._going_on))

    def ended(self, part: str, what: str, seconds: float, detail: str = "") -> None:
        from rich.markup import escape

        if part in self._going_on:
            self._going_on.remove(part)
        self._status.update(", ".join(self._going_on))
        self._console.print(
            f"  {part:<12} {what:<16} {seconds:5.1f} s  {escape(detail)}",
            highlight=False,
            soft_wrap=True,
        )


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True)


def _stack() -> Stack:
    from argus_pipeline import settings
    from argus_pipeline.stack.layout import Stack

    return Stack(settings.home(), settings.root())
