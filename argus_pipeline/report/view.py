"""What a report says, in the order in which it says it; the same for Markdown and HTML.

Everything here is plain text in the language of the report. Who renders it escapes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from argus_pipeline.batches.names import is_safe_name
from argus_pipeline.diagnosis.evidence import Evidence, Kind, Reference
from argus_pipeline.diagnosis.model import (
    ArticleUsed,
    Claim,
    Confidence,
    Diagnosis,
    Label,
    Outcome,
    PastDiagnosis,
)
from argus_pipeline.diagnosis.text import duration, moment
from argus_pipeline.report.language import Language, Words
from argus_pipeline.storage import keys

# A report lies in reports/<batch>/, two levels below the prefix of the bucket.
TO_PREFIX: Final = "../../"


@dataclass(frozen=True, slots=True)
class UpdateRow:
    """A fault code, and when it first came as seen from the update; plain text."""

    evidence: str
    code: str
    severity: str
    messages: str
    first: str


@dataclass(frozen=True, slots=True)
class View:
    """The texts of a report on one diagnosis."""

    diagnosis: Diagnosis
    words: Words

    def text(self, claim: Claim) -> str:
        """A claim's sentence, with a capital."""
        return sentence(self.words.sentence(claim.text))

    @property
    def outcome(self) -> str:
        """The outcome in words, with a capital."""
        return sentence(self.words(f"outcome.{self.diagnosis.outcome.value}"))

    @property
    def answer(self) -> str:
        """The verdict without the outcome that it begins with, which stands above it."""
        verdict = self.words.sentence(self.diagnosis.verdict.text)
        for words in (self.words, Words()):
            outcome = words(f"outcome.{self.diagnosis.outcome.value}") + words("colon")
            verdict = verdict.removeprefix(outcome)
        return sentence(verdict)

    @property
    def tone(self) -> str:
        """How the head of the page looks: `fault`, `clear` or `open`."""
        tones = {Outcome.LIKELY: "fault", Outcome.NO_FAULT: "clear", Outcome.UNKNOWN: "open"}
        return tones[self.diagnosis.outcome]

    def word(self, confidence: Confidence) -> str:
        """Confidence in one word."""
        return self.words(f"word.{confidence.word.value}")

    def points(self, confidence: Confidence) -> str:
        """`4 of 5 points`."""
        return self.words("confidence.points", points=confidence.points, of=confidence.of)

    @property
    def meaning(self) -> str:
        """What the confidence of the verdict means."""
        found = self.diagnosis.confidence
        if self.diagnosis.outcome is Outcome.UNKNOWN:
            return self.words("confidence.unknown")
        if found.calibrated and found.probability is not None:
            # No sample says that something is always so.
            percent = min(max(round(found.probability * 100), 1), 99)
            return self.words("confidence.calibrated", percent=percent)
        return self.words("confidence.rule")

    @property
    def confidence(self) -> str:
        """The confidence of the verdict in one line."""
        found = self.diagnosis.confidence
        told = [f"{self.word(found)}{self.words('head.separator')}{self.points(found)}"]
        return self.words("list.separator").join([*told, self.meaning])

    @property
    def made_by(self) -> str:
        """The label in words."""
        return self.words(f"label.{self.diagnosis.label.value}")

    @property
    def made_how(self) -> str:
        """What the label means."""
        model = self.diagnosis.model or self.words("label.llm.unnamed")
        return self.words(f"label.{self.diagnosis.label.value}.how", model=model)

    @property
    def firmware(self) -> str:
        """The firmware, before and after the update where there was one."""
        before, now = self.diagnosis.firmware_from, self.diagnosis.firmware
        return now if before is None else f"{before} → {now}"

    @property
    def vehicle(self) -> str:
        """Vehicle, platform, firmware and campaign."""
        found, words = self.diagnosis, self.words
        parts = [
            found.vehicle,
            words("head.platform", platform=found.platform),
            words("head.of_firmware", firmware=self.firmware),
        ]
        if found.campaign:
            parts.append(words("head.campaign", campaign=found.campaign))
        return words("head.separator").join(parts)

    @property
    def update_rows(self) -> Sequence[UpdateRow]:
        """The fault codes of a batch with an update; none where there was no update."""
        if self.diagnosis.firmware_from is None:
            return ()
        return [
            UpdateRow(
                evidence=piece.id,
                code=piece.code or "",
                severity=self.severity(piece.severity),
                messages=f"{int(piece.numbers.get('messages', 0)):,}",
                first=self._first(piece),
            )
            for piece in self.diagnosis.evidence
            if piece.kind is Kind.CODE
        ]

    @property
    def update_claims(self) -> Sequence[Claim]:
        """What the evidence says of the update, and of earlier batches."""
        told = {Kind.UPDATE, Kind.BASELINE, Kind.CHANGE}
        return [Claim(p.statement, (p.id,)) for p in self.diagnosis.evidence if p.kind in told]

    def _first(self, piece: Evidence) -> str:
        after, onset = piece.numbers.get("after_update_s"), piece.numbers.get("onset_s")
        if after is not None:
            key = "update.before" if after < 0 else "update.after"
            return self.words(key, time=duration(after))
        if onset is not None:
            return self.words("update.into", time=duration(onset))
        return self.words("update.untimed")

    def severity(self, severity: str | None) -> str:
        """A severity in words; one that is not known stays as it is."""
        return self.words.get(f"severity.{severity or 'none'}", severity or "")

    def place(self, reference: Reference) -> str:
        """File, table and offset of a reference."""
        parts = [reference.recording]
        if reference.table is not None:
            parts.append(self.words("evidence.table", table=reference.table))
        if reference.offset is not None:
            parts.append(self.words("evidence.byte", offset=f"{reference.offset:,}"))
        return self.words("head.separator").join(parts)

    def link(self, piece: Evidence, reference: Reference) -> str | None:
        """From the report to the table of a reference, or to the record of what was damaged.

        None where there is nothing to lead to, or the name was shortened.
        """
        batch, recording, table = self.diagnosis.batch, reference.recording, reference.table
        if not (is_safe_name(batch) and is_safe_name(recording)):
            return None
        if table is not None and is_safe_name(table):
            return TO_PREFIX + quote(keys.table(batch, recording, table, "csv"))
        if table is None and piece.kind is Kind.DAMAGE:
            return TO_PREFIX + quote(keys.quarantine(batch, recording))
        return None

    def when(self, piece: Evidence) -> str:
        """The time of a piece of evidence, empty where it has none."""
        return "" if piece.time is None else moment(piece.time)

    def title(self, article: ArticleUsed) -> str:
        """The article's title, in the language of the report where it has one."""
        return article.title_in(self.words.language.value)

    def about(self, article: ArticleUsed) -> str:
        """For which vehicles an article was written, how it was found and where it is from."""
        words = self.words
        step = words.get(f"step.{article.step}", article.step)
        parts = [
            words("articles.for", validity=self._validity(article)),
            words("articles.found", step=step),
            words("articles.source", source=article.source),
            words("articles.id", id=article.article_id),
        ]
        return words("list.separator").join(parts)

    def _validity(self, article: ArticleUsed) -> str:
        words, low, high = self.words, article.firmware_min, article.firmware_max
        if article.platform is None:
            platform = words("articles.any_platform")
        else:
            platform = words("head.platform", platform=article.platform)
        if low and high:
            key = "head.of_firmware" if low == high else "articles.between"
            firmware = words(key, firmware=low, low=low, high=high)
        elif low:
            firmware = words("articles.from", low=low)
        else:
            firmware = (
                words("articles.up_to", high=high) if high else words("articles.any_firmware")
            )
        return words("head.separator").join([platform, firmware])

    def standing(self, past: PastDiagnosis) -> str:
        """What a person said of a past diagnosis."""
        keys_ = {True: "past.confirmed", False: "past.corrected", None: "past.unjudged"}
        return self.words(keys_[past.confirmed])

    def past_link(self, past: PastDiagnosis) -> str | None:
        """From the report to that of a past batch."""
        if not is_safe_name(past.batch):
            return None
        return TO_PREFIX + quote(keys.report(past.batch, "html"))

    @property
    def made(self) -> Sequence[tuple[str, str]]:
        """How the diagnosis came about: what, and what of it."""
        words, found = self.words, self.diagnosis
        reasons = self._listed(found.confidence.reasons) or words("made.no_point")
        told = f"{self.word(found.confidence)}{words('head.separator')}"
        told += f"{self.points(found.confidence)}{words('colon')}{reasons}"
        model = words("made.no_model")
        if found.label is Label.LLM:
            model = found.model or words("label.llm.unnamed")
        elif found.route.missing:
            model = words("list.separator").join([model, words.sentence(found.route.missing)])
        rows = [
            (words("made.label"), f"{found.label.value}{words('colon')}{self.made_how}"),
            (words("made.route"), self._route()),
            (words("made.model"), model),
            (words("made.confidence"), told),
            (words("made.left_out"), self._left_out()),
            (words("made.retrieval"), self._listed(found.notes)),
        ]
        return [(name, text) for name, text in rows if text]

    def _route(self) -> str:
        route, words = self.diagnosis.route, self.words
        if not route.reasons:
            return words("route.not_kept")
        path = words.get(f"route.{route.path}", route.path)
        return words("made.because", path=path, reasons=self._listed(route.reasons))

    def _left_out(self) -> str:
        """What the validator took out and what the word limit left out; empty when nothing."""
        counts = {
            "made.dropped": self.diagnosis.dropped,
            "made.shortened": self.diagnosis.shortened,
        }
        return self.words("list.separator").join(
            self.words(key, statements=self.words.amount(count, "statement"))
            for key, count in counts.items()
            if count
        )

    def _listed(self, sentences: Sequence[str]) -> str:
        return self.words("list.separator").join(self.words.sentence(one) for one in sentences)

    @property
    def explanation(self) -> Sequence[str]:
        """How to read the report."""
        calibrated = self.diagnosis.confidence.calibrated
        confidence = "reading.calibrated" if calibrated else "reading.rule"
        return [self.words(key) for key in ("reading.citations", confidence, "reading.quotations")]

    def chart_title(self, name: str) -> str:
        """The name of a chart as a heading."""
        return self.words.get(f"chart.{name}", sentence(name.replace("_", " ")))


def view_of(diagnosis: Diagnosis, language: Language = Language.ENGLISH) -> View:
    """The texts of a report in a language."""
    titles = ((a.title, a.title_in(language.value)) for a in diagnosis.articles)
    return View(diagnosis, Words(language, tuple(titles)))


def sentence(text: str) -> str:
    """The text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def image_type(name: str, image: bytes) -> str:
    """The media type of a chart's image, by its bytes.

    Raises:
        ValueError: it is neither SVG nor PNG.
    """
    if image.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if b"<svg" in image[:1024]:
        return "image/svg+xml"
    raise ValueError(f"the chart {name!r} is neither SVG nor PNG")


Charts = Mapping[str, bytes]
"""Images of charts, SVG or PNG, by their names in the bucket."""
