"""The API over all batches: the fleet now, comparison, campaigns, search, questions, health."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import Engine, text

from argus_pipeline.database.engine import translated
from argus_pipeline.database.models import CLASSES
from argus_pipeline.errors import ArgusError
from argus_pipeline.serve import shapes
from argus_pipeline.serve.access import ContextNow, Reader, ReaderNow, require
from argus_pipeline.serve.answers import answer, as_json, chosen, csv_text, json_bytes
from argus_pipeline.serve.api_batches import shown
from argus_pipeline.serve.context import Context
from argus_pipeline.serve.fleet_now import FleetNow, campaigns, comparison, fleet_now, overdue_now
from argus_pipeline.serve.gauges import expose
from argus_pipeline.serve.parameters import NOT_MODIFIED, TABLE_FORMS, TableForm, Text
from argus_pipeline.serve.problems import NotThere, documented, problem
from argus_pipeline.serve.tokens import ASK

_COMPARISON: Final = {name: TABLE_FORMS[name] for name in ("json", "csv")}
router = APIRouter(
    prefix="/api/v1", tags=["fleet"], responses=documented(400, 401, 403, 404, 422, 429, 503)
)
outside = APIRouter(tags=["server"])
Query500 = Annotated[str, Query(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]


@router.get("/fleet", response_model=shapes.FleetShape, responses=NOT_MODIFIED)
async def fleet(request: Request, context: ContextNow, reader: ReaderNow) -> Response:
    """The fleet now: what goes on, what stopped, what got worse, which campaigns hold."""
    now = await read_fleet(context)
    lists = {
        name: [shown(reader, line) for line in getattr(now, name)]
        for name in ("going_on", "stopped", "newest")
    }
    rest = {name: getattr(now, name) for name in ("overdue", "worse", "campaigns", "batches")}
    content = {"wrong": now.wrong, **lists, **rest, "last_arrival": now.last_arrival}
    return as_json(request, reader, content)


async def read_fleet(context: Context) -> FleetNow:
    """The same for pages, at most a few seconds old."""
    bucket = await context.bucket()
    # It counts by minutes, and takes as long as the archive is large.
    late = await context.shared.get(
        "overdue", lambda: (overdue_now(context.engine), ""), fresh_s=10.0, stale_s=120.0
    )
    kept = await context.shared.get(
        "fleet",
        lambda: (
            fleet_now(context.engine, context.runs, bucket, context.exact, late.value),
            "",
        ),
    )
    return kept.value


@router.get(
    "/firmware_comparison",
    responses={
        200: {
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/RowsShape"}},
                "text/csv": {},
            }
        },
        **NOT_MODIFIED,
        **documented(406),
    },
    response_class=Response,
)
async def firmware_comparison(
    request: Request,
    context: ContextNow,
    reader: ReaderNow,
    platform: Text = None,
    before: Text = None,
    after: Text = None,
    fault: Annotated[str | None, Query(max_length=500, pattern=r"^[^\x00]*$")] = None,
    class_: Annotated[str | None, Query(alias="class", pattern=f"^({'|'.join(CLASSES)})$")] = None,
    format: Annotated[TableForm | None, Query(description="json or csv.")] = None,
) -> Response:
    """Each fault before and after an update of a platform; what got worse first, 500 at the most.

    A ratio is null where it is infinite, since JSON knows no infinity: nothing was before.
    """
    form = chosen(request, _COMPARISON, format)
    if form is None:
        return problem(406, "the comparison has other forms", expected="JSON or CSV")
    rows = await context.shared.run(
        lambda: comparison(
            context.engine,
            platform=platform,
            before=before,
            after=after,
            fault=fault,
            class_=class_,
        )
    )
    if form == "csv":
        body = reader.text(csv_text(list(rows[0]) if rows else [], rows)).encode()
        return answer(request, body, TABLE_FORMS["csv"])
    return as_json(request, reader, {"rows": rows})


@router.get("/campaigns", response_model=shapes.RowsShape, responses=NOT_MODIFIED)
async def all_campaigns(request: Request, context: ContextNow, reader: ReaderNow) -> Response:
    """How all campaigns are doing, and by which rules."""
    rows = await context.shared.run(lambda: campaigns(context.engine))
    return as_json(request, reader, {"rows": rows})


@router.get("/campaigns/{campaign}", response_model=dict[str, Any], responses=NOT_MODIFIED)
async def one_campaign(
    request: Request, context: ContextNow, reader: ReaderNow, campaign: str
) -> Response:
    """How one campaign is doing."""
    return as_json(request, reader, await read_campaign(context, campaign))


async def read_campaign(context: Context, campaign: str) -> dict[str, Any]:
    """A campaign's row.

    Raises:
        NotThere: there is none of this name.
    """
    if "\0" in campaign or len(campaign) > 128:
        raise NotThere("there is no such campaign")
    rows = await context.shared.run(lambda: campaigns(context.engine, campaign))
    if not rows:
        raise NotThere("there is no such campaign", where=campaign)
    return rows[0]


@router.get("/search", response_model=shapes.FoundShape, responses=NOT_MODIFIED)
async def search_all(
    request: Request,
    context: ContextNow,
    reader: ReaderNow,
    q: Query500,
    platform: Text = None,
    firmware: Text = None,
) -> Response:
    """Articles, past diagnoses and batches for codes and words: was this seen before?"""
    found = await read_search(context, q, platform, firmware)
    return as_json(request, reader, found_content(reader, found))


async def read_search(
    context: Context, query: str, platform: str | None, firmware: str | None
) -> Any:
    """What a search finds, made once for all who ask the same within seconds."""
    from argus_pipeline.serve.searching import search

    bucket = await context.bucket()
    kept = await context.shared.get(
        ("search", query, platform, firmware),
        lambda: (search(context, bucket, query, platform, firmware), ""),
        fresh_s=5.0,
    )
    return kept.value


def found_content(reader: Reader, found: Any) -> dict[str, Any]:
    """What was found as a reader may see it."""
    return {
        "codes": list(found.codes),
        "articles": [
            {**asdict(match.article), "step": match.step.value, "caveat": match.caveat}
            for match in found.articles
        ],
        "past": [
            {
                **asdict(one),
                "batch": reader.batch(one.batch),
                "standing": one.standing.value,
                "cause": reader.about(one.batch, None, one.cause),
                "note": reader.about(one.batch, None, one.note),
            }
            for one in found.past
        ],
        "batches": [shown(reader, line) for line in found.batches],
        "notes": list(found.notes),
    }


@router.post("/questions", response_model=shapes.AnswerShape, responses=documented(413))
async def question(context: ContextNow, reader: ReaderNow, asked: shapes.QuestionIn) -> Response:
    """A question in words; each sentence of the answer cites what it rests on. Takes `ask`."""
    answered = await read_answer(context, reader, asked)
    return Response(json_bytes(reader, answered), media_type="application/json")


async def read_answer(context: Context, reader: Reader, asked: shapes.QuestionIn) -> dict[str, Any]:
    """The answer to a question.

    Raises:
        Refused: the reader may not ask.
        NotThere: the batch has no diagnosis.
    """
    from argus_pipeline.serve.searching import ask

    require(reader, ASK)
    batch = await context.resolve(asked.batch) if asked.batch else None
    found = await context.shared.get(
        ("ask", asked.question, batch, asked.platform, asked.firmware),
        lambda: (ask(context, asked.question, batch, asked.platform, asked.firmware), ""),
        fresh_s=30.0,
    )
    content: dict[str, Any] = found.value.content()
    return content


@outside.get("/health", response_model=shapes.HealthShape,
             responses={503: {"model": shapes.HealthShape}})  # fmt: skip
async def health(context: ContextNow) -> Response:
    """Whether database, bucket and Dagster's tables answer; 503 where one does not."""

    def look() -> tuple[dict[str, bool], str]:
        found = {"database": _answers(context.engine), "store": _has_bucket(context)}
        return {**found, "runs": context.runs is not None and _answers(context.runs)}, ""

    kept = await context.shared.get("health", look, fresh_s=2.0)
    ok = kept.value["database"] and kept.value["store"]
    body = json_bytes(Reader("", frozenset()), {"ok": ok, **kept.value})
    return Response(body, 200 if ok else 503, media_type="application/json")


@outside.get("/metrics", response_class=Response,
             responses={200: {"content": {"text/plain": {}}}, **documented(401)})  # fmt: skip
async def metrics(request: Request, context: ContextNow, reader: ReaderNow) -> Response:
    """This process's own figures for Prometheus; `argus metrics` has those of the pipeline."""
    listeners = context.watch.listeners if context.watch else 0
    body = expose(request.app.state.meter, context.shared, listeners)
    return Response(body, media_type=CONTENT_TYPE_LATEST)


def _answers(engine: Engine) -> bool:
    try:
        with translated(engine), engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except ArgusError:
        return False
    return True


def _has_bucket(context: Context) -> bool:
    try:
        context.store.head("fleet/campaign_health.parquet")
    except ArgusError:
        return False
    return True
