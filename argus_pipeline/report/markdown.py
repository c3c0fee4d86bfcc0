"""The report in Markdown (CommonMark with tables).

All texts from outside go through `escape`, so that none of them can make a link, a heading, a
cell or a tag, and none can reach the terminal that shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from argus_pipeline.diagnosis.model import ArticleUsed, Claim, Diagnosis
from argus_pipeline.diagnosis.text import clean
from argus_pipeline.report.language import Language
from argus_pipeline.report.material_view import MaterialView
from argus_pipeline.report.view import TO_PREFIX, Charts, View, image_type, sentence, view_of
from argus_pipeline.storage import keys

MAX_CHARACTERS: Final = 2000
# Backslash escapes of CommonMark 2.4; the bar as an entity, since table cells are split first.
_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>~&#!$])")
# GitHub and others make links of bare addresses by themselves, escaped or not.
_ADDRESS: Final = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
_LIST_MARK: Final = re.compile(r"^(\d+(?=[.)])|(?=[+-]))")


def escape(text: str) -> str:
    """Text as Markdown that shows just this text, on one line, wherever it stands."""
    escaped = _SPECIAL.sub(r"\\\1", clean(text, MAX_CHARACTERS))
    escaped = _LIST_MARK.sub(r"\1\\", escaped, count=1)
    return escaped.replace("|", "&#124;")


def escape_quote(text: str) -> str:
    """A text of a log as Markdown; addresses become `https[:]//`, so that none is a link."""
    return escape(_ADDRESS.sub(lambda found: f"[{found[0]}]", text))


def render_markdown(
    diagnosis: Diagnosis, charts: Charts | None = None, language: Language = Language.ENGLISH
) -> str:
    """The report as Markdown. Charts are linked to, as they lie in the bucket.

    Args:
        diagnosis: what to report.
        charts: the charts of the batch, by name.
        language: of the fixed texts.
    """
    view = view_of(diagnosis, language)
    words = view.words
    sections = {
        "next": _numbered(view, diagnosis.next_steps),
        "unknowns": _bullets(view, diagnosis.unknowns),
        "update": _update(view),
        "findings": _bullets(view, diagnosis.findings),
        "checked": _bullets(view, diagnosis.checked),
        "charts": _charts(view, charts or {}),
        "lifecycles": _lifecycles(view),
        "unread": _unread(view),
        "evidence": _evidence(view),
        "articles": _articles(view, diagnosis.articles),
        "past": _past(view),
        "made": "\n".join(_named(view, name, escape(text)) for name, text in view.made),
        "reading": "\n\n".join(escape(paragraph) for paragraph in view.explanation),
    }
    titled = (f"## {words(f'{name}.title')}\n\n{body}" for name, body in sections.items() if body)
    return "\n\n".join([_head(view), *_causes(view), *titled]) + "\n"


def _head(view: View) -> str:
    words, diagnosis = view.words, view.diagnosis
    label = f"{escape(view.made_by)} ({escape(diagnosis.label.value)})"
    lines = {
        "head.confidence": escape(view.confidence),
        "head.made_by": f"{label}{words('colon')}{escape(view.made_how)}",
        "head.vehicle": escape(view.vehicle),
        "head.first": _claim(view, diagnosis.first_step),
        "head.batch": escape(diagnosis.batch),
    }
    verdict = sentence(words.sentence(diagnosis.verdict.text))
    title = f"# {escape(verdict)} {_cited(diagnosis.verdict.citations)}"
    return "\n".join([title, *(_named(view, words(key), text) for key, text in lines.items())])


def _named(view: View, name: str, text: str) -> str:
    return f"- **{name}{view.words('colon').rstrip()}** {text}"


def _claim(view: View, claim: Claim) -> str:
    return f"{escape(view.text(claim))} {_cited(claim.citations)}"


def _cited(citations: tuple[str, ...]) -> str:
    return f"({escape(', '.join(citations))})"


def _bullets(view: View, claims: Sequence[Claim]) -> str:
    return "\n".join(f"- {_claim(view, claim)}" for claim in claims)


def _numbered(view: View, claims: Sequence[Claim]) -> str:
    return "\n".join(f"{n}. {_claim(view, claim)}" for n, claim in enumerate(claims, start=1))


def _causes(view: View) -> Iterable[str]:
    words, causes = view.words, view.diagnosis.likely_causes
    if causes:
        yield f"## {words('causes.title')}"
    for number, cause in enumerate(causes, start=1):
        word = view.word(cause.confidence)
        yield f"### {number}. {words('causes.heading', code=escape(cause.code), word=word)}"
        yield _claim(view, cause.claim)
        for key, claims in (
            ("causes.causes", cause.causes),
            ("causes.checks", cause.checks),
            ("causes.remedies", cause.remedies),
        ):
            if claims:
                yield f"**{words(key)}**\n\n{_bullets(view, claims)}"


def _update(view: View) -> str:
    if view.diagnosis.firmware_from is None:
        told = escape(view.words("update.none"))
    else:
        told = _table(
            view,
            "update",
            ("code", "severity", "messages", "first", "evidence"),
            (
                [escape(row.code), row.severity, row.messages, escape(row.first), row.evidence]
                for row in view.update_rows
            ),
        )
    return "\n\n".join(filter(None, [told, _bullets(view, view.update_claims)]))


def _charts(view: View, charts: Charts) -> str:
    lines = []
    for name, image in charts.items():
        suffix = "png" if image_type(name, image) == "image/png" else "svg"
        target = TO_PREFIX + keys.chart(view.diagnosis.batch, name, suffix)
        lines.append(f"![{escape(view.chart_title(name))}]({target})")
    return "\n\n".join(lines)


def _table(view: View, section: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with the heads `<section>.<column>`; empty where it has no rows."""
    header = [view.words(f"{section}.{column}") if column else "" for column in columns]
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) if len(lines) > 2 else ""


def _lifecycles(view: View) -> str:
    told = MaterialView(view.diagnosis.material, view.words)
    if not told.material.ecus:
        return ""
    table = _table(
        view,
        "lifecycles",
        ("ecu", "boots", "resumes", "software", "from", "to", "messages", "lost"),
        (
            [
                escape(ecu.ecu),
                f"{ecu.boots:,}",
                escape(told.resumes(ecu)),
                escape(told.software(ecu)),
                told.heard(ecu.first),
                told.heard(ecu.last),
                f"{ecu.messages:,}",
                f"{ecu.lost_messages:,}",
            ]
            for ecu in told.material.ecus
        ),
    )
    blocks = [escape(view.words("lifecycles.about")), table, escape(told.more_lifecycles)]
    return "\n\n".join(block for block in blocks if block)


def _unread(view: View) -> str:
    told = MaterialView(view.diagnosis.material, view.words)
    sentences = (escape(one) for one in told.unread)
    return "\n\n".join(filter(None, [*sentences, _damaged(view, told), _stretches(view, told)]))


def _stretches(view: View, told: MaterialView) -> str:
    table = _table(
        view,
        "unread",
        ("recording", "offset", "bytes", "why"),
        (
            [
                escape(stretch.recording),
                f"{stretch.offset:,}",
                f"{stretch.length:,}",
                escape(stretch.reason),
            ]
            for stretch in told.material.stretches
        ),
    )
    omitted = told.material.stretches_omitted
    if table and omitted:
        table += f"\n\n{view.words('unread.more_stretches', number=f'{omitted:,}')}"
    return table


def _damaged(view: View, told: MaterialView) -> str:
    table = _table(
        view,
        "unread",
        ("recording", "state", "saved", "reason", "evidence"),
        (
            [
                escape(recording.recording),
                escape(told.state(recording)),
                escape(told.saved(recording)),
                escape(recording.reason),
                recording.evidence or "",
            ]
            for recording in view.diagnosis.damaged
        ),
    )
    omitted = view.diagnosis.damaged_omitted
    if table and omitted:
        table += f"\n\n{view.words('unread.more', number=f'{omitted:,}')}"
    return table


def _evidence(view: View) -> str:
    table = _table(
        view,
        "evidence",
        ("", "seen", "where", "when"),
        (
            [
                piece.id,
                escape(piece.statement) + _quote(view, piece.quote),
                "; ".join(
                    _linked(view.place(reference), view.link(piece, reference))
                    for reference in piece.references
                ),
                escape(view.when(piece)),
            ]
            for piece in view.diagnosis.evidence
        ),
    )
    return f"{escape(view.words('evidence.about'))}\n\n{table}"


def _linked(text: str, target: str | None) -> str:
    # A target holds safe names only, percent-encoded: nothing in it can end the link.
    return escape(text) if target is None else f"[{escape(text)}]({target})"


def _quote(view: View, quote: str | None) -> str:
    if quote is None:
        return ""
    title = sentence(view.words("evidence.quote"))
    return f" {title}{view.words('colon')}“{escape_quote(quote)}”"


def _articles(view: View, articles: Sequence[ArticleUsed]) -> str:
    note = f"**{view.words('articles.note')}{view.words('colon').rstrip()}**"
    return "\n".join(
        f"- **{article.id}** {escape(view.title(article))} ({escape(article.code)})"
        f"{view.words('colon')}{escape(view.about(article))}"
        + (f". {note} {escape(article.caveat)}" if article.caveat else "")
        for article in articles
    )


def _past(view: View) -> str:
    table = _table(
        view,
        "past",
        ("", "verdict", "standing", "codes", "vehicle", "batch", "note"),
        (
            [
                past.id,
                escape(view.words.sentence(past.verdict)),
                view.standing(past),
                escape(", ".join(past.codes)),
                escape(f"{past.platform} {past.firmware}"),
                _linked(past.batch, view.past_link(past)),
                escape(past.note),
            ]
            for past in view.diagnosis.past
        ),
    )
    return f"{escape(view.words('past.about'))}\n\n{table}" if table else ""
