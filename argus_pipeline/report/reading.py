"""Finds reports in the bucket, and helps where a batch's name was mistyped."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from argus_pipeline.batches.names import safe_name
from argus_pipeline.diagnosis.model import Diagnosis
from argus_pipeline.errors import BadInput
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing

if TYPE_CHECKING:
    from argus_pipeline.report.language import Language
    from argus_pipeline.storage.object_store import ObjectStore

MAX_NEAREST: Final = 5
_NEAR: Final = 0.5


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One report in a list; the fields are empty when it cannot be read."""

    batch: str
    verdict: str
    confidence: str
    vehicle: str
    firmware: str

    def to_dict(self) -> dict[str, Any]:
        """The line for machines."""
        return {name: getattr(self, name) for name in self.__slots__}


def read_report(store: ObjectStore, batch: str, suffix: str) -> bytes:
    """One form of a batch's report: `md`, `html` or `json`.

    Raises:
        BadInput: there is no report of this batch; the message names the nearest ones.
    """
    try:
        return store.get(keys.report(safe_name(batch, "the batch"), suffix))
    except ObjectMissing:
        pass
    known = reported_batches(store)
    if batch in known:
        hint = f"It has other forms than {suffix}: its report is being written, try again"
    elif near := nearest(batch, known):
        hint = "Did you mean " + " or ".join(near) + "?"
    else:
        hint = "`argus report` lists the reports, `argus status` says how far a batch is"
    raise BadInput("there is no report of this batch", where=batch, hint=hint)


def report_in(store: ObjectStore, batch: str, form: str, language: Language) -> bytes:
    """One form of a batch's report, in another language than it was written in.

    It is made anew from the report's JSON and the charts in the bucket.

    Raises:
        BadInput: there is no report of this batch; or its JSON is of another version of Argus.
    """
    # Polars and Jinja are of no use to those who only list reports.
    from argus_pipeline.charts import read_drawings, stored_charts_that_matter
    from argus_pipeline.report.writing import render

    content = read_report(store, batch, "json")
    if form == "json":
        return content
    try:
        found = Diagnosis.from_json(content)
    except ValueError as error:
        hint = "Run `argus retry` for this batch, which writes its report anew"
        raise BadInput(str(error), where=keys.report(batch, "json"), hint=hint) from error
    shown = stored_charts_that_matter(store, batch)
    return render(form, found, read_drawings(store, batch, shown), language).encode()


def reported_batches(store: ObjectStore) -> list[str]:
    """The batches that have a report, the newest first, as their names sort by time."""
    folders = store.list_folders(keys.REPORTS)
    names = (folder.removeprefix(keys.REPORTS).strip("/") for folder in folders)
    return sorted(names, reverse=True)


def nearest(batch: str, known: list[str]) -> list[str]:
    """The names that a person may have meant: those that contain it, then those spelt alike."""
    containing = [name for name in known if batch.lower() in name.lower()]
    alike = difflib.get_close_matches(batch, known, MAX_NEAREST, _NEAR)
    return list(dict.fromkeys([*containing, *alike]))[:MAX_NEAREST]


def latest_reports(store: ObjectStore, limit: int) -> Iterator[ReportLine]:
    """The newest reports, one line each."""
    for batch in islice(reported_batches(store), limit):
        try:
            found = Diagnosis.from_json(store.get(keys.report(batch, "json")))
        except (ObjectMissing, ValueError):
            yield ReportLine(batch, "", "", "", "")
            continue
        before = f"{found.firmware_from} → " if found.firmware_from else ""
        yield ReportLine(
            batch=batch,
            verdict=found.verdict.text,
            confidence=found.confidence.word.value,
            vehicle=found.vehicle,
            firmware=before + found.firmware,
        )
