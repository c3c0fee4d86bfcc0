"""The page where a token is handed in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import RedirectResponse

from argus_pipeline.serve.access import COOKIE, Reader, context_of, reader_of, signed_in
from argus_pipeline.serve.forms import own_address, read_form
from argus_pipeline.serve.problems import Refused
from argus_pipeline.serve.rendering import HTML, page_answer, render

router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
async def sign_in_page(
    request: Request, after: Annotated[str, Query(alias="next", max_length=2_000)] = "/"
) -> Response:
    """Where a token is handed in; `next` is the page that the reader came from."""
    reader = await _reader_or_nobody(request)
    return page_answer(request, reader, "sign_in.html.j2", wrong=False, after=own_address(after))


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Keep a token that opens something in a cookie that no script can read."""
    form = await read_form(request)
    token, after = form.get("token", "").strip(), own_address(form.get("next", "/"))
    try:
        await signed_in(context_of(request), token)
    except Refused:
        nobody = Reader("", frozenset())
        page = render(request, nobody, "sign_in.html.j2", wrong=True, after=after)
        return Response(page, 401, media_type=HTML)
    answered = RedirectResponse(after, 303)
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


async def _reader_or_nobody(request: Request) -> Reader:
    try:
        return await reader_of(request)
    except Refused:
        return Reader("", frozenset())
