"""Articles as rows of a CSV table, one column a field.

The cell of a list holds one entry a line. `firmware_min`, `firmware_max` or a prefix in `firmware`
limit the firmware, and `title_zh` and the like are the title in other languages.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any, Final

from argus_pipeline.errors import BadInput
from argus_pipeline.knowledge.articles import LISTS, Article

_FIELDS: Final = (
    *("id", "code", "platform", "firmware", "firmware_min", "firmware_max", "ecu", "title"),
    *(*LISTS, "source", "language", "confirmed"),
)
_TITLE: Final = "title_"
_TRUTHS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
# A whole list may stand in one cell.
_MAX_CELL: Final = 1_000_000


def read_table(text: str, *, where: str) -> Iterator[tuple[str, object]]:
    """The rows as entries, each with its place; commas, semicolons or tabs between the cells.

    Raises:
        BadInput: there is no header with at least `id` and `code`, or the table ends in a quote.
    """
    csv.field_size_limit(_MAX_CELL)
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        columns = [name.strip() for name in next(rows, [])]
        if not {"id", "code"} <= set(columns):
            raise BadInput(
                "has no header of articles", where=where, expected="columns " + ", ".join(_FIELDS)
            )
        if len(set(columns)) < len(columns):
            raise BadInput("has a column twice", where=where, expected="every column once")
        line = rows.line_num + 1
        for cells in rows:
            at = f"{where}: line {line}"
            line = rows.line_num + 1
            if any(cell.strip() for cell in cells):
                yield at, _entry(columns, cells)
    except csv.Error as error:
        raise BadInput(f"is not CSV: {error}", where=f"{where}: line {line}") from error


def write_table(articles: Iterable[Article]) -> str:
    """The articles as CSV, which `read_table` reads back."""
    rows: list[dict[str, str]] = []
    for article in articles:
        entry = article.to_entry()
        firmware = entry.pop("firmware", None)
        titles = {_TITLE + language: text for language, text in article.titles}
        entry.pop("titles", None)
        entry |= titles
        if isinstance(firmware, dict):
            entry |= {f"firmware_{bound}": version for bound, version in firmware.items()}
        elif firmware is not None:
            entry["firmware"] = firmware
        rows.append({name: _cell(value) for name, value in entry.items()})
    languages = sorted({name for row in rows for name in row if name.startswith(_TITLE)})
    at = _FIELDS.index("title") + 1
    written = io.StringIO(newline="")
    writer = csv.DictWriter(written, (*_FIELDS[:at], *languages, *_FIELDS[at:]), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def _entry(columns: list[str], cells: list[str]) -> object:
    if len(cells) != len(columns):
        # What parse_article refuses, with the row in the message.
        return cells
    entry: dict[str, Any] = {}
    firmware: dict[str, str] = {}
    titles: dict[str, str] = {}
    for column, cell in zip(columns, cells, strict=True):
        value = cell.strip()
        if not value:
            continue
        if column in {"firmware_min", "firmware_max"}:
            firmware[column.removeprefix("firmware_")] = value
        elif column.startswith(_TITLE):
            titles[column.removeprefix(_TITLE)] = value
        elif column in LISTS:
            entry[column] = [line.strip() for line in value.splitlines() if line.strip()]
        elif column == "confirmed":
            entry[column] = _TRUTHS.get(value.lower(), value)
        else:
            entry[column] = value
    if firmware:
        entry.setdefault("firmware", firmware)
    if titles:
        entry["titles"] = titles
    return entry


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        # A line is an entry, so one of several lines becomes one line.
        return "\n".join(" ".join(text.split()) for text in value)
    return str(value)
