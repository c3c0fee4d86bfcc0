"""The pages for people: each one question, answered on top, with what it rests on below."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Annotated, Any, Final
from urllib.parse import parse_qs, quote, urlencode

from fastapi import APIRouter, Query, Request, Response
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from pydantic import ValidationError
from starlette.responses import RedirectResponse

from argus_pipeline.batches.stages import Stage
from argus_pipeline.diagnosis.model import Outcome
from argus_pipeline.diagnosis.text import clean, moment
from argus_pipeline.errors import BadInput
from argus_pipeline.report.html import inert
from argus_pipeline.report.language import Language, language_from
from argus_pipeline.serve import shapes
from argus_pipeline.serve.access import (
    COOKIE,
    ContextNow,
    Reader,
    ReaderNow,
    context_of,
    reader_of,
    signed_in,
)
from argus_pipeline.serve.answers import answer
from argus_pipeline.serve.api_batches import (
    CHART_FORMS,
    DRAWING_POLICY,
    NAME,
    BatchId,
    Name,
    Text,
    aware,
    drawing,
    hide,
    keep_judgement,
    read_list,
    read_messages,
)
from argus_pipeline.serve.api_fleet import read_answer, read_campaign, read_fleet, read_search
from argus_pipeline.serve.batch_lists import Filters
from argus_pipeline.serve.fleet_now import comparison, pairs
from argus_pipeline.serve.problems import NotThere, Refused
from argus_pipeline.serve.tokens import ASK, VIN
from argus_pipeline.serve.words import PageWords
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing

LANGUAGE_COOKIE: Final = "argus_lang"
HTML: Final = "text/html; charset=utf-8"
STATIC: Final = {
    "serve.css": "text/css; charset=utf-8",
    "report.css": "text/css; charset=utf-8",
    "serve.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_FORM_BYTES: Final = 20_000
_STEPS: Final = (
    *(Stage.UPLOADING, Stage.QUEUED, Stage.VERIFYING, Stage.PARSING, Stage.STATISTICS),
    *(Stage.CHARTS, Stage.DIAGNOSING, Stage.REPORTING, Stage.DONE),
)
_QUIET: Final = ("unchanged", "too little data")

router = APIRouter(include_in_schema=False)
Form = Annotated[str | None, Query(max_length=500)]


@router.get("/")
async def fleet_page(request: Request, context: ContextNow, reader: ReaderNow) -> Response:
    """The fleet now."""
    now = await read_fleet(context)
    return _page(request, reader, "fleet.html.j2", now=now)


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
        _day(chosen.get("since"), "since"),
        _day(chosen.get("until"), "until"),
    )
    page = await read_list(context, filters, cursor)
    older = "?" + urlencode({**chosen, "cursor": page.next}) if page.next else None
    return _page(
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
        return _page(
            *(request, reader, "arriving.html.j2"),
            line=line, steps=_STEPS[:-1], passed=passed, id=reader.batch(found),
        )  # fmt: skip
    said = await _feedback(context, found)
    tag = (
        f"{etag}-{language.value}-{reader.name}-{int(reader.signed_in)}"
        f"-{''.join(sorted(reader.scopes))}-{len(said)}-{_assets_tag()}"
    )

    def make() -> tuple[bytes, str]:
        from argus_pipeline.serve.reports import charts_of, page_content

        shown = reader.batch(found)
        content = page_content(told, language, shown, charts_of(told.diagnosis), reader.batch)
        page = render(request, reader, "batch.html.j2", id=shown, said=said, **content)
        return hide(reader, page, told.diagnosis.vehicle, found).encode("utf-8", "replace"), tag

    # The address matters too: the page leads to itself in the other language.
    key = ("page", found, tag, request.url.query)
    kept = await context.shared.get(key, make, fresh_s=math.inf)
    digest = hashlib.sha256(tag.encode()).hexdigest()[:32]
    return answer(request, kept.value, HTML, etag=digest)


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
    return _html(request, hide(reader, page, line.vehicle or "", found))


@router.get("/campaigns/{campaign}")
async def campaign_page(
    request: Request, context: ContextNow, reader: ReaderNow, campaign: str
) -> Response:
    """A campaign: may it go on, by which rule, what did the update change."""
    row = await read_campaign(context, campaign)

    def make() -> str:
        from argus_pipeline.charts.rate_ratios import rate
        from argus_pipeline.report import campaign as room
        from argus_pipeline.report.view import sentence

        sources = {source["firmware"] for source in row["sources"]}
        rows = [
            one
            for platform in row["platforms"]
            for one in comparison(context.engine, platform=platform, after=row["target"] or "")
            if one["firmware_before"] in sources and one["class"] not in _QUIET
        ]
        view = room.CampaignView(row, rows)
        charts = {
            name: f"/campaigns/{quote(campaign, safe='')}/charts/{name}.svg"
            for name in ("rate_ratios", "adoption")
        }
        return render(
            *(request, reader, "campaign_page.html.j2"),
            campaign=view,
            charts=charts,
            changes=view.changes[: room.MAX_CHANGES],
            changes_omitted=max(0, len(view.changes) - room.MAX_CHANGES),
            badges=room.BADGES,
            explanation=room.EXPLANATION,
            rate=rate,
            ratio=room.ratio_text,
            sentence=sentence,
        )

    return _html(request, reader.text(await context.shared.run(make)))


@router.get("/campaigns/{campaign}/charts/{name}.svg")
async def campaign_chart(
    request: Request, context: ContextNow, reader: ReaderNow, campaign: str, name: Name
) -> Response:
    """A chart of a campaign, out of its page in the bucket."""
    await read_campaign(context, campaign)

    def make() -> tuple[bytes, str]:
        from argus_pipeline.serve.campaign_charts import drawings_in

        try:
            page, etag = context.store.get_with_etag(keys.campaign_page(campaign))
        except ObjectMissing:
            return b"", ""
        return drawings_in(page).get(name, b""), etag

    kept = await context.shared.get(("campaign chart", campaign, name), make, fresh_s=10.0)
    if not kept.value:
        raise NotThere("there is no such chart", where=name)
    data = reader.text(kept.value.decode()).encode()
    headers = {"Content-Security-Policy": DRAWING_POLICY}
    return answer(request, data, CHART_FORMS["svg"], headers=headers)


@router.get("/compare")
async def compare_page(
    request: Request,
    context: ContextNow,
    reader: ReaderNow,
    platform: Text = None,
    before: Text = None,
    after: Text = None,
) -> Response:
    """Two firmwares of a platform; without them, which there are."""
    rows: list[dict[str, Any]] = []
    if platform and before and after:
        rows = await context.shared.run(
            lambda: comparison(context.engine, platform=platform, before=before, after=after)
        )
    every = await context.shared.run(lambda: pairs(context.engine))

    def number(value: float | None) -> str:
        from argus_pipeline.charts.rate_ratios import rate

        return "∞" if value == math.inf else "–" if value is None else rate(value)

    return _page(
        *(request, reader, "compare.html.j2"),
        loud=[row for row in rows if row["class"] not in _QUIET],
        quiet=[row for row in rows if row["class"] in _QUIET],
        pairs=every,
        platform=platform or "",
        before=before or "",
        after=after or "",
        number=number,
    )


@router.get("/search")
async def search_page(
    request: Request,
    context: ContextNow,
    reader: ReaderNow,
    q: Form = None,
    platform: Text = None,
    firmware: Text = None,
    ask: Text = None,
) -> Response:
    """Search, and an answer where the question is to be answered."""
    words = (q or "").replace("\0", "").strip()
    found, answered = None, None
    if words:
        given = (platform or None, firmware or None)
        found = await read_search(context, words, *given)
        if ask and ASK in reader.scopes:
            asked = shapes.QuestionIn(
                question=words, batch=None, platform=given[0], firmware=given[1]
            )
            answered = await read_answer(context, reader, asked)
    return _page(
        *(request, reader, "search.html.j2"),
        q=words, platform=platform or "", firmware=firmware or "", found=found, answered=answered,
        may_ask=ASK in reader.scopes,
    )  # fmt: skip


@router.post("/batches/{batch}/feedback")
async def judge_page(
    request: Request, context: ContextNow, reader: ReaderNow, batch: BatchId
) -> Response:
    """A person's word on a diagnosis, from the form below the report."""
    form = await _form(request)
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


@router.get("/sign-in")
async def sign_in_page(request: Request) -> Response:
    """Where a token is handed in."""
    reader = await _reader_or_nobody(request)
    return _page(request, reader, "sign_in.html.j2", wrong=False)


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Keep a token that opens something in a cookie that no script can read."""
    form = await _form(request)
    token = form.get("token", "").strip()
    try:
        await signed_in(context_of(request), token)
    except Refused:
        nobody = Reader("", frozenset())
        page = render(request, nobody, "sign_in.html.j2", wrong=True)
        return Response(page, 401, media_type=HTML)
    answered = RedirectResponse("/", 303)
    answered.set_cookie(
        COOKIE, token, httponly=True, samesite="strict", path="/",
        secure=request.url.scheme == "https", max_age=30 * 86400,
    )  # fmt: skip
    return answered


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """Forget the token."""
    answered = RedirectResponse("/sign-in", 303)
    answered.delete_cookie(COOKIE, path="/")
    return answered


@router.get("/static/{name}")
async def static(request: Request, name: str) -> Response:
    """Styles, script and icon. Their addresses change with their bytes."""
    if name not in STATIC:
        raise NotThere("there is no such file", where=name)
    headers = {}
    if request.query_params.get("v") == _digest(name):
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer(request, _asset(name), STATIC[name], headers=headers)


def error_page(request: Request, problem: Response) -> Response:
    """An error for people, with the same status."""
    content = json.loads(bytes(problem.body))
    if content["status"] == 401 and request.method == "GET":
        return RedirectResponse("/sign-in", 303)
    page = render(request, Reader("", frozenset()), "problem.html.j2", problem=content)
    kept = {k: v for k, v in problem.headers.items() if k in {"retry-after", "allow"}}
    return Response(page, content["status"], media_type=HTML, headers=kept)


def language_of(request: Request) -> Language:
    """The language of a page: asked for, kept, wished by the browser, or the server's."""
    known = {one.value: one for one in Language}
    for given in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if given in known:
            return known[given]
    for part in request.headers.get("accept-language", "").split(",")[:10]:
        tag = part.partition(";")[0].strip().lower().partition("-")[0]
        if tag in known:
            return known[tag]
    return language_from(context_of(request).settings)


def render(request: Request, reader: Reader, template: str, **content: Any) -> str:
    """A page by its template; every text in it is one harmless line."""
    language = language_of(request)
    other = Language.ENGLISH if language is Language.CHINESE else Language.CHINESE
    query = {k: v for k, v in request.query_params.items() if k not in {"lang", "cursor"}}
    given = {
        "w": PageWords(language),
        "reader": reader,
        "path": request.url.path,
        "other_language": other.value,
        "other_address": "?" + urlencode({**query, "lang": other.value}),
        "asset": _address,
        "moment": moment,
        "clip": clean,
        "address": lambda text: quote(text, safe=""),
    }
    return _environment().get_template(template).render(**given, **content)


def _page(request: Request, reader: Reader, template: str, **content: Any) -> Response:
    return _html(request, reader.text(render(request, reader, template, **content)))


def _html(request: Request, page: str) -> Response:
    response = answer(request, page.encode("utf-8", "replace"), HTML)
    given = request.query_params.get("lang")
    if given in {one.value for one in Language}:
        response.set_cookie(LANGUAGE_COOKIE, given, httponly=True, samesite="lax", path="/")
    return response


async def _feedback(context: Any, batch: str) -> list[Any]:
    from argus_pipeline.diagnosis.feedback import feedback_on

    kept = await context.shared.get(
        ("feedback", batch), lambda: (feedback_on(context.engine, batch, limit=20), "")
    )
    found: list[Any] = kept.value
    return found


async def _form(request: Request) -> Mapping[str, str]:
    body = await request.body()
    if len(body) > _FORM_BYTES:
        raise BadInput("the form is too large")
    read = parse_qs(body.decode("utf-8", "replace"), max_num_fields=20)
    return {name: values[0] for name, values in read.items()}


async def _reader_or_nobody(request: Request) -> Reader:
    try:
        return await reader_of(request)
    except Refused:
        return Reader("", frozenset())


def _day(text: str | None, where: str) -> datetime | None:
    if text is None:
        return None
    try:
        return aware(datetime.fromisoformat(text))
    except ValueError:
        raise BadInput(
            f"is {clean(text, 40)}", where=where, expected="a day such as 2026-11-23"
        ) from None


@cache
def _environment() -> Environment:
    made = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("argus_pipeline.serve", "templates"),
                PackageLoader("argus_pipeline.report", "templates"),
            ]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=inert,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["parameters"] = urlencode
    made.globals["dict"] = dict
    return made


@cache
def _asset(name: str) -> bytes:
    room = "argus_pipeline.report" if name == "report.css" else "argus_pipeline.serve"
    folder = "templates" if name == "report.css" else "static"
    return resources.files(room).joinpath(folder, name).read_bytes()


@cache
def _digest(name: str) -> str:
    return hashlib.sha256(_asset(name)).hexdigest()[:12]


@cache
def _assets_tag() -> str:
    return "".join(_digest(name)[:4] for name in STATIC)


def _address(name: str) -> str:
    return f"/static/{name}?v={_digest(name)}"
