"""From a template to a page, in the reader's language."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import Request, Response
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.responses import RedirectResponse

from argus_pipeline.diagnosis.text import clean, moment
from argus_pipeline.report.html import inert
from argus_pipeline.report.language import Language, language_from
from argus_pipeline.serve.access import Reader, context_of
from argus_pipeline.serve.answers import answer
from argus_pipeline.serve.static_files import address_of
from argus_pipeline.serve.words import PageWords

LANGUAGE_COOKIE: Final = "argus_lang"
HTML: Final = "text/html; charset=utf-8"


def page_answer(request: Request, reader: Reader, template: str, **content: Any) -> Response:
    """A page by its template, as this reader may see it."""
    return html_answer(request, reader.text(render(request, reader, template, **content)))


def html_answer(request: Request, page: str | bytes, *, etag: str | None = None) -> Response:
    """A page that is made already. A language that was asked for stays for the pages after it."""
    body = page if isinstance(page, bytes) else page.encode("utf-8", "replace")
    response = answer(request, body, HTML, etag=etag)
    given = request.query_params.get("lang")
    if given in {one.value for one in Language}:
        response.set_cookie(LANGUAGE_COOKIE, given, httponly=True, samesite="lax", path="/")
    return response


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
        "sign_in": _sign_in(request),
        "asset": address_of,
        "moment": moment,
        "clip": clean,
        "address": lambda text: quote(text, safe=""),
    }
    return _environment().get_template(template).render(**given, **content)


def _sign_in(request: Request) -> str:
    """Where a token is handed in, with the way back to where the reader is."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return "/sign-in" if here in {"/", "/sign-in"} else f"/sign-in?{urlencode({'next': here})}"


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


def error_page(request: Request, problem: Response) -> Response:
    """An error for people, with the same status."""
    content = json.loads(bytes(problem.body))
    if content["status"] == 401 and request.method == "GET":
        return RedirectResponse(_sign_in(request), 303)
    page = render(request, Reader("", frozenset()), "problem.html.j2", problem=content)
    kept = {k: v for k, v in problem.headers.items() if k in {"retry-after", "allow"}}
    return Response(page, content["status"], media_type=HTML, headers=kept)


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
