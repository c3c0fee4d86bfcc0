"""A batch's report, made of the diagnosis in the database: one query, then any form and language.

The JSON is to the byte what lies in the bucket. The page is the report's own template with places
that lead to the messages around them, and charts that load after the text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from sqlalchemy import Engine, Row, func, select

from argus_pipeline.batches.names import is_safe_name
from argus_pipeline.database.engine import translated
from argus_pipeline.database.models import Diagnosis as DiagnosisRow
from argus_pipeline.database.models import DiagnosisFeedback
from argus_pipeline.diagnosis.evidence import Evidence, Kind, Reference
from argus_pipeline.diagnosis.model import Diagnosis, PastDiagnosis
from argus_pipeline.report.language import Language, Words
from argus_pipeline.report.material_view import MaterialView
from argus_pipeline.report.view import View
from argus_pipeline.serve.problems import NotThere

CHARTS: Final = (
    "severity_over_time", "top_codes", "codes_by_ecu", "signals_around_events", "restarts",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """The diagnosis of a batch as it stands in the database."""

    diagnosis: Diagnosis
    confirmed: bool | None
    updated: datetime
    words: int
    """How often people have said something of it."""


def read_told(engine: Engine, batch: str) -> tuple[Told, str]:
    """The diagnosis and the ETag of it, in one query.

    Raises:
        NotThere: the batch has none, or one that this version cannot read.
        Unavailable: the database does not answer.
    """
    row = _read(engine, batch, DiagnosisRow.content)
    if row is None:
        raise NotThere("there is no report of this batch yet", where=batch)
    try:
        found = Diagnosis.from_json(json.dumps(row.content))
    except ValueError as error:
        raise NotThere(
            "its report is of another version", where=batch, hint="`argus retry` writes it anew"
        ) from error
    return Told(found, row.confirmed, row.updated_at, row.words), _tag(row)


def tag_of(engine: Engine, batch: str) -> str:
    """The present ETag of a batch's diagnosis; empty where there is none."""
    row = _read(engine, batch)
    return "" if row is None else _tag(row)


def _read(engine: Engine, batch: str, *more: Any) -> Row[Any] | None:
    words = select(func.count()).where(DiagnosisFeedback.batch == batch).scalar_subquery()
    query = select(
        DiagnosisRow.confirmed, DiagnosisRow.updated_at, words.label("words"), *more
    ).where(DiagnosisRow.batch == batch)
    with translated(engine), engine.connect() as connection:
        return connection.execute(query).one_or_none()


def _tag(row: Row[Any]) -> str:
    return f"{row.updated_at.timestamp():.6f}-{row.confirmed}-{row.words}"


@dataclass(frozen=True, slots=True)
class ServedView(View):
    """The report's texts, with links to what is served here. `id` is the batch in addresses."""

    id: str = ""
    standing_ids: tuple[tuple[str, str], ...] = ()

    def link(self, piece: Evidence, reference: Reference) -> str | None:
        """To the messages around a reference; None where its names were shortened."""
        if not is_safe_name(reference.recording):
            return None
        if reference.table is None and piece.kind is not Kind.DAMAGE:
            return None
        values: dict[str, Any] = {"recording": reference.recording}
        if reference.table is not None:
            if not is_safe_name(reference.table):
                return None
            values["table"] = reference.table
        values["offset"] = reference.offset or 0
        return f"/batches/{quote(self.id)}/messages?{urlencode(values)}"

    def past_link(self, past: PastDiagnosis) -> str | None:
        """To the page of a past batch."""
        known = dict(self.standing_ids).get(past.batch)
        return f"/batches/{quote(known)}" if known and is_safe_name(past.batch) else None


def page_content(
    told: Told, language: Language, shown: str, charts: Sequence[str], hide: Any
) -> Mapping[str, Any]:
    """What the report's template needs.

    Args:
        told: the diagnosis.
        language: of the fixed texts.
        shown: the batch's id in addresses.
        charts: the charts that there are, by name.
        hide: turns a batch id into the one that the reader may see.
    """
    found = told.diagnosis
    titles = tuple((a.title, a.title_in(language.value)) for a in found.articles)
    words = Words(language, titles)
    past = tuple((one.batch, hide(one.batch)) for one in found.past)
    view = ServedView(found, words, shown, past)
    images = [
        {"title": view.chart_title(name), "source": f"/batches/{quote(shown)}/charts/{name}.svg"}
        for name in charts
    ]
    return {
        "diagnosis": found,
        "view": view,
        "words": words,
        "lists": MaterialView(found.material, words),
        "charts": images,
    }


def charts_of(found: Diagnosis) -> tuple[str, ...]:
    """The charts that say something of this batch, as far as its diagnosis tells.

    The page must not wait for the statistics, so this repeats `charts_that_matter` from evidence.
    """
    kinds = {piece.kind for piece in found.evidence}
    says = {
        "severity_over_time": True,
        "top_codes": bool(found.top_codes),
        "codes_by_ecu": bool(found.top_codes) and len(found.material.ecus) > 1,
        "signals_around_events": Kind.SIGNAL in kinds,
        "restarts": any(ecu.boots > 1 for ecu in found.material.ecus),
    }
    return tuple(name for name in CHARTS if says[name])
