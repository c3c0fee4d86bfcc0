"""Writes what is known over all batches. Each function leaves the commit to its session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from argus_pipeline.database.models import Base, CampaignHealth, FirmwareComparison
from argus_pipeline.database.records import storable

_ROWS_A_STATEMENT = 1000


def replace_comparison(session: Session, comparison: pl.DataFrame) -> None:
    """Make the table `firmware_comparison` this frame; readers see the old rows or the new ones."""
    rows = comparison.rename({"class": "class_"}).iter_rows(named=True)
    _replace(session, FirmwareComparison, list(rows))


def replace_campaigns(session: Session, campaigns: Sequence[Mapping[str, Any]]) -> None:
    """Make the table `campaign_health` these campaigns, each as its `to_dict` gives it."""
    columns = [attribute.key for attribute in CampaignHealth.__mapper__.column_attrs]
    rows = [{name: _plain(one[name]) for name in columns} for one in campaigns]
    _replace(session, CampaignHealth, rows)


def _replace(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    session.execute(delete(model))
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        session.execute(
            insert(model), [storable(dict(row)) for row in rows[start : start + _ROWS_A_STATEMENT]]
        )


def _plain(value: Any) -> Any:
    """JSON knows no tuple."""
    return list(value) if isinstance(value, tuple) else value
