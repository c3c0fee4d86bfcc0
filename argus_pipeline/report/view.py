"""What a report says, in the order in which it says it; the same for Markdown and HTML.

Everything here is plain text. Who renders it escapes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from argus_pipeline.diagnosis.evidence import Evidence, Reference
from argus_pipeline.diagnosis.material import EcuLifecycles, Material
from argus_pipeline.diagnosis.model import (
    ArticleUsed,
    Claim,
    Confidence,
    Diagnosis,
    Label,
    Outcome,
    RecordingState,
)
from argus_pipeline.diagnosis.text import amount, moment

LABELS: Final = {
    Label.FAST_PATH: (
        "Fast path",
        "a known code with an article that fits, and a clear lead; no language model took part",
    ),
    Label.LLM: (
        "Language model",
        "a language model wrote it from counts and articles; each statement was checked",
    ),
    Label.EVIDENCE_ONLY: (
        "Evidence only",
        "fixed rules over counts and articles; no language model took part",
    ),
}
LIFECYCLES: Final = (
    "From one boot of an ECU to the next, over all DLT recordings; a resume follows a suspend, in"
    " which the ECU was not off. Software is what the ECU itself answered (GetSoftwareVersion)."
)
EXPLANATION: Final = (
    "Each statement names what it rests on: E for evidence from the recordings, K for articles of"
    " the knowledge base. A statement whose citations or figures did not hold was taken out before"
    " this report was written.",
    "Confidence is a rule of thumb, not a probability: points for an article that fits, for the"
    " severity, for a clear lead over other faults and for complete data. From 4 of 5 points it"
    " reads high, from 2 medium, else low. The calibrated probability stands in diagnosis.json.",
    "Texts from a log are quotations with numbers and ids masked, such as <n>. They are data of the"
    " vehicle, not statements of this report.",
)


@dataclass(frozen=True, slots=True)
class Headline:
    """What an engineer in a hurry reads: the verdict, and four lines below it."""

    verdict: str
    citations: tuple[str, ...]
    confidence: str
    made_by: str
    made_how: str
    vehicle: str
    do_first: Claim


def headline(diagnosis: Diagnosis) -> Headline:
    """The first five lines of a report."""
    name, explanation = LABELS[diagnosis.label]
    return Headline(
        verdict=sentence(diagnosis.verdict.text),
        citations=diagnosis.verdict.citations,
        confidence=f"{confidence(diagnosis.confidence)}; a rule of thumb, not a probability",
        made_by=name,
        made_how=explanation,
        vehicle=vehicle(diagnosis),
        do_first=diagnosis.first_step,
    )


def sentence(text: str) -> str:
    """The text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def confidence(found: Confidence) -> str:
    """Confidence in words: `high, 4 of 5 points`."""
    return f"{found.word.value}, {found.points} of {amount(found.of, 'point')}"


def answer(diagnosis: Diagnosis) -> str:
    """The verdict without the outcome that it begins with, which stands above it."""
    return sentence(diagnosis.verdict.text.removeprefix(f"{diagnosis.outcome.value}: "))


def tone(diagnosis: Diagnosis) -> str:
    """How the head of the page looks: `fault`, `clear` or `open`."""
    tones = {Outcome.LIKELY: "fault", Outcome.NO_FAULT: "clear", Outcome.UNKNOWN: "open"}
    return tones[diagnosis.outcome]


def firmware(diagnosis: Diagnosis) -> str:
    """The firmware, before and after the update where there was one."""
    if diagnosis.firmware_from is None:
        return diagnosis.firmware
    return f"{diagnosis.firmware_from} → {diagnosis.firmware}"


def vehicle(diagnosis: Diagnosis) -> str:
    """Vehicle, platform and firmware, before and after the update where there was one."""
    text = f"{diagnosis.vehicle}, platform {diagnosis.platform}, firmware {firmware(diagnosis)}"
    return text + (f", campaign {diagnosis.campaign}" if diagnosis.campaign else "")


def place(reference: Reference) -> str:
    """File, table and offset of a reference."""
    text = reference.recording
    if reference.table is not None:
        text += f", table {reference.table}"
    return text if reference.offset is None else f"{text}, byte {reference.offset:,}"


def when(piece: Evidence) -> str:
    """The time of a piece of evidence, empty where it has none."""
    return "" if piece.time is None else moment(piece.time)


def resumes(ecu: EcuLifecycles) -> str:
    """How often an ECU went on without a boot."""
    if not ecu.clock_changes:
        return f"{ecu.resumes:,}"
    return f"{ecu.resumes:,} (clock set {amount(ecu.clock_changes, 'time')})"


def software(ecu: EcuLifecycles) -> str:
    """What an ECU ran: `v2.2.9; v2.3.1 from 2026-11-20 09:08:26 UTC`."""
    parts = [f"{ecu.software_omitted:,} older"] if ecu.software_omitted else []
    for number, run in enumerate(ecu.software):
        version = run.version or "not told"
        told = number > 0 and run.since is not None
        parts.append(f"{version} from {moment(run.since)}" if told and run.since else version)
    return "; ".join(parts)


def heard(time: datetime | None) -> str:
    """When an ECU was first or last heard of."""
    return "not known" if time is None else moment(time)


def more_lifecycles(material: Material) -> str:
    """What the table of lifecycles leaves out; empty when nothing."""
    parts = []
    if material.ecus_omitted:
        parts.append(f"{amount(material.ecus_omitted, 'more ECU')} are not listed")
    if material.lifecycles_omitted:
        older = amount(material.lifecycles_omitted, "older lifecycle")
        parts.append(f"{older} are in none of these figures")
    elsewhere = material.lost_messages - sum(ecu.lost_messages for ecu in material.ecus)
    if parts and elsewhere > 0:
        parts.append(f"{amount(elsewhere, 'more message')} are missing there")
    return sentence("; ".join(parts) + ".") if parts else ""


def unread(material: Material) -> tuple[str, ...]:
    """What is missing, in numbers: of bytes, of compressed bytes and of messages."""
    sentences = []
    if material.quarantined_bytes:
        size = material.decoded_bytes + material.quarantined_bytes
        sentences.append(
            f"{material.quarantined_bytes:,} of {amount(size, 'byte')} could not be decoded. The"
            " quarantine records in the bucket list every stretch."
        )
    if material.unread_bytes:
        sentences.append(
            f"{amount(material.unread_bytes, 'byte')} of compressed recordings could not be"
            " decompressed; what they held is not known."
        )
    if material.lost_messages:
        verb = "is" if material.lost_messages == 1 else "are"
        sentences.append(
            f"{amount(material.lost_messages, 'message')} {verb} missing by the counters of their"
            " senders: never recorded, or in bytes that could not be decoded."
        )
    return tuple(sentences)


def state(recording: RecordingState) -> str:
    """What became of a recording that was not decoded whole."""
    if recording.status == "quarantined":
        return "not readable"
    return "damaged, in part saved" if recording.quarantined_bytes else "read with reservations"


def saved(recording: RecordingState) -> str:
    """How much of a recording was saved."""
    share = recording.decoded_bytes / recording.size if recording.size else 0.0
    # Rounded down: "100 %" must not stand beside a loss.
    percent = int(share * 1000) / 10
    return (
        f"{amount(recording.rows, 'message')}, {recording.decoded_bytes:,} of"
        f" {amount(recording.size, 'byte')} ({percent:g} %)"
    )


def validity(article: ArticleUsed) -> str:
    """For which vehicles an article was written."""
    platform = "any platform" if article.platform is None else f"platform {article.platform}"
    low, high = article.firmware_min, article.firmware_max
    if low and high:
        firmware = f"firmware {low}" if low == high else f"firmware {low} to {high}"
    elif low:
        firmware = f"firmware {low} and later"
    else:
        firmware = f"firmware up to {high}" if high else "any firmware"
    return f"{platform}, {firmware}"


def left_out(diagnosis: Diagnosis) -> str:
    """What the validator took out and what the word limit left out; empty when nothing."""
    parts = []
    if diagnosis.dropped:
        parts.append(
            f"{amount(diagnosis.dropped, 'statement')} did not hold against the evidence and"
            f" {'was' if diagnosis.dropped == 1 else 'were'} taken out"
        )
    if diagnosis.shortened:
        parts.append(
            f"{amount(diagnosis.shortened, 'statement')} of less weight"
            f" {'was' if diagnosis.shortened == 1 else 'were'} left out to keep within 500 words"
        )
    return sentence("; ".join(parts) + ".") if parts else ""


def chart_title(name: str) -> str:
    """The name of a chart as a heading: `codes_by_ecu` becomes `Codes by ECU`."""
    return sentence(" ".join("ECU" if word == "ecu" else word for word in name.split("_")))


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
