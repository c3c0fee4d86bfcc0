"""Recordings: lifecycles, lost messages, compression, and formats of decoders of others.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMA = "argus"
TABLE = "recordings"
COUNTS = ("lifecycles", "lost_messages", "stored_size", "unread_bytes")


def upgrade() -> None:
    for name in COUNTS:
        op.add_column(TABLE, sa.Column(name, sa.BigInteger()), schema=SCHEMA)
    op.add_column(TABLE, sa.Column("compression", sa.Text()), schema=SCHEMA)
    _check("further_counts", " AND ".join(f"{name} >= 0" for name in COUNTS))
    _check("compression", "compression IN ('gzip', 'zstd')")
    _drop_check("format")
    _check("format", "format ~ '^[A-Za-z0-9._-]{1,128}$'")


def downgrade() -> None:
    _drop_check("format")
    # The first revision knows of no other formats.
    op.execute(f"UPDATE {SCHEMA}.{TABLE} SET format = NULL WHERE format NOT IN ('dlt', 'rec')")
    _check("format", "format IN ('dlt', 'rec')")
    for name in (*COUNTS, "compression"):
        op.drop_column(TABLE, name, schema=SCHEMA)


def _check(name: str, condition: str) -> None:
    op.create_check_constraint(op.f(f"ck_{TABLE}_{name}"), TABLE, condition, schema=SCHEMA)


def _drop_check(name: str) -> None:
    op.drop_constraint(op.f(f"ck_{TABLE}_{name}"), TABLE, schema=SCHEMA)
