"""The pages over all batches: the fleet now, campaigns, comparison, search."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from argus_pipeline.serve import shapes
from argus_pipeline.serve.access import ContextNow, ReaderNow
from argus_pipeline.serve.answers import answer
from argus_pipeline.serve.api_data import kept_object
from argus_pipeline.serve.api_fleet import read_answer, read_campaign, read_fleet, read_search
from argus_pipeline.serve.fleet_now import comparison, pairs
from argus_pipeline.serve.parameters import CHART_FORMS, DRAWING_POLICY, Name, Text
from argus_pipeline.serve.rendering import html_answer, page_answer, render
from argus_pipeline.serve.tokens import ASK
from argus_pipeline.storage import keys

_QUIET: Final = ("unchanged", "too little data")

router = APIRouter(include_in_schema=False)
Form = Annotated[str | None, Query(max_length=500)]


@router.get("/")
async def fleet_page(request: Request, context: ContextNow, reader: ReaderNow) -> Response:
    """The fleet now."""
    now = await read_fleet(context)
    return page_answer(request, reader, "fleet.html.j2", now=now)


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

    return html_answer(request, reader.text(await context.shared.run(make)))


@router.get("/campaigns/{campaign}/charts/{name}.svg")
async def campaign_chart(
    request: Request, context: ContextNow, reader: ReaderNow, campaign: str, name: Name
) -> Response:
    """A chart of a campaign."""
    await read_campaign(context, campaign)
    key = keys.campaign_chart(campaign, name)
    kept = await kept_object(context, key, name, "there is no such chart")
    data = reader.text(kept.decode()).encode()
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

    return page_answer(
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
    return page_answer(
        *(request, reader, "search.html.j2"),
        q=words, platform=platform or "", firmware=firmware or "", found=found, answered=answered,
        may_ask=ASK in reader.scopes,
    )  # fmt: skip
