"""`argus knowledge`: put articles into the knowledge base, list, find, check and export them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from argus_pipeline.knowledge.forms import Form

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from argus_pipeline.errors import BadInput
    from argus_pipeline.knowledge.retrieval import Retrieval

app = typer.Typer(
    no_args_is_help=True,
    help="The articles that a diagnosis draws on: import, list, search, check, export.",
)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
_Platform = Annotated[
    str | None, typer.Option("--platform", "-p", help="Vehicle platform, such as J7.")
]


@app.command("import")
def import_(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="YAML, JSON, CSV or Markdown files, or folders; without any, the starter set."
        ),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Bring the knowledge base to the articles of these files.

    Only what changed is written. An article with an error is refused and named; the others go in.
    YAML in the layout of OBDex is understood as well. Afterwards vectors that another embedder made
    are computed anew. Exit status: 0 when all went in, 1 when one was refused.

    Example: argus knowledge import our-articles/ brakes.yaml
    """
    from argus_pipeline import settings
    from argus_pipeline.database.engine import opened_engine
    from argus_pipeline.database.migrate import migrate
    from argus_pipeline.knowledge.embedding import embedder_from
    from argus_pipeline.knowledge.files import read_articles, starter_articles
    from argus_pipeline.knowledge.index import ensure_index
    from argus_pipeline.knowledge.quality import renew_vectors
    from argus_pipeline.knowledge.store import import_articles

    configured = settings.load()
    found = read_articles(paths or [starter_articles()])
    embedder = embedder_from(configured)
    migrate(configured.require_database_url())
    with opened_engine(configured) as engine:
        with _progress(len(found.articles)) as progress:
            result = import_articles(engine, found.articles, embedder, progress=progress)
        renewed = renew_vectors(engine, embedder)
        ensure_index(engine, embedder)
    if as_json:
        refused = [_refusal(error) for error in found.refused]
        content = {
            **asdict(result),
            "renewed": renewed,
            "embedder": embedder.name,
            "refused": refused,
        }
        typer.echo(json.dumps(content, indent=1, ensure_ascii=False))
    else:
        typer.echo(
            f"{result.total} articles: {result.added} added, {result.changed} changed, "
            f"{result.reembedded} with a new vector only, {result.unchanged} unchanged"
        )
        if renewed:
            typer.echo(f"{renewed} further articles got a vector of {embedder.name}")
    for error in found.refused:
        typer.echo(f"argus: refused: {error}", err=True)
    if found.refused:
        typer.echo(f"argus: {len(found.refused)} refused, the others are in", err=True)
        raise typer.Exit(1)


@app.command("list")
def list_(
    code: Annotated[str | None, typer.Option(help="Of this fault code only.")] = None,
    platform: _Platform = None,
    words: Annotated[
        str | None,
        typer.Option(help='Only those with all of these words: `wheel "lost signal" -rear`.'),
    ] = None,
    as_json: _Json = False,
) -> None:
    """List the articles of the knowledge base.

    Example: argus knowledge list --platform J7 --words brake
    """
    from argus_pipeline import settings
    from argus_pipeline.database.engine import opened_engine
    from argus_pipeline.knowledge.store import list_articles

    with opened_engine(settings.load()) as engine:
        found = list(list_articles(engine, code=code, platform=platform, words=words))
    if as_json:
        entries = [article.to_entry() for article in found]
        typer.echo(json.dumps(entries, indent=1, ensure_ascii=False))
        return
    rows = [
        (a.code, a.platform or "any", a.firmware_range or "any", a.article_id, a.title)
        for a in found
    ]
    _print_table(("code", "platform", "firmware", "article", "title"), rows)
    typer.echo(f"{len(found)} articles", err=True)


@app.command()
def export(
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File to write to, or folder for md; else the terminal."),
    ] = None,
    form: Annotated[
        Form, typer.Option("--format", "-f", help="An import reads each of them back.")
    ] = Form.YAML,
    code: Annotated[str | None, typer.Option(help="Of this fault code only.")] = None,
    platform: _Platform = None,
) -> None:
    """Write the articles to a file that `argus knowledge import` reads.

    Example: argus knowledge export --format csv --out articles.csv
    """
    from argus_pipeline import settings
    from argus_pipeline.database.engine import opened_engine
    from argus_pipeline.knowledge.export import as_text, write_articles
    from argus_pipeline.knowledge.store import list_articles

    with opened_engine(settings.load()) as engine:
        articles = list(list_articles(engine, code=code, platform=platform))
    if out is None:
        typer.echo(as_text(articles, form), nl=False)
        return
    write_articles(articles, form, out)
    typer.echo(f"argus: wrote {len(articles)} articles to {out}", err=True)


@app.command()
def check(as_json: _Json = False) -> None:
    """Look over the whole knowledge base: duplicates, articles without remedy, foreign vectors.

    Exit status: 0 when there is nothing to say, 1 otherwise.
    """
    from argus_pipeline import settings
    from argus_pipeline.database.engine import opened_engine
    from argus_pipeline.knowledge.embedding import embedder_from
    from argus_pipeline.knowledge.quality import check as look_over

    configured = settings.load()
    with opened_engine(configured) as engine:
        found = look_over(engine, embedder_from(configured))
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=1))
    else:
        typer.echo(f"{found.articles} articles")
        for group in found.duplicate_ids:
            typer.echo("say the same of the same vehicles: " + ", ".join(group))
        if found.without_remedy:
            shown = ", ".join(found.without_remedy_ids)
            typer.echo(f"{found.without_remedy} without a remedy, such as {shown}")
        for name, number in found.other_embedders.items():
            typer.echo(f"{number} with a vector of {name}: `argus knowledge import` renews them")
    if found.duplicates or found.without_remedy or found.other_embedders:
        raise typer.Exit(1)


@app.command()
def search(
    question: Annotated[
        list[str], typer.Argument(help="Fault codes, a question in any language, or both.")
    ],
    platform: _Platform = None,
    firmware: Annotated[
        str | None, typer.Option("--firmware", "-f", help="Firmware version, such as v2.3.1.")
    ] = None,
    top_k: Annotated[
        int, typer.Option("--top", min=1, max=50, help="How many articles for each code.")
    ] = 3,
    as_json: _Json = False,
) -> None:
    """Find articles as a diagnosis does, and say by which step each was found.

    Example: argus knowledge search C0035 --platform J7 --firmware v2.3.1

    Example: argus knowledge search "the screen goes black after the update"
    """
    from argus_pipeline import settings
    from argus_pipeline.database.engine import opened_engine
    from argus_pipeline.knowledge.codes import codes_in_question, normal_code
    from argus_pipeline.knowledge.embedding import embedder_from
    from argus_pipeline.knowledge.retrieval import Question, retrieve

    configured = settings.load()
    words = " ".join(question).split()
    codes = codes_in_question(" ".join(words))
    # A code has no meaning to an embedder: what is asked in words is the rest.
    text = " ".join(word for word in words if normal_code(word) not in codes)
    asked = Question(codes, platform, firmware, text, top_k)
    with opened_engine(configured) as engine:
        found = retrieve(engine, embedder_from(configured), asked)
    if as_json:
        typer.echo(json.dumps(_answer(found), indent=1, ensure_ascii=False))
        return
    rows = [
        (
            match.step.value,
            "" if match.distance is None else f"{match.distance:.2f}",
            match.article.code,
            match.article.article_id,
            match.article.title + (f" ({match.caveat})" if match.caveat else ""),
        )
        for match in found.matches
    ]
    if rows:
        _print_table(("found by", "distance", "code", "article", "title"), rows)
    for note in found.notes:
        typer.echo(f"note: {note}", err=True)
    if not found.matches:
        typer.echo(
            "no article was found" + ("" if text else ": add what is seen, in words"), err=True
        )


def _answer(found: Retrieval) -> dict[str, Any]:
    matches = [
        {
            "step": match.step.value,
            "distance": match.distance,
            "code": match.code,
            "caveat": match.caveat,
            "article": match.article.to_entry(),
        }
        for match in found.matches
    ]
    return {"matches": matches, "notes": list(found.notes)}


def _refusal(error: BadInput) -> dict[str, str | None]:
    return {"where": error.where, "what": error.what, "expected": error.expected}


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr; what is yielded takes the number of articles that are done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("articles", total=total)
        yield lambda done: progress.update(task, completed=done)


def _print_table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    Console().print(table)
