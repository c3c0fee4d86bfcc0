"""What the API's answers look like: the models behind its OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from argus_pipeline.serve.batch_lists import Line


class BatchShape(BaseModel):
    """One batch. What only its manifest says is null before that was verified."""

    batch: str = Field(description="Its id; without the vehicle's name for readers without `vin`.")
    stage: str = Field(description="Where it is on its way, as `argus status` says it.")
    detail: str = Field(description="How far it is, or why it is not.")
    vehicle: str | None
    platform: str | None
    firmware: str | None
    firmware_from: str | None
    campaign: str | None
    priority: str | None
    created: datetime | None = Field(description="By the clock of the vehicle or bench.")
    arrived: datetime | None = Field(description="When its upload was verified.")
    files: int | None
    bytes: int | None
    outcome: str | None = Field(description="likely cause, unknown or no fault found.")
    verdict: str | None
    label: str | None = Field(description="fast_path, evidence_only or llm.")
    codes: list[str]
    confirmed: bool | None = Field(description="What a person said of the diagnosis.")
    diagnosed: datetime | None


class BatchesShape(BaseModel):
    """One page of batches."""

    batches: list[BatchShape]
    next: str | None = Field(description="The cursor of the next page; null on the last.")


class MessagesShape(BaseModel):
    """Messages around an offset, in the order of the recording."""

    batch: str
    recording: str
    table: str
    offset: int
    rows: int = Field(description="Rows of the whole table.")
    columns: list[str]
    messages: list[dict[str, Any]]
    at: int | None = Field(description="Which of these is at or before the offset.")
    more_before: bool
    more_after: bool


class NamesShape(BaseModel):
    """Names of things that a batch has."""

    batch: str
    names: list[str]


class RowsShape(BaseModel):
    """Rows of a table; `docs/statistics.md` and `docs/fleet.md` say what the columns mean."""

    rows: list[dict[str, Any]]


class FleetShape(BaseModel):
    """The fleet now."""

    wrong: bool = Field(description="Whether anything needs a person.")
    going_on: list[BatchShape]
    stopped: list[BatchShape] = Field(description="Failed, given up or rejected.")
    overdue: int = Field(description="Batches past their time limit without a report.")
    newest: list[BatchShape]
    worse: list[dict[str, Any]] = Field(description="Faults that are new or worse, by update.")
    campaigns: list[dict[str, Any]]
    batches: int
    last_arrival: datetime | None


class LinkShape(BaseModel):
    """An address in the bucket that works for a short while."""

    url: str
    seconds: int


class FeedbackShape(BaseModel):
    """What a person said of a diagnosis."""

    judgement: str
    code: str | None
    article_id: str | None
    cause: str | None
    note: str | None
    author: str
    verdict: str
    created_at: datetime


class FeedbacksShape(BaseModel):
    """All that was said of one, the newest first."""

    batch: str
    feedback: list[FeedbackShape]


class JudgementIn(BaseModel):
    """A person's word on a diagnosis. A correction says what it was: at least one of three."""

    judgement: str = Field(pattern="^(confirmed|corrected)$")
    code: str | None = Field(None, max_length=64)
    article_id: str | None = Field(None, max_length=128)
    cause: str | None = Field(None, max_length=4000)
    note: str | None = Field(None, max_length=4000)


class QuestionIn(BaseModel):
    """A question in words, in any language."""

    question: str = Field(min_length=1, max_length=500)
    batch: str | None = Field(None, max_length=128)
    platform: str | None = Field(None, max_length=128)
    firmware: str | None = Field(None, max_length=128)


class SentenceShape(BaseModel):
    """A sentence and the ids that it rests on."""

    text: str
    citations: list[str]


class PassageShape(BaseModel):
    """What an answer may cite."""

    id: str
    text: str


class AnswerShape(BaseModel):
    """An answer: sentences of a model, or passages in order where none took part."""

    made_by: str
    unknown: bool
    sentences: list[SentenceShape]
    passages: list[PassageShape]
    dropped: int
    notes: list[str]
    trouble: str | None


class ArticleShape(BaseModel):
    """An article that was found, and how."""

    article_id: str
    code: str
    title: str
    platform: str | None
    firmware_min: str | None
    firmware_max: str | None
    step: str
    caveat: str | None
    symptoms: list[str]
    causes: list[str]
    checks: list[str]
    remedies: list[str]
    source: str


class PastShape(BaseModel):
    """A past diagnosis like this."""

    batch: str
    platform: str
    firmware: str
    cause: str
    standing: str
    codes: list[str]
    note: str | None
    caveat: str | None


class FoundShape(BaseModel):
    """What a search found."""

    codes: list[str]
    articles: list[ArticleShape]
    past: list[PastShape]
    batches: list[BatchShape] = Field(description="The newest batches with one of the codes.")
    notes: list[str]


class HealthShape(BaseModel):
    """Whether the stores behind answer."""

    ok: bool
    database: bool
    store: bool
    runs: bool


def batch_content(line: Line) -> dict[str, Any]:
    """A line as `BatchShape` has it."""
    content = {name: getattr(line, name) for name in BatchShape.model_fields}
    return {**content, "stage": line.stage.value, "codes": list(line.codes)}
