"""The API of what was made of a batch: messages, statistics, charts."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from argus_pipeline.serve import shapes
from argus_pipeline.serve.access import ContextNow, Reader, ReaderNow, require
from argus_pipeline.serve.answers import answer, as_json, chosen, csv_text, json_bytes
from argus_pipeline.serve.context import Context
from argus_pipeline.serve.masking import names_in
from argus_pipeline.serve.parameters import (
    CHART_FORMS,
    DRAWING_POLICY,
    NAME,
    NOT_MODIFIED,
    TABLE_FORMS,
    BatchId,
    ChartForm,
    Name,
    TableForm,
)
from argus_pipeline.serve.problems import NotThere, documented, problem
from argus_pipeline.serve.tokens import VIN
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing

LINK_SECONDS: Final = 60

router = APIRouter(
    prefix="/api/v1", tags=["batches"], responses=documented(400, 401, 403, 404, 422, 429, 503)
)


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
    content = {"batch": reader.batch(found), **asdict(around)}
    return as_json(request, reader, content, *names_in(found, line.vehicle))


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
    data = await kept_object(context, keys.statistics(found, name), f"statistics {name}")

    def make() -> bytes:
        import polars as pl

        if form == "parquet":
            return data
        frame = pl.read_parquet(io.BytesIO(data))
        rows, hidden = frame.to_dicts(), names_in(found, line.vehicle)
        if form == "json":
            return json_bytes(reader, {"rows": [_flat(row) for row in rows]}, *hidden)
        return reader.text(csv_text(frame.columns, rows), *hidden).encode()

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
    data = await kept_object(context, keys.chart(batch, name, form), f"chart {name}")
    headers = {"Content-Security-Policy": DRAWING_POLICY}
    if form == "html":
        # Its script is inline, and compiles: for a disk, not for this server's pages.
        headers["Content-Disposition"] = f'attachment; filename="{name}.html"'
    if form == "svg" and not reader.sees_vehicles:
        line = await context.line(batch)
        data = reader.about(batch, line.vehicle, data.decode()).encode()
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


async def _names(context: Context, prefix: str, batch: str) -> list[str]:
    def find() -> tuple[list[str], str]:
        found = {o.key.rpartition("/")[2].rpartition(".")[0] for o in context.store.list(prefix)}
        return sorted(found), ""

    kept = await context.shared.get(("names", prefix), find)
    if not kept.value:
        await context.line(batch)
    return kept.value


async def kept_object(
    context: Context, key: str, what: str, missing: str = "there is no such thing of this batch"
) -> bytes:
    """An object of the bucket, kept by its ETag.

    Raises:
        NotThere: there is none, in the words of `missing`.
    """
    store = context.store

    def etag() -> str:
        head = store.head(key)
        return head.etag if head else ""

    try:
        kept = await context.shared.get(
            ("object", key), lambda: store.get_with_etag(key), etag=etag, fresh_s=10.0
        )
    except ObjectMissing:
        raise NotThere(missing, where=what) from None
    return kept.value


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v.total_seconds() if hasattr(v, "total_seconds") else v for k, v in row.items()}
