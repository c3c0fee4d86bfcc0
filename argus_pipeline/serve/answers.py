"""Answers with an ETag: whoever has the same already gets 304 and no body."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import Request, Response

from argus_pipeline.serve.access import Reader

JSON: Final = "application/json"
_VARY: Final = "Accept, Accept-Language, Authorization, Cookie"


def answer(
    request: Request,
    body: bytes,
    media_type: str,
    *,
    etag: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The body, or 304 where the reader has it. Without an ETag that of the bytes is taken."""
    tag = f'"{etag or hashlib.sha256(body).hexdigest()[:32]}"'
    carried = {
        "ETag": tag,
        "Cache-Control": "private, max-age=0, must-revalidate",
        "Vary": _VARY,
        **(headers or {}),
    }
    given = request.headers.get("if-none-match", "")
    if given and (given.strip() == "*" or tag in {part.strip().removeprefix("W/")
                                                  for part in given.split(",")}):  # fmt: skip
        return Response(status_code=304, headers=carried)
    return Response(body, media_type=media_type, headers=carried)


def as_json(request: Request, reader: Reader, content: Any, *vehicles: str) -> Response:
    """JSON as this reader may see it."""
    return answer(request, json_bytes(reader, content, *vehicles), JSON)


def json_bytes(reader: Reader, content: Any, *vehicles: str) -> bytes:
    """The same as bytes. Names are hidden in texts only: a field keeps its name."""
    told = as_told(content, lambda text: reader.text(text, *vehicles))
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


def as_told(value: Any, told: Callable[[str], str]) -> Any:
    """The value as JSON has it, each text of it as `told` makes it; null for what is no number."""
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Mapping):
        return {key: as_told(item, told) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_told(item, told) for item in value]
    if isinstance(value, frozenset | set):
        return [as_told(item, told) for item in sorted(value)]
    return told(value if isinstance(value, str) else plain(value))


def plain(value: Any) -> Any:
    """Times as JSON has them."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, frozenset | set):
        return sorted(value)
    return str(value)


def chosen(request: Request, offered: Mapping[str, str], asked: str | None = None) -> str | None:
    """Which of the forms a reader wants: by name, else by Accept; None where none fits.

    Args:
        request: whose Accept header counts.
        offered: media types by the names of forms; the first is the usual one.
        asked: a form by its name.
    """
    if asked is not None:
        return asked if asked in offered else None
    accept = request.headers.get("accept", "*/*")
    wishes = []
    for place, part in enumerate(accept.split(",")[:20]):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        if weight > 0:
            wishes.append((-weight, place, media.lower()))
    for _, _, media in sorted(wishes):
        for form, kind in offered.items():
            bare = kind.partition(";")[0]
            if media in {"*/*", "", bare} or media == f"{bare.partition('/')[0]}/*":
                return form
    return None


def csv_text(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV; texts that a spreadsheet would run get an apostrophe."""
    # Arrow comes with it: a process that only lists and tells progress does without.
    from argus_pipeline.recordings.spreadsheet import harmless_text

    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        cells = (_cell(row[name]) for name in columns)
        writer.writerow([harmless_text(c) if isinstance(c, str) else c for c in cells])
    return out.getvalue()


def _cell(value: Any) -> Any:
    """A value as CSV has it."""
    if value is None or isinstance(value, int | float | bool):
        return value
    if isinstance(value, list | dict):
        return json.dumps(value, default=plain, ensure_ascii=False)
    return value if isinstance(value, str) else plain(value)
