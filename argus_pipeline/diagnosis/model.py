"""What a diagnosis is: claims that cite, causes in order, and what the whole rests on.

`schema.json` beside this file describes the JSON form; `to_json` and `from_json` write and read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from argus_pipeline.diagnosis.evidence import Evidence, Kind, Reference
from argus_pipeline.diagnosis.material import Material

SCHEMA: Final = 1
SCHEMA_FILE: Final = Path(__file__).with_name("schema.json")


class Outcome(StrEnum):
    """The three answers that a diagnosis can give."""

    NO_FAULT = "no fault found"
    LIKELY = "likely cause"
    UNKNOWN = "unknown"


class Label(StrEnum):
    """How a diagnosis came about, so that nobody takes one kind for another."""

    FAST_PATH = "fast_path"
    EVIDENCE_ONLY = "evidence_only"
    LLM = "llm"


class Word(StrEnum):
    """Confidence in one word."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence and the ids it rests on: `E…` evidence, `K…` articles, `D…` past diagnoses."""

    text: str
    citations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Confidence:
    """A rule of thumb: `points` of `of`, one for each reason that holds.

    `probability` is what `diagnosis.confidence` makes of `features`; it means what it says only
    where `calibrated`. None where there is no cause to be sure of.
    """

    word: Word
    points: int
    of: int
    reasons: tuple[str, ...]
    calibrated: bool = False
    probability: float | None = None
    features: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """Which way a diagnosis was made, and why.

    `path` is `fast_path` or `slow_path`; `threshold` the probability from which the fast path is
    taken; `missing` says why the language model took no part where it should have.
    """

    path: str = "slow_path"
    reasons: tuple[str, ...] = ()
    probability: float | None = None
    threshold: float | None = None
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class PastDiagnosis:
    """The diagnosis of an earlier batch, as it was when this one was made.

    `confirmed` is what a person said of it, None where nobody did; `distance` the cosine distance
    between the two batches' own words, None where it is not known.
    """

    id: str
    batch: str
    verdict: str
    platform: str
    firmware: str
    codes: tuple[str, ...]
    confirmed: bool | None = None
    distance: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """A likely cause: the statement, the fault code it explains, and what its articles advise.

    `step` says by which step of the retrieval its first article was found. Articles that were
    written for another platform make no cause.
    """

    claim: Claim
    code: str
    severity: str
    score: float
    confidence: Confidence
    articles: tuple[str, ...]
    step: str
    causes: tuple[Claim, ...]
    checks: tuple[Claim, ...]
    remedies: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class ArticleUsed:
    """A knowledge article as it was when the diagnosis was made.

    `step` says by which step of the retrieval it was found, `caveat` why it may not hold for this
    vehicle; `distance` is the cosine distance to the log's own words, None where it is not known.
    """

    id: str
    article_id: str
    title: str
    code: str
    platform: str | None
    firmware_min: str | None
    firmware_max: str | None
    step: str
    distance: float | None
    other_platform: bool
    caveat: str | None
    symptoms: tuple[str, ...]
    causes: tuple[str, ...]
    checks: tuple[str, ...]
    remedies: tuple[str, ...]
    source: str
    language: str
    titles: tuple[tuple[str, str], ...] = ()
    """The title in further languages, each with the language's tag of BCP 47."""

    def title_in(self, language: str) -> str:
        """The title in a language where there is one, else as the article has it."""
        return dict(self.titles).get(language, self.title)


@dataclass(frozen=True, slots=True)
class RecordingState:
    """A recording of the batch that was not decoded whole, and what was saved of it."""

    recording: str
    status: str
    size: int
    rows: int
    decoded_bytes: int
    quarantined_bytes: int
    fault_count: int
    first_fault_offset: int | None
    reason: str
    evidence: str | None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The structured verdict on one batch.

    The same batch, statistics and articles give the same diagnosis to the byte: it holds no time
    of its own making. `dropped` counts claims that the validator took out because a citation or a
    number did not hold, `shortened` those that did not fit into the word limit. `summary` is the
    short text whose embedding finds this diagnosis again.
    """

    batch: str
    vehicle: str
    platform: str
    firmware: str
    firmware_from: str | None
    campaign: str | None
    outcome: Outcome
    verdict: Claim
    label: Label
    confidence: Confidence
    first_step: Claim
    likely_causes: tuple[Cause, ...]
    checked: tuple[Claim, ...]
    next_steps: tuple[Claim, ...]
    unknowns: tuple[Claim, ...]
    evidence: tuple[Evidence, ...]
    articles: tuple[ArticleUsed, ...]
    damaged: tuple[RecordingState, ...]
    damaged_omitted: int
    top_codes: tuple[tuple[str, str, int], ...]
    """The first codes of the evidence: code, worst severity, messages."""
    summary: str
    notes: tuple[str, ...] = ()
    """What the retrieval could not do."""
    dropped: int = 0
    shortened: int = 0
    material: Material = field(default_factory=Material)
    """What the report lists of lifecycles and damage; empty in diagnoses of before."""
    findings: tuple[Claim, ...] = ()
    """What the evidence shows when it is read together: orders, coincidences, what speaks for and
    against a cause."""
    past: tuple[PastDiagnosis, ...] = ()
    route: Route = field(default_factory=Route)
    model: str | None = None
    """The language model that wrote it, where the label is `llm`."""

    def to_json(self) -> bytes:
        """The diagnosis as UTF-8 JSON, the same bytes for the same diagnosis."""
        content = {"schema": SCHEMA, **asdict(self)}
        for piece in content["evidence"]:
            # JSONB keeps no order: a diagnosis from the database gives the same bytes.
            piece["numbers"] = dict(sorted(piece["numbers"].items()))
        for held in (content, *content["likely_causes"]):
            features = held["confidence"]["features"]
            held["confidence"]["features"] = dict(sorted(features.items()))
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False, default=_plain)
        return text.encode("utf-8", "backslashreplace") + b"\n"

    @classmethod
    def from_json(cls, data: bytes | str) -> Diagnosis:
        """Read a diagnosis back.

        Raises:
            ValueError: this is not a diagnosis of this schema.
        """
        content: dict[str, Any] = json.loads(data)
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            raise ValueError(f"not a diagnosis of schema {SCHEMA}")
        del content["schema"]
        try:
            return cls._from_content(content)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a diagnosis: {error}") from error

    @classmethod
    def _from_content(cls, content: dict[str, Any]) -> Diagnosis:
        return cls(
            **{
                **content,
                "outcome": Outcome(content["outcome"]),
                "label": Label(content["label"]),
                "verdict": _claim(content["verdict"]),
                "confidence": _confidence(content["confidence"]),
                "first_step": _claim(content["first_step"]),
                "likely_causes": tuple(_cause(c) for c in content["likely_causes"]),
                "checked": _claims(content["checked"]),
                "next_steps": _claims(content["next_steps"]),
                "unknowns": _claims(content["unknowns"]),
                "evidence": tuple(_evidence(e) for e in content["evidence"]),
                "articles": tuple(_article(a) for a in content["articles"]),
                "damaged": tuple(RecordingState(**d) for d in content["damaged"]),
                "notes": tuple(content["notes"]),
                "material": Material.from_content(content["material"])
                if "material" in content
                else Material(),
                "top_codes": tuple((c, s, n) for c, s, n in content["top_codes"]),
                "findings": _claims(content.get("findings", [])),
                "past": tuple(_past(p) for p in content.get("past", [])),
                "route": _route(content["route"]) if "route" in content else Route(),
            }
        )


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"a diagnosis holds no {type(value).__name__}")


def _claim(content: dict[str, Any]) -> Claim:
    return Claim(content["text"], tuple(content["citations"]))


def _claims(content: list[dict[str, Any]]) -> tuple[Claim, ...]:
    return tuple(_claim(c) for c in content)


def _confidence(content: dict[str, Any]) -> Confidence:
    return Confidence(
        **{**content, "word": Word(content["word"]), "reasons": tuple(content["reasons"])}
    )


def _route(content: dict[str, Any]) -> Route:
    return Route(**{**content, "reasons": tuple(content["reasons"])})


def _past(content: dict[str, Any]) -> PastDiagnosis:
    return PastDiagnosis(**{**content, "codes": tuple(content["codes"])})


def _cause(content: dict[str, Any]) -> Cause:
    return Cause(
        **{
            **content,
            "claim": _claim(content["claim"]),
            "confidence": _confidence(content["confidence"]),
            "articles": tuple(content["articles"]),
            "causes": _claims(content["causes"]),
            "checks": _claims(content["checks"]),
            "remedies": _claims(content["remedies"]),
        }
    )


def _evidence(content: dict[str, Any]) -> Evidence:
    time = content["time"]
    return Evidence(
        **{
            **content,
            "kind": Kind(content["kind"]),
            "references": tuple(Reference(**r) for r in content["references"]),
            "time": None if time is None else datetime.fromisoformat(time),
        }
    )


def _article(content: dict[str, Any]) -> ArticleUsed:
    lists = {name: tuple(content[name]) for name in ("symptoms", "causes", "checks", "remedies")}
    titles = tuple((language, title) for language, title in content.get("titles", []))
    return ArticleUsed(**{**content, **lists, "titles": titles})
