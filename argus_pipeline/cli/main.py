"""The command `argus`: what it offers, and how an error reaches the person who typed it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from argus_pipeline import __version__
from argus_pipeline.cli import (
    adopt,
    ask,
    backfill,
    campaign,
    compare,
    demo,
    diagnose,
    diagnosis,
    forget,
    inspect,
    knowledge,
    metrics,
    parse,
    presign,
    prune,
    quarantine,
    query,
    report,
    retry,
    serve,
    simulate,
    stack,
    status,
    upload,
    worker,
)
from argus_pipeline.cli import (
    open as open_command,
)
from argus_pipeline.errors import ArgusError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="markdown",  # joins the lines of a paragraph
    pretty_exceptions_show_locals=False,  # locals may hold keys
    help="From the binary logs that vehicles upload after an update to a diagnosis.\n\n"
    "Start with `argus up`, then `argus simulate --out fleet` and `argus upload fleet/<batch>`.",
)

app.command(rich_help_panel="Work with recordings")(parse.parse)
app.command(rich_help_panel="Work with recordings")(inspect.inspect)
app.command(rich_help_panel="Work with recordings")(simulate.simulate)
app.command(rich_help_panel="Work with recordings")(upload.upload)
app.command(rich_help_panel="Work with recordings")(presign.presign)
app.command(rich_help_panel="Work with recordings")(adopt.adopt)
app.command(rich_help_panel="Read what came of them")(status.status)
app.command(rich_help_panel="Work with recordings")(retry.retry)
app.command(rich_help_panel="Work with recordings")(backfill.backfill)
app.command(rich_help_panel="Read what came of them")(report.report)
app.command(rich_help_panel="Read what came of them")(ask.ask)
app.command(rich_help_panel="Read what came of them")(diagnose.diagnose)
app.command(rich_help_panel="Read what came of them")(compare.compare)
app.command(rich_help_panel="Read what came of them")(campaign.campaign)
app.command(name="open", rich_help_panel="Read what came of them")(open_command.open_)
app.command(rich_help_panel="Read what came of them")(query.query)
app.add_typer(serve.app, name="serve", rich_help_panel="Read what came of them")
app.add_typer(quarantine.app, name="quarantine", rich_help_panel="Read what came of them")
app.add_typer(diagnosis.app, name="diagnosis", rich_help_panel="Read what came of them")
app.add_typer(knowledge.app, name="knowledge", rich_help_panel="Read what came of them")
app.command(rich_help_panel="Run the stack")(stack.up)
app.command(rich_help_panel="Run the stack")(stack.down)
app.command(rich_help_panel="Run the stack")(stack.doctor)
app.command(rich_help_panel="Run the stack")(worker.worker)
app.command(rich_help_panel="Run the stack")(worker.workers)
app.command(rich_help_panel="Run the stack")(forget.forget)
app.command(rich_help_panel="Run the stack")(prune.prune)
app.command(rich_help_panel="Run the stack")(metrics.metrics)
app.command(rich_help_panel="Run the stack")(demo.demo)


def _version(asked: bool) -> None:
    if asked:
        import argus_native

        typer.echo(f"argus {__version__}, parser {argus_native.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Say which version it is."
        ),
    ] = False,
) -> None:
    """Options of every command."""


def run() -> None:
    """Run the command line. Exit status: 0 done, 1 it failed, 2 it was called wrongly."""
    try:
        app()
    except ArgusError as error:
        print(f"argus: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("argus: stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of a pipe went away, as `head` does: no error of ours.
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":
    run()
