"""Feedback on diagnoses; articles with titles in further languages, and vectors inside their rows.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SCHEMA = "argus"
ARTICLES, DIAGNOSES, FEEDBACK = "knowledge_articles", "diagnoses", "diagnosis_feedback"
REFUSE = f"{SCHEMA}.refuse_change_of_feedback"
# As `codes.code_family` has it.
FAMILY = (
    "coalesce(substring(code FROM '^([PBCU][0-3][0-9A-F]{2})[0-9A-F](?:[-:][0-9A-F]{2})?$'),"
    " substring(code FROM '^(0x[0-9A-F]{4})[0-9A-F]{2}$'))"
)


def upgrade() -> None:
    op.add_column(ARTICLES, sa.Column("family", sa.Text()), schema=SCHEMA)
    op.execute(f"UPDATE {SCHEMA}.{ARTICLES} SET family = {FAMILY}")
    _add("titles", pg.JSONB(), "'{}'")
    _add("confirmed", sa.Boolean(), "false")
    op.create_check_constraint(
        op.f(f"ck_{ARTICLES}_titles"), ARTICLES, "jsonb_typeof(titles) = 'object'", schema=SCHEMA
    )
    _search("symptoms || causes || checks || remedies || titles")
    op.drop_index(f"ix_{ARTICLES}_code_platform", ARTICLES, schema=SCHEMA)
    op.create_index(
        f"ix_{ARTICLES}_filter",
        ARTICLES,
        ["code", "platform", "firmware_min_key", "firmware_max_key"],
        schema=SCHEMA,
    )
    op.create_index(
        f"ix_{ARTICLES}_family_platform", ARTICLES, ["family", "platform"], schema=SCHEMA
    )
    op.create_index(f"ix_{ARTICLES}_platform", ARTICLES, ["platform"], schema=SCHEMA)
    for table in (ARTICLES, DIAGNOSES):
        # Room in a row for a vector of 512 numbers and the columns that filter. Rows that are there
        # already move when they are next written.
        op.execute(
            f"ALTER TABLE {SCHEMA}.{table} ALTER COLUMN embedding SET STORAGE MAIN,"
            " SET (toast_tuple_target = 2600)"
        )
    op.create_index(
        f"ix_{DIAGNOSES}_top_codes", DIAGNOSES, ["top_codes"], schema=SCHEMA, postgresql_using="gin"
    )
    op.create_index(f"ix_{DIAGNOSES}_updated_at", DIAGNOSES, ["updated_at"], schema=SCHEMA)
    _feedback()


def downgrade() -> None:
    op.drop_table(FEEDBACK, schema=SCHEMA)
    op.execute(f"DROP FUNCTION {REFUSE}")
    op.drop_index(f"ix_{DIAGNOSES}_updated_at", DIAGNOSES, schema=SCHEMA)
    op.drop_index(f"ix_{DIAGNOSES}_top_codes", DIAGNOSES, schema=SCHEMA)
    for table in (ARTICLES, DIAGNOSES):
        op.execute(
            f"ALTER TABLE {SCHEMA}.{table} ALTER COLUMN embedding SET STORAGE EXTERNAL,"
            " RESET (toast_tuple_target)"
        )
    # Indices of vectors that imports made.
    op.execute(
        "DO $$ DECLARE name text; BEGIN FOR name IN SELECT indexname FROM pg_indexes"
        f" WHERE schemaname = '{SCHEMA}' AND indexname LIKE 'ix\\_{ARTICLES}\\_hnsw\\_%'"
        f" LOOP EXECUTE format('DROP INDEX {SCHEMA}.%I', name); END LOOP; END $$"
    )
    for name in ("platform", "family_platform", "filter"):
        op.drop_index(f"ix_{ARTICLES}_{name}", ARTICLES, schema=SCHEMA)
    op.create_index(f"ix_{ARTICLES}_code_platform", ARTICLES, ["code", "platform"], schema=SCHEMA)
    _search("symptoms || causes || checks || remedies")
    # Their bounds cannot be said in the first revisions' versions.
    op.execute(
        f"DELETE FROM {SCHEMA}.{ARTICLES}"
        " WHERE firmware_min LIKE '%\\%' OR firmware_max LIKE '%\\%'"
    )
    for name in ("confirmed", "titles", "family"):
        op.drop_column(ARTICLES, name, schema=SCHEMA)


def _add(name: str, kind: sa.types.TypeEngine[Any], value: str) -> None:
    """A column that must not be null, with a value for the rows that are there."""
    op.add_column(
        ARTICLES,
        sa.Column(name, kind, nullable=False, server_default=sa.text(value)),
        schema=SCHEMA,
    )
    op.alter_column(ARTICLES, name, server_default=None, schema=SCHEMA)


def _search(lists: str) -> None:
    op.drop_column(ARTICLES, "search", schema=SCHEMA)
    expression = (
        "to_tsvector('simple'::regconfig, code || ' ' || coalesce(ecu, '') || ' ' || title)"
        f" || jsonb_to_tsvector('simple'::regconfig, {lists}, '[\"string\"]'::jsonb)"
    )
    op.add_column(
        ARTICLES,
        sa.Column("search", pg.TSVECTOR(), sa.Computed(expression, persisted=True), nullable=False),
        schema=SCHEMA,
    )
    op.create_index(
        f"ix_{ARTICLES}_search", ARTICLES, ["search"], schema=SCHEMA, postgresql_using="gin"
    )


def _feedback() -> None:
    op.create_table(
        FEEDBACK,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        *(_text(name) for name in ("batch", "judgement")),
        *(_text(name, null=True) for name in ("code", "article_id", "cause", "note")),
        *(_text(name) for name in ("author", "verdict")),
        sa.Column("judged", pg.JSONB(), nullable=False),
        sa.Column(
            "created_at",
            pg.TIMESTAMP(timezone=True),
            server_default=sa.func.now(),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{FEEDBACK}")),
        sa.ForeignKeyConstraint(
            ["batch"], [f"{SCHEMA}.batches.batch"], name=op.f(f"fk_{FEEDBACK}_batch")
        ),
        _check("judgement", "judgement IN ('confirmed', 'corrected')"),
        _check(
            "correction",
            "(judgement = 'corrected')"
            " = (code IS NOT NULL OR article_id IS NOT NULL OR cause IS NOT NULL)",
        ),
        _check("author", "author <> ''"),
        _check("judged", "jsonb_typeof(judged) = 'object'"),
        schema=SCHEMA,
    )
    op.create_index(f"ix_{FEEDBACK}_batch_id", FEEDBACK, ["batch", "id"], schema=SCHEMA)
    op.create_index(f"ix_{FEEDBACK}_code", FEEDBACK, ["code"], schema=SCHEMA)
    op.execute(
        f"CREATE FUNCTION {REFUSE}() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'feedback is only ever added, never changed'"
        " USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {SCHEMA}.{FEEDBACK}"
        f" FOR EACH ROW EXECUTE FUNCTION {REFUSE}()"
    )


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null)


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{FEEDBACK}_{name}"))
