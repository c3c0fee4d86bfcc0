"""The first tables: batches, recordings, event counts, diagnoses, knowledge articles.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import VECTOR
from sqlalchemy.dialects import postgresql as pg

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "argus"
TIME = pg.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    _batches()
    _recordings()
    _event_counts()
    _diagnoses()
    _knowledge_articles()


def downgrade() -> None:
    for table in ("knowledge_articles", "diagnoses", "event_counts", "recordings", "batches"):
        op.drop_table(table, schema=SCHEMA)


def _batches() -> None:
    op.create_table(
        "batches",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("vehicle", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("firmware", sa.Text(), nullable=False),
        sa.Column("firmware_from", sa.Text()),
        sa.Column("campaign", sa.Text()),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("manifest_etag", sa.Text(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("tags", pg.JSONB(), nullable=False),
        sa.Column("registered_at", TIME, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("batch", name="pk_batches"),
        sa.CheckConstraint(
            "batch ~ '^[A-Za-z0-9._-]{1,128}$'", name=op.f("ck_batches_batch_is_safe")
        ),
        sa.CheckConstraint("priority IN ('P0', 'P1', 'P2')", name=op.f("ck_batches_priority")),
        sa.CheckConstraint("files > 0 AND bytes >= 0", name=op.f("ck_batches_sizes")),
        sa.CheckConstraint("jsonb_typeof(tags) = 'object'", name=op.f("ck_batches_tags")),
        schema=SCHEMA,
    )
    op.create_index(
        "ix_batches_platform_firmware", "batches", ["platform", "firmware"], schema=SCHEMA
    )
    op.create_index("ix_batches_created", "batches", ["created"], schema=SCHEMA)


def _recordings() -> None:
    op.create_table(
        "recordings",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("recording", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("format", sa.Text()),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("decoded_bytes", sa.BigInteger(), nullable=False),
        sa.Column("quarantined_bytes", sa.BigInteger(), nullable=False),
        sa.Column("fault_count", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("input_hash", sa.Text(), nullable=False),
        sa.Column("parser_version", sa.Text(), nullable=False),
        sa.Column("tables", pg.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("batch", "recording", name="pk_recordings"),
        _batch_key("recordings"),
        sa.CheckConstraint(
            "status IN ('parsed', 'partial', 'quarantined')", name=op.f("ck_recordings_status")
        ),
        sa.CheckConstraint("format IN ('dlt', 'rec')", name=op.f("ck_recordings_format")),
        sa.CheckConstraint(
            "decoded_bytes >= 0 AND quarantined_bytes >= 0"
            " AND decoded_bytes + quarantined_bytes = size",
            name=op.f("ck_recordings_every_byte_counted"),
        ),
        sa.CheckConstraint("rows >= 0 AND fault_count >= 0", name=op.f("ck_recordings_counts")),
        sa.CheckConstraint("jsonb_typeof(tables) = 'array'", name=op.f("ck_recordings_tables")),
        schema=SCHEMA,
    )


def _event_counts() -> None:
    op.create_table(
        "event_counts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("ecu", sa.Text()),
        sa.Column("app", sa.Text()),
        sa.Column("code", sa.Text()),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event_counts"),
        _batch_key("event_counts"),
        sa.UniqueConstraint(
            "batch",
            "ecu",
            "app",
            "code",
            "severity",
            name="uq_event_counts_batch",
            postgresql_nulls_not_distinct=True,
        ),
        sa.CheckConstraint(
            "severity IN ('fatal', 'error', 'warn', 'info', 'debug', 'verbose', 'none')",
            name=op.f("ck_event_counts_severity"),
        ),
        sa.CheckConstraint("messages > 0", name=op.f("ck_event_counts_messages")),
        schema=SCHEMA,
    )
    op.create_index("ix_event_counts_code", "event_counts", ["code"], schema=SCHEMA)


def _diagnoses() -> None:
    op.create_table(
        "diagnoses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double()),
        sa.Column("top_codes", pg.JSONB(), nullable=False),
        sa.Column("content", pg.JSONB(), nullable=False),
        sa.Column("embedding", VECTOR()),
        sa.Column("embedder", sa.Text()),
        sa.Column("confirmed", sa.Boolean()),
        sa.Column("created_at", TIME, server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", TIME, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_diagnoses"),
        _batch_key("diagnoses"),
        sa.UniqueConstraint("batch", name="uq_diagnoses_batch"),
        sa.CheckConstraint(
            "label IN ('fast_path', 'evidence_only', 'llm')", name=op.f("ck_diagnoses_label")
        ),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_diagnoses_confidence")),
        sa.CheckConstraint(
            "jsonb_typeof(top_codes) = 'array'", name=op.f("ck_diagnoses_top_codes")
        ),
        sa.CheckConstraint("jsonb_typeof(content) = 'object'", name=op.f("ck_diagnoses_content")),
        sa.CheckConstraint(
            "(embedding IS NULL) = (embedder IS NULL)", name=op.f("ck_diagnoses_embedder")
        ),
        schema=SCHEMA,
    )


def _knowledge_articles() -> None:
    op.create_table(
        "knowledge_articles",
        sa.Column("article_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text()),
        sa.Column("firmware_min", sa.Text()),
        sa.Column("firmware_min_key", pg.ARRAY(sa.BigInteger())),
        sa.Column("firmware_max", sa.Text()),
        sa.Column("firmware_max_key", pg.ARRAY(sa.BigInteger())),
        sa.Column("ecu", sa.Text()),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("symptoms", pg.JSONB(), nullable=False),
        sa.Column("causes", pg.JSONB(), nullable=False),
        sa.Column("checks", pg.JSONB(), nullable=False),
        sa.Column("remedies", pg.JSONB(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("embedding", VECTOR(), nullable=False),
        sa.Column("embedder", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column(
            "search",
            pg.TSVECTOR(),
            sa.Computed(
                "to_tsvector('simple'::regconfig, code || ' ' || coalesce(ecu, '') || ' ' || title)"
                " || jsonb_to_tsvector('simple'::regconfig,"
                " symptoms || causes || checks || remedies, '[\"string\"]'::jsonb)",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("changed_at", TIME, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("article_id", name="pk_knowledge_articles"),
        sa.CheckConstraint(
            "article_id ~ '^[a-z0-9][a-z0-9-]{0,127}$'",
            name=op.f("ck_knowledge_articles_article_id"),
        ),
        sa.CheckConstraint("code <> ''", name=op.f("ck_knowledge_articles_code")),
        sa.CheckConstraint(
            "(firmware_min IS NULL) = (firmware_min_key IS NULL)"
            " AND (firmware_max IS NULL) = (firmware_max_key IS NULL)",
            name=op.f("ck_knowledge_articles_firmware_keys"),
        ),
        sa.CheckConstraint(
            "firmware_min_key <= firmware_max_key",
            name=op.f("ck_knowledge_articles_firmware_range"),
        ),
        sa.CheckConstraint(
            "jsonb_typeof(symptoms) = 'array' AND jsonb_typeof(causes) = 'array'"
            " AND jsonb_typeof(checks) = 'array' AND jsonb_typeof(remedies) = 'array'",
            name=op.f("ck_knowledge_articles_lists"),
        ),
        sa.CheckConstraint(
            "vector_dims(embedding) = dimension", name=op.f("ck_knowledge_articles_dimension")
        ),
        schema=SCHEMA,
    )
    op.create_index(
        "ix_knowledge_articles_code_platform",
        "knowledge_articles",
        ["code", "platform"],
        schema=SCHEMA,
    )
    op.create_index(
        "ix_knowledge_articles_search",
        "knowledge_articles",
        ["search"],
        schema=SCHEMA,
        postgresql_using="gin",
    )


def _batch_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["batch"], [f"{SCHEMA}.batches.batch"], name=f"fk_{table}_batch", ondelete="CASCADE"
    )
