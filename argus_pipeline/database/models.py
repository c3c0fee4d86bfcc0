"""The tables of the schema `argus`.

How far a batch has come is Dagster's to say (its partitions and runs): no column here repeats it.
A change of these models needs a migration; a test holds the two together.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from pgvector.sqlalchemy import VECTOR
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP, TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA: Final = "argus"
SEVERITIES: Final = ("fatal", "error", "warn", "info", "debug", "verbose", "none")
LABELS: Final = ("fast_path", "evidence_only", "llm")
CLASSES: Final = ("new", "worse", "unchanged", "better", "gone", "too little data")
VERDICTS: Final = ("continue", "hold", "not enough data")
CALL_OUTCOMES: Final = ("answered", "busy", "timed out", "refused", "failed")

# jsonb_to_tsvector and not array_to_string: a generated column takes immutable functions only.
SEARCH_EXPRESSION: Final = (
    "to_tsvector('simple'::regconfig, code || ' ' || coalesce(ecu, '') || ' ' || title)"
    " || jsonb_to_tsvector('simple'::regconfig,"
    " symptoms || causes || checks || remedies || titles, '[\"string\"]'::jsonb)"
)
JUDGEMENTS: Final = ("confirmed", "corrected")
# Why the language model took no part in a diagnosis.
MISSING_EXPRESSION: Final = "((content -> 'route'::text) ->> 'missing'::text)"
# One of the three answers that a diagnosis can give.
OUTCOME_EXPRESSION: Final = "(content ->> 'outcome'::text)"
SCOPES: Final = ("read", "vin", "ask", "judge")


class Base(DeclarativeBase):
    """The models' base: real types for the annotations, and names for all constraints."""

    metadata = MetaData(
        schema=SCHEMA,
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        },
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own way of declaring it
        str: Text(),
        int: BigInteger(),
        float: Double(),
        datetime: TIMESTAMP(timezone=True),
        dict[str, str]: JSONB(),
        dict[str, Any]: JSONB(),
        list[str]: JSONB(),
        list[dict[str, Any]]: JSONB(),
        list[int]: ARRAY(BigInteger()),
    }


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Batch(Base):
    """One upload, as its manifest describes it."""

    __tablename__ = "batches"
    __table_args__ = (
        CheckConstraint("batch ~ '^[A-Za-z0-9._-]{1,128}$'", name="batch_is_safe"),
        CheckConstraint(_one_of("priority", ("P0", "P1", "P2")), name="priority"),
        CheckConstraint("files > 0 AND bytes >= 0", name="sizes"),
        CheckConstraint("jsonb_typeof(tags) = 'object'", name="tags"),
        Index(None, "platform", "firmware"),
        Index(None, "created"),
        Index(None, "registered_at", "batch"),
        Index(None, "vehicle"),
        Index(None, "firmware"),
        Index(None, "campaign"),
    )

    batch: Mapped[str] = mapped_column(primary_key=True)
    vehicle: Mapped[str]
    platform: Mapped[str]
    firmware: Mapped[str]
    firmware_from: Mapped[str | None]
    campaign: Mapped[str | None]
    priority: Mapped[str]
    created: Mapped[datetime]
    manifest_etag: Mapped[str]
    files: Mapped[int] = mapped_column(Integer)
    bytes: Mapped[int]
    tags: Mapped[dict[str, str]]
    registered_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Recording(Base):
    """What became of one recording. Every byte of it is counted once.

    The last columns are null where a parser wrote the row that did not count them yet.
    """

    __tablename__ = "recordings"
    __table_args__ = (
        CheckConstraint(_one_of("status", ("parsed", "partial", "quarantined")), name="status"),
        CheckConstraint("format ~ '^[A-Za-z0-9._-]{1,128}$'", name="format"),
        CheckConstraint("compression IN ('gzip', 'zstd')", name="compression"),
        CheckConstraint(
            "decoded_bytes >= 0 AND quarantined_bytes >= 0"
            " AND decoded_bytes + quarantined_bytes = size",
            name="every_byte_counted",
        ),
        CheckConstraint("rows >= 0 AND fault_count >= 0", name="counts"),
        CheckConstraint(
            "lifecycles >= 0 AND lost_messages >= 0 AND stored_size >= 0 AND unread_bytes >= 0",
            name="further_counts",
        ),
        CheckConstraint("jsonb_typeof(tables) = 'array'", name="tables"),
    )

    batch: Mapped[str] = mapped_column(
        ForeignKey(Batch.batch, ondelete="CASCADE"), primary_key=True
    )
    recording: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str]
    format: Mapped[str | None]
    size: Mapped[int]
    rows: Mapped[int]
    decoded_bytes: Mapped[int]
    quarantined_bytes: Mapped[int]
    fault_count: Mapped[int]
    error: Mapped[str | None]
    input_hash: Mapped[str]
    parser_version: Mapped[str]
    tables: Mapped[list[dict[str, Any]]]
    lifecycles: Mapped[int | None]
    lost_messages: Mapped[int | None]
    compression: Mapped[str | None]
    stored_size: Mapped[int | None]
    unread_bytes: Mapped[int | None]


class EventCount(Base):
    """How many messages of a batch have these sources, this code and this severity."""

    __tablename__ = "event_counts"
    __table_args__ = (
        UniqueConstraint(
            "batch", "ecu", "app", "code", "severity", postgresql_nulls_not_distinct=True
        ),
        CheckConstraint(_one_of("severity", SEVERITIES), name="severity"),
        CheckConstraint("messages > 0", name="messages"),
        Index(None, "code"),
    )

    # A surrogate, since ECU, application and code may each be unknown.
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    batch: Mapped[str] = mapped_column(ForeignKey(Batch.batch, ondelete="CASCADE"))
    ecu: Mapped[str | None]
    app: Mapped[str | None]
    code: Mapped[str | None]
    severity: Mapped[str]
    messages: Mapped[int]


class Diagnosis(Base):
    """The verdict over one batch: the whole diagnosis in `content`, what is asked for beside it."""

    __tablename__ = "diagnoses"
    __table_args__ = (
        CheckConstraint(_one_of("label", LABELS), name="label"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        CheckConstraint("jsonb_typeof(top_codes) = 'array'", name="top_codes"),
        CheckConstraint("jsonb_typeof(content) = 'object'", name="content"),
        CheckConstraint("(embedding IS NULL) = (embedder IS NULL)", name="embedder"),
        UniqueConstraint("batch"),
        Index(None, "top_codes", postgresql_using="gin"),
        Index(None, "updated_at"),
        Index("ix_diagnoses_missing", text(MISSING_EXPRESSION)),
        Index("ix_diagnoses_outcome", text(OUTCOME_EXPRESSION)),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    batch: Mapped[str] = mapped_column(ForeignKey(Batch.batch, ondelete="CASCADE"))
    verdict: Mapped[str]
    label: Mapped[str]
    confidence: Mapped[float | None]
    top_codes: Mapped[list[str]]
    content: Mapped[dict[str, Any]]
    embedding: Mapped[list[float] | None] = mapped_column(VECTOR())
    embedder: Mapped[str | None]
    confirmed: Mapped[bool | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DiagnosisFeedback(Base):
    """What a person said of one diagnosis. Rows are only ever added: a trigger refuses the rest.

    `judged` is the diagnosis as the person saw it, since the one in `diagnoses` may be made anew.
    Of a corrected one, `code`, `article_id` and `cause` say what it was: at least one of them.
    """

    __tablename__ = "diagnosis_feedback"
    __table_args__ = (
        CheckConstraint(_one_of("judgement", JUDGEMENTS), name="judgement"),
        CheckConstraint(
            "(judgement = 'corrected')"
            " = (code IS NOT NULL OR article_id IS NOT NULL OR cause IS NOT NULL)",
            name="correction",
        ),
        CheckConstraint("author <> ''", name="author"),
        CheckConstraint("jsonb_typeof(judged) = 'object'", name="judged"),
        Index(None, "batch", "id"),
        Index(None, "code"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    batch: Mapped[str] = mapped_column(ForeignKey(Batch.batch))
    judgement: Mapped[str]
    code: Mapped[str | None]
    article_id: Mapped[str | None]
    cause: Mapped[str | None]
    note: Mapped[str | None]
    author: Mapped[str]
    verdict: Mapped[str]
    judged: Mapped[dict[str, Any]] = mapped_column(deferred=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class KnowledgeArticle(Base):
    """One article. A null platform, firmware bound or ECU stands for any.

    `firmware_min_key` and `firmware_max_key` are the bounds as `knowledge.versions` orders them.
    The vector has no fixed dimension: only vectors of the same embedder are ever compared. It and
    the search column are loaded when they are asked for only. It is kept inside the row (storage
    MAIN, set by the migration) and the texts outside, since an exact order reads thousands of
    vectors and no text. `family` is `codes.code_family` of the code.
    """

    __tablename__ = "knowledge_articles"
    __table_args__ = (
        CheckConstraint("article_id ~ '^[a-z0-9][a-z0-9-]{0,127}$'", name="article_id"),
        CheckConstraint("code <> ''", name="code"),
        CheckConstraint(
            "(firmware_min IS NULL) = (firmware_min_key IS NULL)"
            " AND (firmware_max IS NULL) = (firmware_max_key IS NULL)",
            name="firmware_keys",
        ),
        CheckConstraint("firmware_min_key <= firmware_max_key", name="firmware_range"),
        CheckConstraint(
            "jsonb_typeof(symptoms) = 'array' AND jsonb_typeof(causes) = 'array'"
            " AND jsonb_typeof(checks) = 'array' AND jsonb_typeof(remedies) = 'array'",
            name="lists",
        ),
        CheckConstraint("vector_dims(embedding) = dimension", name="dimension"),
        CheckConstraint("jsonb_typeof(titles) = 'object'", name="titles"),
        Index(
            "ix_knowledge_articles_filter",
            *("code", "platform", "firmware_min_key", "firmware_max_key"),
        ),
        Index(None, "family", "platform"),
        Index(None, "platform"),
        Index(None, "search", postgresql_using="gin"),
    )

    article_id: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str]
    family: Mapped[str | None]
    platform: Mapped[str | None]
    firmware_min: Mapped[str | None]
    firmware_min_key: Mapped[list[int] | None]
    firmware_max: Mapped[str | None]
    firmware_max_key: Mapped[list[int] | None]
    ecu: Mapped[str | None]
    title: Mapped[str]
    titles: Mapped[dict[str, str]]
    symptoms: Mapped[list[str]]
    causes: Mapped[list[str]]
    checks: Mapped[list[str]]
    remedies: Mapped[list[str]]
    source: Mapped[str]
    language: Mapped[str]
    confirmed: Mapped[bool]
    content_hash: Mapped[str]
    embedding: Mapped[list[float]] = mapped_column(VECTOR(), deferred=True)
    embedder: Mapped[str]
    dimension: Mapped[int] = mapped_column(Integer)
    search: Mapped[str] = mapped_column(
        TSVECTOR(), Computed(SEARCH_EXPRESSION, persisted=True), deferred=True
    )
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class FirmwareComparison(Base):
    """One fault before and after an update of one platform, as `fleet/firmware_comparison.parquet`.

    `ratio` is infinite where nothing was before, `high` where nothing bounds it.
    """

    __tablename__ = "firmware_comparison"
    __table_args__ = (
        CheckConstraint(_one_of("class", CLASSES), name="class"),
        CheckConstraint(_one_of("severity", SEVERITIES), name="severity"),
        CheckConstraint("p BETWEEN 0 AND 1 AND p_adjusted BETWEEN 0 AND 1", name="p"),
        Index(None, "fault"),
        Index(None, "class"),
    )

    platform: Mapped[str] = mapped_column(primary_key=True)
    firmware_before: Mapped[str] = mapped_column(primary_key=True)
    firmware_after: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    fault: Mapped[str] = mapped_column(primary_key=True)
    pair: Mapped[str]
    title: Mapped[str | None]
    severity: Mapped[str]
    ecu: Mapped[str | None]
    class_: Mapped[str] = mapped_column("class")
    compared: Mapped[str]
    ratio: Mapped[float | None]
    low: Mapped[float]
    high: Mapped[float]
    p: Mapped[float | None]
    p_adjusted: Mapped[float | None]
    detectable_ratio: Mapped[float]
    messages_before: Mapped[int]
    messages_after: Mapped[int]
    hours_before: Mapped[float]
    hours_after: Mapped[float]
    per_hour_before: Mapped[float]
    per_hour_after: Mapped[float]
    lifecycles_before: Mapped[int]
    lifecycles_after: Mapped[int]
    per_lifecycle_before: Mapped[float | None]
    per_lifecycle_after: Mapped[float | None]
    vehicles_before: Mapped[int]
    vehicles_after: Mapped[int]
    vehicles_both: Mapped[int]
    reporting_before: Mapped[int]
    reporting_after: Mapped[int]
    dispersion: Mapped[float]


class CampaignHealth(Base):
    """How one campaign is doing, as `fleet/campaign_health.parquet`; the last four are JSON."""

    __tablename__ = "campaign_health"
    __table_args__ = (
        CheckConstraint(_one_of("verdict", VERDICTS), name="verdict"),
        CheckConstraint("succeeded + failed + pending = reported", name="outcomes"),
    )

    campaign: Mapped[str] = mapped_column(primary_key=True)
    verdict: Mapped[str]
    reason: Mapped[str]
    target: Mapped[str | None]
    target_from: Mapped[str]
    expected: Mapped[int | None]
    reported: Mapped[int]
    not_reported: Mapped[int | None]
    not_expected: Mapped[int]
    succeeded: Mapped[int]
    failed: Mapped[int]
    pending: Mapped[int]
    batches: Mapped[int]
    given_up: Mapped[int]
    hours: Mapped[float]
    platforms: Mapped[list[str]]
    sources: Mapped[list[dict[str, Any]]]
    changes: Mapped[list[dict[str, Any]]]
    rules: Mapped[list[dict[str, Any]]]


class ModelCall(Base):
    """One call of the language model: its place among the calls at once, and what it used.

    `busy_until` is the moment until which it counts: the end of its lease while it runs, then the
    moment at which it ended. Nobody has to clear up after a process that was killed.
    """

    __tablename__ = "llm_calls"
    __table_args__ = (
        CheckConstraint(_one_of("outcome", CALL_OUTCOMES), name="outcome"),
        CheckConstraint(
            "tokens >= 0 AND input_tokens >= 0 AND output_tokens >= 0 AND cost >= 0", name="amounts"
        ),
        Index(None, "busy_until"),
        Index(None, "batch"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    purpose: Mapped[str]
    batch: Mapped[str | None]
    model: Mapped[str]
    started_at: Mapped[datetime]
    busy_until: Mapped[datetime]
    tokens: Mapped[int]
    """What counts against the budget: what was set aside, then what was used."""
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    cost: Mapped[float | None]
    outcome: Mapped[str | None]


class ModelPause(Base):
    """An endpoint that nobody calls for a while: it asked for it, or it does not answer."""

    __tablename__ = "llm_pauses"

    endpoint: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime]
    down: Mapped[bool]


class ModelAnswer(Base):
    """What the language model made of one question, or who is at it right now.

    `key` is a hash of all that the answer depends on. Before `expires_at` is set, `owner` computes
    it until `claimed_until`; whoever finds that moment passed takes over.
    """

    __tablename__ = "llm_answers"
    __table_args__ = (
        CheckConstraint("answer IS NULL OR failure IS NULL", name="one_end"),
        Index(None, "expires_at"),
    )

    key: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    claimed_until: Mapped[datetime]
    answer: Mapped[dict[str, Any] | None]
    failure: Mapped[str | None]
    expires_at: Mapped[datetime | None]


class ReaderToken(Base):
    """A token of `argus serve`: the SHA-256 of it, what it allows, and until when.

    Tokens are 256 bits of chance, so a plain hash of one cannot be turned back.
    """

    __tablename__ = "reader_tokens"
    __table_args__ = (
        CheckConstraint("name ~ '^[A-Za-z0-9._-]{1,64}$'", name="name"),
        CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name="digest"),
        CheckConstraint("scopes <@ ARRAY['read', 'vin', 'ask', 'judge']", name="scopes"),
        UniqueConstraint("digest"),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
