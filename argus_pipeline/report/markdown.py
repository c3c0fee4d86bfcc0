"""The report in Markdown (CommonMark with tables).

All texts from outside go through `escape`, so that none of them can make a link, a heading, a
cell or a tag, and none can reach the terminal that shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from argus_pipeline.diagnosis.evidence import Evidence
from argus_pipeline.diagnosis.material import Material
from argus_pipeline.diagnosis.model import ArticleUsed, Cause, Claim, Diagnosis
from argus_pipeline.diagnosis.text import clean
from argus_pipeline.report import view
from argus_pipeline.report.view import Charts
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


def render_markdown(diagnosis: Diagnosis, charts: Charts | None = None) -> str:
    """The report as Markdown. Charts are linked to, as they lie in the bucket.

    Args:
        diagnosis: what to report.
        charts: the charts of the batch, by name.
    """
    blocks = [
        _head(diagnosis),
        *_causes(diagnosis.likely_causes),
        _section("What to do next", _numbered(diagnosis.next_steps)),
        _section("What is not known", _bullets(diagnosis.unknowns)),
        _section("What the evidence shows together", _bullets(diagnosis.findings)),
        _section("What was checked", _bullets(diagnosis.checked)),
        _section("Charts", _charts(diagnosis.batch, charts or {})),
        _section("Lifecycles", _lifecycles(diagnosis.material)),
        _section("What could not be read", _unread(diagnosis)),
        _section("Evidence", _evidence(diagnosis.evidence)),
        _section("Articles", _articles(diagnosis.articles)),
        _section("How to read this report", _explanation(diagnosis)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _head(diagnosis: Diagnosis) -> str:
    head = view.headline(diagnosis)
    return "\n".join(
        [
            f"# {escape(head.verdict)} {_cited(head.citations)}",
            f"- **Confidence:** {escape(head.confidence)}",
            f"- **Made by:** {escape(head.made_by)}: {escape(head.made_how)}"
            f" ({escape(diagnosis.label.value)})",
            f"- **Vehicle:** {escape(head.vehicle)}",
            f"- **Do first:** {_claim(head.do_first)}",
            f"- **Batch:** {escape(diagnosis.batch)}",
        ]
    )


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}" if body else ""


def _claim(claim: Claim) -> str:
    return f"{escape(view.sentence(claim.text))} {_cited(claim.citations)}"


def _cited(citations: tuple[str, ...]) -> str:
    return f"({escape(', '.join(citations))})"


def _bullets(claims: Sequence[Claim]) -> str:
    return "\n".join(f"- {_claim(claim)}" for claim in claims)


def _numbered(claims: Sequence[Claim]) -> str:
    return "\n".join(f"{number}. {_claim(claim)}" for number, claim in enumerate(claims, start=1))


def _causes(causes: Sequence[Cause]) -> Iterable[str]:
    if causes:
        yield "## Likely causes"
    for number, cause in enumerate(causes, start=1):
        yield f"### {number}. {escape(cause.code)}, confidence {cause.confidence.word.value}"
        yield _claim(cause.claim)
        for title, claims in (
            ("Why it happens", cause.causes),
            ("Check", cause.checks),
            ("Remedy", cause.remedies),
        ):
            if claims:
                yield f"**{title}**\n\n{_bullets(claims)}"


def _charts(batch: str, charts: Charts) -> str:
    lines = []
    for name, image in charts.items():
        suffix = "png" if view.image_type(name, image) == "image/png" else "svg"
        # The report lies in reports/<batch>/, two levels below the prefix.
        target = "../../" + keys.chart(batch, name, suffix)
        lines.append(f"![{escape(view.chart_title(name))}]({target})")
    return "\n\n".join(lines)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _lifecycles(material: Material) -> str:
    if not material.ecus:
        return ""
    table = _table(
        ["ECU", "Boots", "Resumes", "Software", "From", "To", "Messages", "Lost"],
        (
            [
                escape(ecu.ecu),
                f"{ecu.boots:,}",
                escape(view.resumes(ecu)),
                escape(view.software(ecu)),
                view.heard(ecu.first),
                view.heard(ecu.last),
                f"{ecu.messages:,}",
                f"{ecu.lost_messages:,}",
            ]
            for ecu in material.ecus
        ),
    )
    blocks = [escape(view.LIFECYCLES), table, escape(view.more_lifecycles(material))]
    return "\n\n".join(block for block in blocks if block)


def _unread(diagnosis: Diagnosis) -> str:
    material = diagnosis.material
    sentences = (escape(sentence) for sentence in view.unread(material))
    blocks = [*sentences, _damaged(diagnosis), _stretches(material)]
    return "\n\n".join(block for block in blocks if block)


def _stretches(material: Material) -> str:
    if not material.stretches:
        return ""
    table = _table(
        ["Recording", "Byte offset", "Bytes", "Why they were not decoded"],
        (
            [
                escape(stretch.recording),
                f"{stretch.offset:,}",
                f"{stretch.length:,}",
                escape(stretch.reason),
            ]
            for stretch in material.stretches
        ),
    )
    if material.stretches_omitted:
        table += f"\n\nAnd {material.stretches_omitted:,} more stretches."
    return table


def _damaged(diagnosis: Diagnosis) -> str:
    if not diagnosis.damaged:
        return ""
    table = _table(
        ["Recording", "State", "Saved", "Reason", "Evidence"],
        (
            [
                escape(recording.recording),
                escape(view.state(recording)),
                escape(view.saved(recording)),
                escape(recording.reason),
                recording.evidence or "",
            ]
            for recording in diagnosis.damaged
        ),
    )
    if diagnosis.damaged_omitted:
        table += f"\n\nAnd {diagnosis.damaged_omitted:,} more."
    return table


def _evidence(pieces: Sequence[Evidence]) -> str:
    return _table(
        ["", "What was seen", "Where", "When"],
        (
            [
                piece.id,
                escape(piece.statement) + _quote(piece.quote),
                "; ".join(escape(view.place(reference)) for reference in piece.references),
                escape(view.when(piece)),
            ]
            for piece in pieces
        ),
    )


def _quote(quote: str | None) -> str:
    return "" if quote is None else f" Log text: “{escape_quote(quote)}”"


def _articles(articles: Sequence[ArticleUsed]) -> str:
    return "\n".join(
        f"- **{article.id}** {escape(article.title)} ({escape(article.code)}), for"
        f" {escape(view.validity(article))}; found by {escape(article.step)}; source:"
        f" {escape(article.source)}; id {escape(article.article_id)}"
        + (f". **Note:** {escape(article.caveat)}" if article.caveat else "")
        for article in articles
    )


def _explanation(diagnosis: Diagnosis) -> str:
    reasons = "; ".join(diagnosis.confidence.reasons) or "no point was given"
    paragraphs = [
        *view.EXPLANATION,
        f"The confidence of this verdict, {view.confidence(diagnosis.confidence)}: {reasons}.",
        view.left_out(diagnosis),
        *(f"Retrieval: {note}." for note in diagnosis.notes),
    ]
    return "\n\n".join(escape(paragraph) for paragraph in paragraphs if paragraph)
