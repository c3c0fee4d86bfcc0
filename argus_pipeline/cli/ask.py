"""`argus ask`: a question in words, answered from what Argus knows, with citations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from argus_pipeline.asking.answering import Answer
    from argus_pipeline.diagnosis.model import Claim

# What is fixed of an answer, by the language of the question.
_WORDS: Final = {
    "en": {
        "unknown": "unknown: the material does not answer this",
        "no model": "No language model took part: these are the passages, the nearest first.",
        "kept": "asked before within the hour; the same answer",
    },
    "de": {
        "unknown": "unbekannt: Das Material beantwortet das nicht",
        "no model": "Ohne Sprachmodell: Dies sind die Fundstellen, die nächste zuerst.",
        "kept": "wurde in der letzten Stunde schon gefragt; dieselbe Antwort",
    },
    "zh": {
        "unknown": "未知:现有材料无法回答此问题",
        "no model": "未使用语言模型:以下为相关内容,按相关程度排列。",
        "kept": "一小时内已有人提问;答案相同",
    },
}


def ask(
    question: Annotated[list[str], typer.Argument(help="In any language.")],
    batch: Annotated[
        str | None, typer.Option("--batch", "-b", help="Ask about this batch.")
    ] = None,
    platform: Annotated[
        str | None, typer.Option("--platform", "-p", help="Ask about vehicles of this platform.")
    ] = None,
    firmware: Annotated[
        str | None, typer.Option("--firmware", "-f", help="Firmware version, such as v2.3.1.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Answer a question from evidence, articles and past diagnoses; each sentence cites them.

    Without a language model the passages are listed, the nearest first. What the material does
    not answer is answered with "unknown". The same question is asked once an hour.

    Exit status: 0 when there is an answer, 3 when it is unknown.

    Example: argus ask "Did the update bring C0035?" --batch 20261123T101500Z-LFV3A23C0K3000001-7f3a

    Example: argus ask "为什么刹车灯会亮?" --platform J7 --firmware v2.3.1
    """
    from argus_pipeline import settings
    from argus_pipeline.asking.answering import answer
    from argus_pipeline.asking.passages import Scope, gather
    from argus_pipeline.database.engine import opened_engine
    from argus_pipeline.diagnosis.pipeline import load_diagnosis
    from argus_pipeline.knowledge.embedding import embedder_from
    from argus_pipeline.language_model.model import model_from

    if batch and (platform or firmware):
        raise typer.BadParameter("a batch has its platform and firmware: give one or the other")
    text = " ".join(" ".join(question).split())
    configured = settings.load()
    with opened_engine(configured) as engine:
        embedder = embedder_from(configured)
        scope = Scope(load_diagnosis(engine, batch) if batch else None, platform, firmware)
        found = gather(engine, embedder, text, scope)
        answered = answer(
            text,
            found,
            model_from(configured, engine),
            batch=batch,
            embedder=embedder.name,
            on_sentence=None if as_json else lambda sentence: typer.echo(_line(sentence)),
        )
    if as_json:
        content = {**answered.content(), "kept": bool(answered.call and answered.call.cached)}
        typer.echo(json.dumps(content, indent=1, ensure_ascii=False))
    else:
        _print(answered, _WORDS[language_of(text)])
    if answered.unknown:
        raise typer.Exit(3)


def language_of(text: str) -> str:
    """Which of the fixed texts to use: `zh`, `de` or `en`. The model tells languages by itself."""
    if any("\u4e00" <= character <= "\u9fff" for character in text):
        return "zh"
    words = {word.strip("?!.,").lower() for word in text.split()}
    german = {"der", "die", "das", "ist", "nicht", "warum", "wie", "und", "welche", "was", "nach"}
    return "de" if len(words & german) > 1 or any(c in "äöüß" for c in text.lower()) else "en"


def _print(answered: Answer, words: dict[str, str]) -> None:
    """What is left to say after the sentences were shown as they came."""
    from argus_pipeline.asking.answering import MadeBy

    for note in answered.notes:
        typer.echo(f"note: {note}", err=True)
    if answered.trouble:
        typer.echo(f"note: {answered.trouble}", err=True)
    if answered.unknown:
        typer.echo(words["unknown"])
    elif answered.made_by is MadeBy.PASSAGES:
        typer.echo(words["no model"])
        for passage in answered.passages:
            typer.echo(f"  {passage.line}")
    if answered.dropped:
        typer.echo(f"note: {answered.dropped} sentences did not hold and were dropped", err=True)
    if answered.call is not None and answered.call.cached:
        typer.echo(f"note: {words['kept']}", err=True)


def _line(sentence: Claim) -> str:
    return f"{sentence.text} [{', '.join(sentence.citations)}]"
