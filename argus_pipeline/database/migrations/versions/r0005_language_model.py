"""The language model: its calls, its pauses, and answers that are computed once.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SCHEMA = "argus"
CALLS, PAUSES, ANSWERS = "llm_calls", "llm_pauses", "llm_answers"
OUTCOMES = "outcome IN ('answered', 'busy', 'timed out', 'refused', 'failed')"


def upgrade() -> None:
    time = TIMESTAMP(timezone=True)
    op.create_table(
        CALLS,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("batch", sa.Text()),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("started_at", time, nullable=False),
        sa.Column("busy_until", time, nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger()),
        sa.Column("output_tokens", sa.BigInteger()),
        sa.Column("cost", sa.Double()),
        sa.Column("outcome", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{CALLS}")),
        sa.CheckConstraint(OUTCOMES, name=op.f(f"ck_{CALLS}_outcome")),
        sa.CheckConstraint(
            "tokens >= 0 AND input_tokens >= 0 AND output_tokens >= 0 AND cost >= 0",
            name=op.f(f"ck_{CALLS}_amounts"),
        ),
        schema=SCHEMA,
    )
    op.create_index(op.f(f"ix_{CALLS}_busy_until"), CALLS, ["busy_until"], schema=SCHEMA)
    op.create_index(op.f(f"ix_{CALLS}_batch"), CALLS, ["batch"], schema=SCHEMA)
    op.create_table(
        PAUSES,
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("until", time, nullable=False),
        sa.Column("down", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint", name=op.f(f"pk_{PAUSES}")),
        schema=SCHEMA,
    )
    op.create_table(
        ANSWERS,
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("claimed_until", time, nullable=False),
        sa.Column("answer", JSONB()),
        sa.Column("failure", sa.Text()),
        sa.Column("expires_at", time),
        sa.PrimaryKeyConstraint("key", name=op.f(f"pk_{ANSWERS}")),
        sa.CheckConstraint("answer IS NULL OR failure IS NULL", name=op.f(f"ck_{ANSWERS}_one_end")),
        schema=SCHEMA,
    )
    op.create_index(op.f(f"ix_{ANSWERS}_expires_at"), ANSWERS, ["expires_at"], schema=SCHEMA)
    op.create_index(
        "ix_diagnoses_missing",
        "diagnoses",
        [sa.text("((content -> 'route'::text) ->> 'missing'::text)")],
        schema=SCHEMA,
    )


def downgrade() -> None:
    op.drop_index("ix_diagnoses_missing", "diagnoses", schema=SCHEMA)
    for table in (ANSWERS, PAUSES, CALLS):
        op.drop_table(table, schema=SCHEMA)
