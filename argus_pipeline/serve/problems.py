"""Errors as problem+json (RFC 9457), made of Argus's own: what, where, expected, hint."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from argus_pipeline.diagnosis.text import clean
from argus_pipeline.errors import ArgusError, BadInput, Unavailable
from argus_pipeline.serve.masking import masked
from argus_pipeline.storage.object_store import ObjectMissing

MEDIA_TYPE: Final = "application/problem+json"
_MAX: Final = 500


class NotThere(ArgusError):
    """What was asked for does not exist, or not for this reader."""


class Refused(ArgusError):
    """This reader may not have it. `status` is 401 where a token would help, 403 where none."""

    def __init__(self, what: str, *, status: int = 403, hint: str | None = None) -> None:
        super().__init__(what, hint=hint)
        self.status = status


class Problem(BaseModel):
    """What went wrong, for people and programs."""

    type: str = Field("about:blank", description="Always about:blank: title and detail say it.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong, in one sentence.")
    where: str | None = Field(None, description="The field or thing that it concerns.")
    expected: str | None = Field(None, description="What would have been right.")
    hint: str | None = Field(None, description="What to do now.")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What the OpenAPI document says of these statuses."""
    return {
        status: {
            "model": Problem,
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def status_of(error: ArgusError) -> int:
    """The HTTP status of an error."""
    if isinstance(error, Refused):
        return error.status
    if isinstance(error, NotThere | ObjectMissing):
        return 404
    if isinstance(error, Unavailable):
        return 503
    return 422 if isinstance(error, BadInput) else 500


def problem(
    status: int,
    detail: str,
    *,
    where: str | None = None,
    expected: str | None = None,
    hint: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """An answer that says what is wrong; values from outside are made one harmless line.

    Who asks is not known here, and knows what was asked: names of vehicles are hidden from all.
    """
    given = {"where": where, "expected": expected, "hint": hint}
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": clean(masked(detail), _MAX),
        **{name: clean(masked(text), _MAX) for name, text in given.items() if text},
    }
    return JSONResponse(content, status, headers, MEDIA_TYPE)


def problem_of(error: ArgusError) -> Response:
    """The same for one of Argus's errors. What is wrong inside is told to the log only."""
    status = status_of(error)
    headers = {503: {"Retry-After": "5"}, 401: {"WWW-Authenticate": "Bearer"}}.get(status)
    if isinstance(error, Unavailable | ObjectMissing):
        # Addresses of the database and the bucket are nothing for readers.
        what = "a store does not answer" if status == 503 else "there is no such object"
        return problem(status, what, hint="Try again in a few seconds", headers=headers)
    if status == 500:
        return problem(500, "this went wrong on the server; its log says why")
    return problem(
        status, error.what, where=error.where, expected=error.expected, hint=error.hint,
        headers=headers,
    )  # fmt: skip


def http_problem(error: HTTPException) -> Response:
    """The same for what the framework itself refuses."""
    return problem(error.status_code, str(error.detail), headers=dict(error.headers or {}))


def validation_problem(error: RequestValidationError) -> Response:
    """The same for parameters that are not as documented; the first of them is told."""
    first = error.errors()[0] if error.errors() else {}
    where = ".".join(str(part) for part in first.get("loc", ()))
    return problem(422, str(first.get("msg", "the request is not as documented")), where=where)


def is_api(request: Request) -> bool:
    """Whether a program asks; pages answer people in HTML."""
    return request.url.path.startswith(("/api/", "/health", "/metrics"))


def handle_problems(app: FastAPI, page: Any) -> None:
    """Answer every error in one form; `page(request, response)` turns it into HTML for people."""

    def answer(request: Request, response: Response) -> Response:
        made: Response = response if is_api(request) else page(request, response)
        return made

    @app.exception_handler(ArgusError)
    def _argus(request: Request, error: Exception) -> Response:
        assert isinstance(error, ArgusError)
        if status_of(error) >= 500:
            _log_error(request, error)
        return answer(request, problem_of(error))

    @app.exception_handler(Exception)
    def _any(request: Request, error: Exception) -> Response:
        # The server's log has it; what it says is nothing for readers.
        return answer(request, problem(500, "this went wrong on the server; its log says why"))

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return answer(request, http_problem(error))

    @app.exception_handler(RequestValidationError)
    def _validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return answer(request, validation_problem(error))


def _log_error(request: Request, error: ArgusError) -> None:
    import logging

    logging.getLogger(__name__).warning("%s: %s", request.url.path, error)
