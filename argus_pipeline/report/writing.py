"""Writes a report to the bucket: `reports/<batch>/report.{md,html,json}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argus_pipeline.diagnosis.model import Diagnosis
from argus_pipeline.report.html import render_html
from argus_pipeline.report.markdown import render_markdown
from argus_pipeline.report.view import Charts
from argus_pipeline.storage import keys

if TYPE_CHECKING:
    from argus_pipeline.storage.object_store import ObjectStore


def render_json(diagnosis: Diagnosis) -> str:
    """The report for machines; `diagnosis/schema.json` describes it."""
    return diagnosis.to_json().decode()


def write_report(
    store: ObjectStore, diagnosis: Diagnosis, charts: Charts | None = None
) -> list[str]:
    """Write the report in its three forms and return their keys.

    The JSON is written last: where it is, the others are. The same diagnosis and charts give the
    same bytes.

    Args:
        store: where to.
        diagnosis: what to report.
        charts: images of charts, SVG or PNG, by their names in the bucket.
    """
    forms = {
        "md": render_markdown(diagnosis, charts),
        "html": render_html(diagnosis, charts),
        "json": render_json(diagnosis),
    }
    written = []
    for suffix, text in forms.items():
        key = keys.report(diagnosis.batch, suffix)
        store.put(key, text.encode())
        written.append(key)
    return written
