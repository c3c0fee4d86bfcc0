"""What is known over all batches: the comparison of versions, and the health of campaigns.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCHEMA = "argus"
COMPARISON = "firmware_comparison"
HEALTH = "campaign_health"
KEY = ("platform", "firmware_before", "firmware_after", "kind", "fault")
CLASSES = "class IN ('new', 'worse', 'unchanged', 'better', 'gone', 'too little data')"
SEVERITIES = "severity IN ('fatal', 'error', 'warn', 'info', 'debug', 'verbose', 'none')"


def upgrade() -> None:
    op.create_table(
        COMPARISON,
        *(_column(name, sa.Text()) for name in KEY),
        _column("pair", sa.Text()),
        _column("title", sa.Text(), null=True),
        _column("severity", sa.Text()),
        _column("ecu", sa.Text(), null=True),
        _column("class", sa.Text()),
        _column("compared", sa.Text()),
        _column("ratio", sa.Double(), null=True),
        _column("low", sa.Double()),
        _column("high", sa.Double()),
        _column("p", sa.Double(), null=True),
        _column("p_adjusted", sa.Double(), null=True),
        _column("detectable_ratio", sa.Double()),
        *_sides("messages", sa.BigInteger()),
        *_sides("hours", sa.Double()),
        *_sides("per_hour", sa.Double()),
        *_sides("lifecycles", sa.BigInteger()),
        *_sides("per_lifecycle", sa.Double(), null=True),
        *_sides("vehicles", sa.BigInteger()),
        _column("vehicles_both", sa.BigInteger()),
        *_sides("reporting", sa.BigInteger()),
        _column("dispersion", sa.Double()),
        sa.PrimaryKeyConstraint(*KEY, name=op.f(f"pk_{COMPARISON}")),
        sa.CheckConstraint(CLASSES, name=op.f(f"ck_{COMPARISON}_class")),
        sa.CheckConstraint(SEVERITIES, name=op.f(f"ck_{COMPARISON}_severity")),
        sa.CheckConstraint(
            "p BETWEEN 0 AND 1 AND p_adjusted BETWEEN 0 AND 1", name=op.f(f"ck_{COMPARISON}_p")
        ),
        schema=SCHEMA,
    )
    for column in ("fault", "class"):
        op.create_index(op.f(f"ix_{COMPARISON}_{column}"), COMPARISON, [column], schema=SCHEMA)
    op.create_table(
        HEALTH,
        *(_column(name, sa.Text()) for name in ("campaign", "verdict", "reason")),
        _column("target", sa.Text(), null=True),
        _column("target_from", sa.Text()),
        _column("expected", sa.BigInteger(), null=True),
        _column("reported", sa.BigInteger()),
        _column("not_reported", sa.BigInteger(), null=True),
        *(
            _column(name, sa.BigInteger())
            for name in ("not_expected", "succeeded", "failed", "pending", "batches", "given_up")
        ),
        _column("hours", sa.Double()),
        *(_column(name, JSONB()) for name in ("platforms", "sources", "changes", "rules")),
        sa.PrimaryKeyConstraint("campaign", name=op.f(f"pk_{HEALTH}")),
        sa.CheckConstraint(
            "verdict IN ('continue', 'hold', 'not enough data')", name=op.f(f"ck_{HEALTH}_verdict")
        ),
        sa.CheckConstraint(
            "succeeded + failed + pending = reported", name=op.f(f"ck_{HEALTH}_outcomes")
        ),
        schema=SCHEMA,
    )


def downgrade() -> None:
    op.drop_table(HEALTH, schema=SCHEMA)
    op.drop_table(COMPARISON, schema=SCHEMA)


def _column(name: str, kind: sa.types.TypeEngine[Any], *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=null)


def _sides(
    name: str, kind: sa.types.TypeEngine[Any], *, null: bool = False
) -> list[sa.Column[Any]]:
    return [_column(f"{name}_{side}", kind, null=null) for side in ("before", "after")]
