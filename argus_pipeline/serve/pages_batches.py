"""The pages of batches: their list, one with its progress or report, and its messages."""

from __future__ import annotations

import hashlib
import math
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError
from starlette.responses import RedirectResponse

from argus_pipeline.batches.stages import Stage
from argus_pipeline.diagnosis.model import Outcome
from argus_pipeline.errors import BadInput
from argus_pipeline.serve import shapes
from argus_pipeline.serve.access import ContextNow, ReaderNow
from argus_pipeline.serve.api_batches import read_list
from argus_pipeline.serve.api_data import drawing, read_messages
from argus_pipeline.serve.api_feedback import keep_judgement
from argus_pipeline.serve.batch_lists import Filters
from argus_pipeline.serve.context import Context
from argus_pipeline.serve.forms import day, read_form
from argus_pipeline.serve.parameters import NAME, BatchId, Name, Text
from argus_pipeline.serve.problems import NotThere, Refused
from argus_pipeline.serve.rendering import html_answer, language_of, page_answer, render
from argus_pipeline.serve.static_files import state_of_files
from argus_pipeline.serve.tokens import VIN

_STEPS: Final = (
    *(Stage.UPLOADING, Stage.QUEUED, Stage.VERIFYING, Stage.PARSING, Stage.STATISTICS),
    *(Stage.CHARTS, Stage.DIAGNOSING, Stage.REPORTING, Stage.DONE),
)

router = APIRouter(include_in_schema=False)


@router.get("/batches")
async def batches_page(
    request: Request,
    context: ContextNow,
    reader: ReaderNow,
    vehicle: Text = None,
    platform: Text = None,
    firmware: Text = None,
    campaign: Text = None,
    stage: Text = None,
    verdict: Text = None,
    code: Text = None,
    since: Text = None,
    until: Text = None,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> Response:
    """Every batch, by filters. A form sends empty fields: those do not matter."""
    given = {
        "vehicle": vehicle, "platform": platform, "firmware": firmware, "campaign": campaign,
        "stage": stage, "verdict": verdict, "code": code, "since": since, "until": until,
    }  # fmt: skip
    chosen = {name: value.strip() for name, value in given.items() if value and value.strip()}
    if "vehicle" in chosen and VIN not in reader.scopes:
        raise Refused("looking for a vehicle takes a token with the scope vin")
    filters = Filters(
        chosen.get("vehicle"),
        chosen.get("platform"),
        chosen.get("firmware"),
        chosen.get("campaign"),
        Stage(chosen["stage"]) if chosen.get("stage") in set(Stage) else None,
        chosen["verdict"] if chosen.get("verdict") in set(Outcome) else None,
        chosen.get("code"),
        day(chosen.get("since"), "since"),
        day(chosen.get("until"), "until"),
    )
    page = await read_list(context, filters, cursor)
    older = "?" + urlencode({**chosen, "cursor": page.next}) if page.next else None
    return page_answer(
        *(request, reader, "batches.html.j2"),
        lines=page.lines,
        older=older,
        chosen=chosen,
        stages=list(Stage),
        outcomes=list(Outcome),
    )


@router.get("/batches/{batch}")
async def batch_page(
    request: Request, context: ContextNow, reader: ReaderNow, batch: BatchId
) -> Response:
    """A batch: where it is, or its report."""
    found = await context.resolve(batch)
    language = language_of(request)
    try:
        told, etag = await context.told(found)
    except NotThere:
        line = await context.line(found)
        passed = _STEPS.index(line.stage) if line.stage in _STEPS else -1
        return page_answer(
            *(request, reader, "arriving.html.j2"),
            line=line, steps=_STEPS[:-1], passed=passed, id=reader.batch(found),
        )  # fmt: skip
    said = await _feedback(context, found, etag) if told.words else []
    tag = (
        f"{etag}-{language.value}-{reader.name}-{int(reader.signed_in)}"
        f"-{''.join(sorted(reader.scopes))}-{state_of_files()}"
    )

    def make() -> tuple[bytes, str]:
        from argus_pipeline.serve.reports import charts_of, page_content

        shown = reader.batch(found)
        content = page_content(told, language, shown, charts_of(told.diagnosis), reader.batch)
        page = render(request, reader, "batch.html.j2", id=shown, said=said, **content)
        return reader.about(found, told.diagnosis.vehicle, page).encode("utf-8", "replace"), tag

    # The address matters too: the page leads to itself in the other language.
    key = ("page", found, tag, request.url.query)
    kept = await context.shared.get(key, make, fresh_s=math.inf)
    digest = hashlib.sha256(tag.encode()).hexdigest()[:32]
    return html_answer(request, kept.value, etag=digest)


@router.get("/batches/{batch}/charts/{name}.svg")
async def batch_chart(
    request: Request, context: ContextNow, reader: ReaderNow, batch: BatchId, name: Name
) -> Response:
    """A chart for the report's page."""
    return await drawing(request, context, reader, await context.resolve(batch), name)


@router.get("/batches/{batch}/messages")
async def messages_page(
    request: Request,
    context: ContextNow,
    reader: ReaderNow,
    batch: BatchId,
    recording: Annotated[str, Query(pattern=NAME)],
    offset: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    table: Annotated[str, Query(pattern=NAME)] = "messages",
) -> Response:
    """The messages around a byte offset."""
    found = await context.resolve(batch)
    line = await context.line(found)
    around = await read_messages(context, found, recording, offset, table, 15, 15)

    def at(place: int) -> str:
        values = {"recording": recording, "table": table, "offset": place}
        return "?" + urlencode(values)

    first, last = (around.messages[n]["offset"] if around.messages else 0 for n in (0, -1))
    page = render(
        *(request, reader, "messages.html.j2"),
        around=around,
        id=reader.batch(found),
        earlier=at(max(first - 1, 0)) if around.more_before else None,
        later=at(last + 1) if around.more_after else None,
        lines=[name for name in ("time", "ecu", "app", "context", "severity", "text")
               if name in around.columns],
    )  # fmt: skip
    return html_answer(request, reader.about(found, line.vehicle, page))


@router.post("/batches/{batch}/feedback")
async def judge_page(
    request: Request, context: ContextNow, reader: ReaderNow, batch: BatchId
) -> Response:
    """A person's word on a diagnosis, from the form below the report."""
    form = await read_form(request)
    found = await context.resolve(batch)
    try:
        word = shapes.JudgementIn(
            judgement=form.get("judgement", ""),
            **{name: form.get(name) or None for name in ("code", "article_id", "cause", "note")},
        )
    except ValidationError as error:
        raise BadInput("the form is not whole", where=str(error.errors()[0]["loc"])) from error
    if word.judgement == "confirmed":
        word = word.model_copy(update={"code": None, "cause": None, "article_id": None})
    await keep_judgement(context, reader, found, word)
    return RedirectResponse(f"/batches/{quote(batch)}#judge", 303)


async def _feedback(context: Context, batch: str, etag: str) -> list[Any]:
    from argus_pipeline.diagnosis.feedback import feedback_on

    # The ETag counts the words.
    kept = await context.shared.get(
        ("feedback", batch, etag),
        lambda: (feedback_on(context.engine, batch, limit=20), ""),
        fresh_s=math.inf,
    )
    found: list[Any] = kept.value
    return found
