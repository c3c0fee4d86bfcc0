"""The API of single batches and their lists, and of reports."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from argus_pipeline.batches.stages import Stage
from argus_pipeline.diagnosis.model import Outcome
from argus_pipeline.report.language import Language, language_from
from argus_pipeline.serve import shapes
from argus_pipeline.serve.access import ContextNow, Reader, ReaderNow, require
from argus_pipeline.serve.answers import answer, as_json, chosen
from argus_pipeline.serve.batch_lists import MOST, Filters, Line, Page, list_batches
from argus_pipeline.serve.context import Context
from argus_pipeline.serve.masking import names_in
from argus_pipeline.serve.parameters import (
    DRAWING_POLICY,
    NOT_MODIFIED,
    REPORT_FORMS,
    BatchId,
    Lang,
    ReportForm,
    Text,
    aware,
)
from argus_pipeline.serve.problems import documented, problem
from argus_pipeline.serve.tokens import VIN
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing

router = APIRouter(
    prefix="/api/v1", tags=["batches"], responses=documented(400, 401, 403, 404, 422, 429, 503)
)


@router.get("/batches", response_model=shapes.BatchesShape, responses=NOT_MODIFIED)
async def batches(
    request: Request,
    context: ContextNow,
    reader: ReaderNow,
    vehicle: Text = None,
    platform: Text = None,
    firmware: Text = None,
    campaign: Text = None,
    stage: Stage | None = None,
    verdict: Outcome | None = None,
    code: Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$")] = None,
    since: Annotated[datetime | None, Query(description="Arrived then or later.")] = None,
    until: Annotated[datetime | None, Query(description="Arrived before.")] = None,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
) -> Response:
    """Batches that match, the newest arrival first. A page may be short while `next` is there."""
    if vehicle is not None:
        require(reader, VIN)
    filters = Filters(
        *(vehicle, platform, firmware, campaign, stage),
        *(None if verdict is None else verdict.value, code, aware(since), aware(until)),
    )
    page = await read_list(context, filters, cursor, limit)
    content = {"batches": [shown(reader, line) for line in page.lines], "next": page.next}
    return as_json(request, reader, content)


async def read_list(
    context: Context, filters: Filters, cursor: str | None, limit: int = 50
) -> Page:
    """One page of the batches that match, read once for all who ask the same.

    Raises:
        BadInput: the cursor is none of ours.
    """
    bucket = await context.bucket()
    kept = await context.shared.get(
        ("list", filters, cursor, limit),
        lambda: (
            list_batches(
                *(context.engine, context.runs, bucket, context.exact, filters),
                cursor=cursor,
                limit=limit,
            ),
            "",
        ),
        fresh_s=1.0,
    )
    page: Page = kept.value
    return page


@router.get("/batches/{batch}", response_model=shapes.BatchShape, responses=NOT_MODIFIED)
async def one_batch(
    request: Request, context: ContextNow, reader: ReaderNow, batch: BatchId
) -> Response:
    """One batch and its stage; also one that is being uploaded."""
    line = await context.line(await context.resolve(batch))
    return as_json(request, reader, shown(reader, line), *names_in(line.batch, line.vehicle))


@router.get(
    "/batches/{batch}/report",
    responses={
        200: {"content": {kind.partition(";")[0]: {} for kind in REPORT_FORMS.values()}},
        **NOT_MODIFIED,
        **documented(406),
    },
    response_class=Response,
)
async def report(
    request: Request,
    context: ContextNow,
    reader: ReaderNow,
    batch: BatchId,
    format: Annotated[ReportForm | None, Query(description="Instead of Accept.")] = None,
    lang: Lang = None,
) -> Response:
    """The report by Accept: JSON, one page of HTML, or Markdown. JSON is the same in all languages.

    The page is the one in the bucket where it is asked for in the language that it was written in.
    """
    form = chosen(request, REPORT_FORMS, format)
    if form is None:
        return problem(406, "a report has other forms", expected=", ".join(REPORT_FORMS.values()))
    found = await context.resolve(batch)
    body, tag = await report_bytes(context, reader, found, form, lang)
    return answer(request, body, REPORT_FORMS[form], etag=tag, headers=_page_policy(form))


async def report_bytes(
    context: Context, reader: Reader, batch: str, form: str, lang: Language | None
) -> tuple[bytes, str]:
    """One form of a report as a reader may see it, and its ETag.

    Raises:
        NotThere: there is no report.
    """
    told, etag = await context.told(batch)
    language = Language.ENGLISH if form == "json" else lang or language_from(context.settings)
    tag = f"{etag}-{form}-{language.value}-{int(reader.sees_vehicles)}"

    def make() -> tuple[bytes, str]:
        from argus_pipeline.charts import stored_charts_that_matter
        from argus_pipeline.report.writing import render

        drawings = {}
        if form == "html":
            try:
                names = stored_charts_that_matter(context.store, batch)
            except ObjectMissing:
                names = ()  # as below
            for name in names:
                try:
                    drawings[name] = context.store.get(keys.chart(batch, name, "svg"))
                except ObjectMissing:
                    continue  # its data was deleted for its age: the text stays
        text = render(form, told.diagnosis, drawings, language)
        return reader.about(batch, told.diagnosis.vehicle, text).encode(), tag

    kept = await context.shared.get(("report", batch, tag), make, fresh_s=math.inf)
    return kept.value, tag


def shown(reader: Reader, line: Line) -> dict[str, Any]:
    """A line as a reader may see it."""
    content = shapes.batch_content(line)
    content["batch"] = reader.batch(line.batch)
    if line.vehicle is not None:
        content["vehicle"] = reader.vehicle(line.vehicle)
    for name in ("detail", "verdict"):
        if content[name]:
            content[name] = reader.about(line.batch, line.vehicle, content[name])
    return content


def _page_policy(form: str) -> dict[str, str]:
    # The page from the bucket brings its style and its images inside itself, and nothing runs.
    return {"Content-Security-Policy": DRAWING_POLICY} if form == "html" else {}
