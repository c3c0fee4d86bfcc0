"""What requests name, and in which forms it can be had."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import Path, Query

from argus_pipeline.report.language import Language

REPORT_FORMS: Final = {
    "json": "application/json",
    "html": "text/html; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
}
TABLE_FORMS: Final = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
CHART_FORMS: Final = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "html": "text/html; charset=utf-8",
}
# A drawing styles itself, and is shown as an image, in which nothing runs or loads.
DRAWING_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"

ReportForm = StrEnum("ReportForm", ["json", "html", "md"])
TableForm = StrEnum("TableForm", ["json", "csv", "parquet"])
ChartForm = StrEnum("ChartForm", ["svg", "png", "html"])

NAME: Final = r"^[A-Za-z0-9._-]{1,128}$"
BatchId = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9._~-]{1,128}$", description="The batch, as the lists name it."),
]
Name = Annotated[str, Path(pattern=r"^[a-z_]{1,64}$", description="As the list of names has it.")]
Text = Annotated[str | None, Query(max_length=128, pattern=r"^[^\x00]*$")]
Lang = Annotated[Language | None, Query(description="en or zh; else what the server has.")]

NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "You have it."}}


def aware(moment: datetime | None) -> datetime | None:
    """A time, in UTC where it does not say."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)
