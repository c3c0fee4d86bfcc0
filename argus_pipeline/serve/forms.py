"""What a form sends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs

from fastapi import Request

from argus_pipeline.diagnosis.text import clean
from argus_pipeline.errors import BadInput
from argus_pipeline.serve.parameters import aware

_FORM_BYTES: Final = 20_000
_ADDRESS: Final = 2_000


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of a form, each once.

    Raises:
        BadInput: it is too large.
    """
    body = await request.body()
    if len(body) > _FORM_BYTES:
        raise BadInput("the form is too large")
    read = parse_qs(body.decode("utf-8", "replace"), max_num_fields=20)
    return {name: values[0] for name, values in read.items()}


def own_address(given: str) -> str:
    """A path of this server that a reader wants to go on to, or the first page.

    What a browser would take for an address elsewhere is none: `//host` and `/\\host`.
    """
    plain = given.startswith("/") and given.isprintable() and len(given) <= _ADDRESS
    return given if plain and given[1:2] not in {"/", "\\"} else "/"


def day(text: str | None, where: str) -> datetime | None:
    """A day or a time that a form sent, in UTC where it does not say.

    Raises:
        BadInput: it is none.
    """
    if text is None:
        return None
    try:
        return aware(datetime.fromisoformat(text))
    except ValueError:
        raise BadInput(
            f"is {clean(text, 40)}", where=where, expected="a day such as 2026-11-23"
        ) from None
