"""In which form an answer is asked for, the strictest first; and how it is read.

Endpoints differ in what they take. The first rung asks for a JSON schema, the second for any JSON
object, the third for nothing but words; the names of parameters go from today's to the oldest.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Any, Final

_FENCE: Final = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)


class Rung(StrEnum):
    """How much of the form of an answer the endpoint itself looks after."""

    SCHEMA = "json_schema"
    OBJECT = "json_object"
    TEXT = "text"


def form(
    rung: Rung,
    schema: dict[str, Any] | None,
    *,
    max_tokens: int,
    temperature: float | None,
    streamed: bool,
) -> dict[str, Any]:
    """The parameters of a call on one rung."""
    given: dict[str, Any] = {}
    if temperature is not None:
        given["temperature"] = temperature
    if rung is Rung.TEXT:
        return {**given, "max_tokens": max_tokens}
    given["max_completion_tokens"] = max_tokens
    if streamed:
        given["stream_options"] = {"include_usage": True}
    if schema is not None:
        given["response_format"] = (
            {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": schema},
            }
            if rung is Rung.SCHEMA
            else {"type": "json_object"}
        )
    return given


def read_object(text: str) -> dict[str, Any]:
    """The JSON object of an answer, with or without a fence or words around it.

    Raises:
        ValueError: there is none.
    """
    fenced = _FENCE.search(text)
    body = fenced.group(1) if fenced else text
    start = body.find("{")
    if start < 0:
        raise ValueError("there is no JSON object in it")
    try:
        found, _ = json.JSONDecoder().raw_decode(body[start:])
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("it is not a JSON object")
    return found
