"""Writes a report to the bucket: `reports/<batch>/report.{md,html,json}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argus_pipeline.diagnosis.model import Diagnosis
from argus_pipeline.report.html import render_html
from argus_pipeline.report.language import Language
from argus_pipeline.report.markdown import render_markdown
from argus_pipeline.report.view import Charts
from argus_pipeline.storage import keys

if TYPE_CHECKING:
    from argus_pipeline.storage.object_store import ObjectStore


def render_json(diagnosis: Diagnosis) -> str:
    """The report for machines, the same in every language; `diagnosis/schema.json` describes it."""
    return diagnosis.to_json().decode()


def render(
    form: str,
    diagnosis: Diagnosis,
    charts: Charts | None = None,
    language: Language = Language.ENGLISH,
) -> str:
    """One form of a report: `md`, `html` or `json`."""
    if form == "json":
        return render_json(diagnosis)
    renderer = {"md": render_markdown, "html": render_html}[form]
    return renderer(diagnosis, charts, language)


def write_report(
    store: ObjectStore,
    diagnosis: Diagnosis,
    charts: Charts | None = None,
    language: Language = Language.ENGLISH,
) -> list[str]:
    """Write the report in its three forms and return their keys.

    The JSON is written last: where it is, the others are. The same diagnosis and charts give the
    same bytes.

    Args:
        store: where to.
        diagnosis: what to report.
        charts: images of charts, SVG or PNG, by their names in the bucket.
        language: of the fixed texts.
    """
    # All are made before the first is written.
    forms = {form: render(form, diagnosis, charts, language) for form in ("md", "html", "json")}
    written = []
    for suffix, text in forms.items():
        key = keys.report(diagnosis.batch, suffix)
        store.put(key, text.encode())
        written.append(key)
    return written
