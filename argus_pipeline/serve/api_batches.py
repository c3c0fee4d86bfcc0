"""The API of single batches and their lists."""

from __future__ import annotations

import asyncio
import io
import json
import math
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Path, Query, Request, Response

from argus_pipeline.batches.stages import Stage
from argus_pipeline.diagnosis.model import Outcome
from argus_pipeline.report.language import Language, language_from
from argus_pipeline.serve import shapes
from argus_pipeline.serve.access import ContextNow, Reader, ReaderNow, require
from argus_pipeline.serve.answers import answer, as_json, chosen, csv_text, json_bytes
from argus_pipeline.serve.batch_lists import MOST, Filters, Line, Page, list_batches
from argus_pipeline.serve.context import Context
from argus_pipeline.serve.problems import NotThere, Refused, documented, problem
from argus_pipeline.serve.progress import BEAT, event_stream, place_of, sse
from argus_pipeline.serve.tokens import JUDGE, VIN
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing

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
LINK_SECONDS: Final = 60
# So long a stream waits for a batch of which there is no run yet, from look to look.
_UNKNOWN_S: Final = 3.0

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

router = APIRouter(
    prefix="/api/v1", tags=["batches"], responses=documented(400, 401, 403, 404, 422, 429, 503)
)
NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "You have it."}}


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
    return as_json(request, reader, shown(reader, line), *_named(line.vehicle))


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
        from argus_pipeline.charts import charts_that_matter
        from argus_pipeline.report.writing import render
        from argus_pipeline.statistics import read_statistics

        drawings = {}
        if form == "html":
            try:
                names = charts_that_matter(read_statistics(context.store, batch))
            except ObjectMissing:
                names = ()  # as below
            for name in names:
                try:
                    drawings[name] = context.store.get(keys.chart(batch, name, "svg"))
                except ObjectMissing:
                    continue  # its data was deleted for its age: the text stays
        text = render(form, told.diagnosis, drawings, language)
        return hide(reader, text, told.diagnosis.vehicle, batch).encode(), tag

    kept = await context.shared.get(("report", batch, tag), make, fresh_s=math.inf)
    return kept.value, tag


def hide(reader: Reader, text: str, vehicle: str, batch: str) -> str:
    """A text about one batch as a reader may see it."""
    if reader.sees_vehicles:
        return text
    return reader.text(text.replace(batch, reader.batch(batch)), vehicle)


@router.get("/batches/{batch}/messages", response_model=shapes.MessagesShape,
            responses=NOT_MODIFIED)  # fmt: skip
async def messages(
    request: Request,
    context: ContextNow,
    reader: ReaderNow,
    batch: BatchId,
    recording: Annotated[str, Query(pattern=NAME, description="A recording of the batch.")],
    offset: Annotated[int, Query(ge=0, lt=2**63, description="In bytes, as evidence names it.")],
    table: Annotated[str, Query(pattern=NAME)] = "messages",
    before: Annotated[int, Query(ge=0, le=200)] = 15,
    after: Annotated[int, Query(ge=0, le=200)] = 15,
) -> Response:
    """Evidence in context: the messages before and after a byte offset of a recording."""
    found = await context.resolve(batch)
    line = await context.line(found)
    around = await read_messages(context, found, recording, offset, table, before, after)
    return as_json(
        request, reader, {"batch": reader.batch(found), **asdict(around)}, *_named(line.vehicle)
    )


async def read_messages(
    context: Context, batch: str, recording: str, offset: int, table: str, before: int, after: int
) -> Any:
    """The messages around an offset, read once for all who look at the same place."""
    from argus_pipeline.serve.messages import messages_around

    kept = await context.shared.get(
        ("messages", batch, recording, offset, table, before, after),
        lambda: (
            messages_around(
                *(context.store, batch, recording, offset),
                table=table,
                before=before,
                after=after,
            ),
            "",
        ),
        fresh_s=10.0,
    )
    return kept.value


@router.get("/batches/{batch}/statistics", response_model=shapes.NamesShape,
            responses=NOT_MODIFIED)  # fmt: skip
async def statistics_names(
    request: Request, context: ContextNow, reader: ReaderNow, batch: BatchId
) -> Response:
    """The statistics tables that there are of a batch."""
    found = await context.resolve(batch)
    names = await _names(context, keys.statistics(found, "").removesuffix(".parquet"), found)
    return as_json(request, reader, {"batch": reader.batch(found), "names": names})


@router.get(
    "/batches/{batch}/statistics/{name}",
    responses={
        200: {
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/RowsShape"}},
                "text/csv": {},
                "application/vnd.apache.parquet": {},
            }
        },
        **NOT_MODIFIED,
        **documented(406),
    },
    response_class=Response,
)
async def statistics(
    request: Request,
    context: ContextNow,
    reader: ReaderNow,
    batch: BatchId,
    name: Name,
    format: Annotated[TableForm | None, Query(description="Instead of Accept.")] = None,
) -> Response:
    """One statistics table as JSON, CSV or Parquet. Parquet takes the scope `vin`."""
    form = chosen(request, TABLE_FORMS, format)
    if form is None:
        return problem(406, "a table has other forms", expected=", ".join(TABLE_FORMS.values()))
    if form == "parquet":
        require(reader, VIN)
    found = await context.resolve(batch)
    line = await context.line(found)
    data = await _object(context, keys.statistics(found, name), f"statistics {name}")

    def make() -> bytes:
        import polars as pl

        if form == "parquet":
            return data
        frame = pl.read_parquet(io.BytesIO(data))
        rows = frame.to_dicts()
        if form == "json":
            return json_bytes(reader, {"rows": [_flat(row) for row in rows]}, *_named(line.vehicle))
        text = csv_text(frame.columns, rows)
        return reader.text(text, *_named(line.vehicle)).encode()

    return answer(request, await context.shared.run(make), TABLE_FORMS[form])


@router.get("/batches/{batch}/charts", response_model=shapes.NamesShape, responses=NOT_MODIFIED)
async def chart_names(
    request: Request, context: ContextNow, reader: ReaderNow, batch: BatchId
) -> Response:
    """The charts that there are of a batch."""
    found = await context.resolve(batch)
    names = await _names(context, keys.chart(found, "", "svg").removesuffix(".svg"), found)
    return as_json(request, reader, {"batch": reader.batch(found), "names": names})


@router.get(
    "/batches/{batch}/charts/{name}",
    responses={
        200: {"content": {kind.partition(";")[0]: {} for kind in CHART_FORMS.values()}},
        **NOT_MODIFIED,
        **documented(406),
    },
    response_class=Response,
)
async def chart(
    request: Request,
    context: ContextNow,
    reader: ReaderNow,
    batch: BatchId,
    name: Name,
    format: Annotated[ChartForm | None, Query(description="Instead of Accept.")] = None,
) -> Response:
    """One chart as SVG, PNG, or a page that works offline (PNG and page take the scope `vin`)."""
    form = chosen(request, CHART_FORMS, format)
    if form is None:
        return problem(406, "a chart has other forms", expected=", ".join(CHART_FORMS.values()))
    if form != "svg":
        require(reader, VIN)
    return await drawing(request, context, reader, await context.resolve(batch), name, form)


async def drawing(
    request: Request, context: Context, reader: Reader, batch: str, name: str, form: str = "svg"
) -> Response:
    """A chart in one form, as a reader may see it."""
    data = await _object(context, keys.chart(batch, name, form), f"chart {name}")
    headers = {"Content-Security-Policy": DRAWING_POLICY}
    if form == "html":
        # Its script is inline, and compiles: for a disk, not for this server's pages.
        headers["Content-Disposition"] = f'attachment; filename="{name}.html"'
    if form == "svg" and not reader.sees_vehicles:
        line = await context.line(batch)
        data = hide(reader, data.decode(), line.vehicle or "", batch).encode()
    return answer(request, data, CHART_FORMS[form], headers=headers)


@router.get("/batches/{batch}/links", response_model=shapes.LinkShape)
async def link(
    request: Request,
    context: ContextNow,
    reader: ReaderNow,
    batch: BatchId,
    recording: Annotated[str, Query(pattern=NAME)],
    table: Annotated[str, Query(pattern=NAME)] = "messages",
    format: Annotated[TableForm, Query(description="csv or parquet.")] = TableForm.csv,
) -> Response:
    """An address of a whole table in the bucket, good for a minute. Takes the scope `vin`."""
    require(reader, VIN)
    if format == "json":
        raise NotThere("a table has no such form", where="format", expected="csv or parquet")
    found = await context.resolve(batch)
    key = keys.table(found, recording, table, format)
    store = context.store
    if await context.shared.run(lambda: store.head(key)) is None:
        raise NotThere("there is no such table", where=f"{recording}, table {table}")
    values = {"Bucket": store.bucket, "Key": store.object_key(key)}
    url = store.client.generate_presigned_url("get_object", Params=values, ExpiresIn=LINK_SECONDS)
    content = json.dumps({"url": url, "seconds": LINK_SECONDS}).encode()
    return Response(content, media_type="application/json", headers={"Cache-Control": "no-store"})


@router.get("/batches/{batch}/feedback", response_model=shapes.FeedbacksShape,
            responses=NOT_MODIFIED)  # fmt: skip
async def feedback(
    request: Request, context: ContextNow, reader: ReaderNow, batch: BatchId
) -> Response:
    """What people said of the diagnosis, the newest first."""
    from argus_pipeline.diagnosis.feedback import feedback_on

    found = await context.resolve(batch)
    words = await context.shared.run(lambda: feedback_on(context.engine, found))
    content = {"batch": reader.batch(found), "feedback": [_said(word) for word in words]}
    return as_json(request, reader, content)


@router.post("/batches/{batch}/feedback", response_model=shapes.FeedbackShape, status_code=201,
             responses=documented(413))  # fmt: skip
async def judge(
    context: ContextNow, reader: ReaderNow, batch: BatchId, word: shapes.JudgementIn
) -> Response:
    """Confirm or correct a diagnosis. Takes a token with the scope `judge`; its name is kept."""
    found = await context.resolve(batch)
    kept = await keep_judgement(context, reader, found, word)
    return Response(json_bytes(reader, _said(kept)), 201, media_type="application/json")


async def keep_judgement(
    context: Context, reader: Reader, batch: str, word: shapes.JudgementIn
) -> Any:
    """Keep a person's word on a diagnosis.

    Raises:
        Refused: the reader may not judge, or the server may not write.
        NotThere: the batch has no diagnosis.
        BadInput: the word is not whole.
    """
    from argus_pipeline.diagnosis import feedback as room

    if not reader.signed_in:
        raise Refused("this takes a token with the scope judge", status=401)
    require(reader, JUDGE)
    writer = context.writer
    if writer is None:
        raise Refused("this server only reads", hint="docs/serve.md says which role it needs")
    await context.told(batch)

    def keep() -> Any:
        if word.judgement == "confirmed":
            return room.confirm(writer, batch, author=reader.name, note=word.note)
        given = word.model_dump(exclude={"judgement"})
        return room.correct(writer, batch, author=reader.name, **given)

    return await context.shared.run(keep)


@router.get(
    "/batches/{batch}/progress",
    responses={200: {"content": {"text/event-stream": {}}}},
    response_class=Response,
)
async def progress(
    context: ContextNow,
    reader: ReaderNow,
    batch: BatchId,
    last_event_id: Annotated[str | None, Header(max_length=32)] = None,
) -> Response:
    """The batch's progress as server-sent events; ends by itself when the batch has ended.

    `progress` events carry stage and detail; the id is the place in Dagster's event log. Coming
    back with Last-Event-ID brings all that was missed. `end` says that nothing more comes.
    """
    found = await context.resolve(batch)
    line = await context.line(found)
    return event_stream(_batch_events(context, reader, found, line, place_of(last_event_id)))


async def _batch_events(
    context: Context, reader: Reader, batch: str, line: Line, last: int | None
) -> AsyncIterator[bytes]:
    shown_id = reader.batch(batch)
    until = asyncio.get_running_loop().time() + context.options.stream_seconds

    def state(one: Line) -> dict[str, Any]:
        content = {"batch": shown_id, "stage": one.stage.value, "detail": one.detail}
        return {**content, "run": one.run_id, "ended": one.stage.is_final}

    yield b"retry: 2000\n\n"
    before: tuple[Stage, str] | None = None
    while line.run_id is None or context.watch is None:
        if (line.stage, line.detail) != before:
            yield sse("progress", state(line))
            before = (line.stage, line.detail)
        if line.stage.is_final:
            yield sse("end", state(line))
            return
        if asyncio.get_running_loop().time() > until:
            return
        await asyncio.sleep(_UNKNOWN_S)
        yield BEAT
        line = await context.line(batch)
    async for one in context.watch.listen(batch, last):
        if one is None:
            yield BEAT
        else:
            data = {**one.data(), "batch": shown_id}
            if one.change.stage.is_final:
                # What follows a failed run is not for its events to say.
                line = await _settled(context, batch, one.change.stage)
                data = {**data, **state(line), "run": one.change.run_id}
            yield sse("progress", data, one.change.id)
        if one is None or one.change.stage.is_final:
            line = await context.line(batch)
            if line.stage.is_final:
                yield sse("end", state(line))
                return
        if asyncio.get_running_loop().time() > until:
            return


async def _settled(context: Context, batch: str, stage: Stage) -> Line:
    """The batch once its lists know what the event said."""
    line = await context.line(batch)
    for _ in range(10):
        if stage is not Stage.DONE or line.stage is Stage.DONE:
            break
        await asyncio.sleep(0.3)
        line = await context.line(batch)
    return line


def shown(reader: Reader, line: Line) -> dict[str, Any]:
    """A line as a reader may see it."""
    content = shapes.batch_content(line)
    content["batch"] = reader.batch(line.batch)
    if line.vehicle is not None:
        content["vehicle"] = reader.vehicle(line.vehicle)
        content["detail"] = reader.text(line.detail, line.vehicle)
    return content


def _named(vehicle: str | None) -> tuple[str, ...]:
    return (vehicle,) if vehicle else ()


def aware(moment: datetime | None) -> datetime | None:
    """A time, in UTC where it does not say."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)


def _page_policy(form: str) -> dict[str, str]:
    # The page from the bucket brings its style and its images inside itself, and nothing runs.
    return {"Content-Security-Policy": DRAWING_POLICY} if form == "html" else {}


def _said(word: Any) -> dict[str, Any]:
    return {name: getattr(word, name) for name in shapes.FeedbackShape.model_fields}


async def _names(context: Context, prefix: str, batch: str) -> list[str]:
    def find() -> tuple[list[str], str]:
        found = {o.key.rpartition("/")[2].rpartition(".")[0] for o in context.store.list(prefix)}
        return sorted(found), ""

    kept = await context.shared.get(("names", prefix), find)
    if not kept.value:
        await context.line(batch)
    return kept.value


async def _object(context: Context, key: str, what: str) -> bytes:
    """An object of the bucket, kept by its ETag."""
    store = context.store

    def etag() -> str:
        head = store.head(key)
        return head.etag if head else ""

    try:
        kept = await context.shared.get(
            ("object", key), lambda: store.get_with_etag(key), etag=etag, fresh_s=10.0
        )
    except ObjectMissing:
        raise NotThere("there is no such thing of this batch", where=what) from None
    return kept.value


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v.total_seconds() if hasattr(v, "total_seconds") else v for k, v in row.items()}
