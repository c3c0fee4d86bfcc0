"""Styles, script and icon. Their addresses change with their bytes, so a browser keeps them."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from typing import Final

from fastapi import APIRouter, Request, Response

from argus_pipeline.serve.answers import answer
from argus_pipeline.serve.problems import NotThere

STATIC: Final = {
    "serve.css": "text/css; charset=utf-8",
    "report.css": "text/css; charset=utf-8",
    "serve.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

router = APIRouter(include_in_schema=False)


@router.get("/static/{name}")
async def static(request: Request, name: str) -> Response:
    """Styles, script and icon. Their addresses change with their bytes."""
    if name not in STATIC:
        raise NotThere("there is no such file", where=name)
    headers = {}
    if request.query_params.get("v") == _digest(name):
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer(request, _asset(name), STATIC[name], headers=headers)


def address_of(name: str) -> str:
    """The address of a file in its present state."""
    return f"/static/{name}?v={_digest(name)}"


@cache
def state_of_files() -> str:
    """Tells one state of all files from another."""
    return "".join(_digest(name)[:4] for name in STATIC)


@cache
def _asset(name: str) -> bytes:
    room = "argus_pipeline.report" if name == "report.css" else "argus_pipeline.serve"
    folder = "templates" if name == "report.css" else "static"
    return resources.files(room).joinpath(folder, name).read_bytes()


@cache
def _digest(name: str) -> str:
    return hashlib.sha256(_asset(name)).hexdigest()[:12]
