"""The page where a token is handed in."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from argus_pipeline.serve.access import COOKIE, Reader, context_of, reader_of, signed_in
from argus_pipeline.serve.forms import read_form
from argus_pipeline.serve.problems import Refused
from argus_pipeline.serve.rendering import HTML, page_answer, render

router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
async def sign_in_page(request: Request) -> Response:
    """Where a token is handed in."""
    reader = await _reader_or_nobody(request)
    return page_answer(request, reader, "sign_in.html.j2", wrong=False)


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Keep a token that opens something in a cookie that no script can read."""
    form = await read_form(request)
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


async def _reader_or_nobody(request: Request) -> Reader:
    try:
        return await reader_of(request)
    except Refused:
        return Reader("", frozenset())
