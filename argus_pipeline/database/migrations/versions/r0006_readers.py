"""The reader's window: tokens, and indexes for its lists.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SCHEMA = "argus"
TOKENS = "reader_tokens"
INDEXES = (("registered_at", "batch"), ("vehicle",), ("firmware",), ("campaign",))


def upgrade() -> None:
    time = TIMESTAMP(timezone=True)
    op.create_table(
        TOKENS,
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("scopes", ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", time, server_default=sa.func.now(), nullable=False),
        sa.Column("expires_at", time),
        sa.Column("revoked_at", time),
        sa.PrimaryKeyConstraint("name", name=op.f(f"pk_{TOKENS}")),
        sa.UniqueConstraint("digest", name=op.f(f"uq_{TOKENS}_digest")),
        sa.CheckConstraint("name ~ '^[A-Za-z0-9._-]{1,64}$'", name=op.f(f"ck_{TOKENS}_name")),
        sa.CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name=op.f(f"ck_{TOKENS}_digest")),
        sa.CheckConstraint(
            "scopes <@ ARRAY['read', 'vin', 'ask', 'judge']", name=op.f(f"ck_{TOKENS}_scopes")
        ),
        schema=SCHEMA,
    )
    for columns in INDEXES:
        name = op.f(f"ix_batches_{'_'.join(columns)}")
        op.create_index(name, "batches", list(columns), schema=SCHEMA)
    op.create_index(
        "ix_diagnoses_outcome",
        "diagnoses",
        [sa.text("(content ->> 'outcome'::text)")],
        schema=SCHEMA,
    )


def downgrade() -> None:
    op.drop_index("ix_diagnoses_outcome", "diagnoses", schema=SCHEMA)
    for columns in INDEXES:
        op.drop_index(f"ix_batches_{'_'.join(columns)}", "batches", schema=SCHEMA)
    op.drop_table(TOKENS, schema=SCHEMA)
