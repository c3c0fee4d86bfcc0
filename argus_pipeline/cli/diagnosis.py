"""`argus diagnosis`: say whether a diagnosis was right, and see what people said."""

from __future__ import annotations

import getpass
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argus_pipeline.diagnosis.feedback import Feedback
    from argus_pipeline.knowledge.past_diagnoses import PastDiagnosis

app = typer.Typer(
    no_args_is_help=True,
    help="Judge diagnoses: what people confirm or correct comes first the next time.",
)

_Batch = Annotated[str, typer.Argument(help="Batch id.")]
_Note = Annotated[str | None, typer.Option("--note", help="How it was found.")]
_By = Annotated[str | None, typer.Option("--by", help="Who says so; by default you.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


@app.command()
def confirm(batch: _Batch, note: _Note = None, by: _By = None) -> None:
    """Say that the diagnosis of a batch was right.

    Example: argus diagnosis confirm 20261123T101500Z-LFV3A23C0K3000001-7f3a --note "cable replaced"
    """
    from argus_pipeline import settings
    from argus_pipeline.database.engine import opened_engine
    from argus_pipeline.diagnosis import feedback

    with opened_engine(settings.load()) as engine:
        kept = feedback.confirm(engine, batch, author=_author(by), note=note)
    typer.echo(f"{kept.batch}: confirmed by {kept.author}: {kept.verdict}")


@app.command()
def correct(
    batch: _Batch,
    code: Annotated[str | None, typer.Option(help="The fault code that it came from.")] = None,
    article: Annotated[
        str | None, typer.Option(help="The article that describes it, by its id.")
    ] = None,
    cause: Annotated[str | None, typer.Option(help="What it was, in words.")] = None,
    note: _Note = None,
    by: _By = None,
) -> None:
    """Say what it was where the diagnosis of a batch was wrong: a code, an article or a cause.

    Example: argus diagnosis correct BATCH --article u0100-lost-communication-with-ecm
    --note "connector X3 corroded, not the sensor"
    """
    from argus_pipeline import settings
    from argus_pipeline.database.engine import opened_engine
    from argus_pipeline.diagnosis import feedback

    with opened_engine(settings.load()) as engine:
        kept = feedback.correct(
            engine,
            batch,
            author=_author(by),
            code=code,
            article_id=article,
            cause=cause,
            note=note,
        )
    typer.echo(f"{kept.batch}: corrected by {kept.author}: {_instead(kept)}")


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000)] = 20,
    as_json: _Json = False,
) -> None:
    """List what people said of diagnoses, the newest first."""
    from argus_pipeline import settings
    from argus_pipeline.database.engine import opened_engine
    from argus_pipeline.diagnosis.feedback import feedback_on

    with opened_engine(settings.load()) as engine:
        found = feedback_on(engine, limit=limit)
    if as_json:
        typer.echo(json.dumps([_plain(word) for word in found], indent=1, ensure_ascii=False))
        return
    for word in found:
        typer.echo(f"{word.batch}: {_said(word)}")
    typer.echo(f"{len(found)} judgements", err=True)


@app.command()
def show(
    batch: _Batch,
    top_k: Annotated[
        int, typer.Option("--top", min=1, max=50, help="How many past diagnoses.")
    ] = 3,
    as_json: _Json = False,
) -> None:
    """Show the verdict on a batch, what people said of it, and whether it was seen before."""
    from argus_pipeline import settings
    from argus_pipeline.database.engine import opened_engine
    from argus_pipeline.diagnosis.feedback import feedback_on
    from argus_pipeline.diagnosis.pipeline import load_diagnosis
    from argus_pipeline.knowledge.embedding import embedder_from
    from argus_pipeline.knowledge.matches import Question
    from argus_pipeline.knowledge.past_diagnoses import seen_before

    configured = settings.load()
    with opened_engine(configured) as engine:
        found = load_diagnosis(engine, batch)
        words = feedback_on(engine, batch)
        codes = tuple(code for code, _, _ in found.top_codes)
        question = Question(codes, found.platform, found.firmware, found.summary, top_k)
        before = seen_before(engine, embedder_from(configured), question, batch=batch)
    if as_json:
        content = {
            "batch": batch,
            "verdict": found.verdict.text,
            "label": found.label.value,
            "feedback": [_plain(word) for word in words],
            "seen_before": [asdict(past) for past in before.diagnoses],
            "notes": list(before.notes),
        }
        typer.echo(json.dumps(content, indent=1, ensure_ascii=False))
        return
    typer.echo(f"verdict: {found.verdict.text} ({found.label.value})")
    for word in words:
        typer.echo(_said(word))
    _show_past(before.diagnoses)
    for note in before.notes:
        typer.echo(f"note: {note}", err=True)


def _show_past(diagnoses: Sequence[PastDiagnosis]) -> None:
    typer.echo("seen before:" if diagnoses else "nothing like it was seen before")
    for past in diagnoses:
        why = ", ".join(past.shared_codes) or f"similar words, distance {past.distance:.2f}"
        caveat = f" ({past.caveat})" if past.caveat else ""
        typer.echo(f"  {past.batch}{caveat}, {past.standing}: {past.cause} [{why}]")


def _said(word: Feedback) -> str:
    text = f"{word.judgement} by {word.author} on {word.created_at:%Y-%m-%d %H:%M}"
    if word.judgement == "corrected":
        text += f": {_instead(word)}"
    return text + (f" ({word.note})" if word.note else "")


def _instead(word: Feedback) -> str:
    return ", ".join(part for part in (word.code, word.article_id, word.cause) if part)


def _plain(word: Feedback) -> dict[str, Any]:
    return {**asdict(word), "created_at": word.created_at.isoformat()}


def _author(by: str | None) -> str:
    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise typer.BadParameter("say who you are", param_hint="--by") from error
