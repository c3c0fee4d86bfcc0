"""Compares tables that Argus wrote as CSV with what the independent decoders read."""

from __future__ import annotations

import csv
import io
import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from oracle import dlt

Row = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = {
    *("storage_time", "ecu_time", "time", "sent", "received", "sample_time"),
    *("start", "end", "first_storage_time", "last_storage_time"),
}


def read_csv(content: bytes) -> list[dict[str, str]]:
    """The rows of a CSV with a header; texts may hold line breaks."""
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def dlt_differences(content: bytes, messages: Sequence[Row]) -> list[str]:
    """Where `messages.csv` says something else than the decoded messages; empty where nowhere.

    Texts of control messages are compared for software versions only.
    """
    return list(_differences(read_csv(content), messages, _dlt_expected, _same_text))


def rec_differences(content: bytes, rows: Sequence[Row]) -> list[str]:
    """Where the CSV of a `.rec` table says something else than the decoded rows."""
    return row_differences(read_csv(content), rows)


def row_differences(found: Sequence[dict[str, str]], rows: Sequence[Row]) -> list[str]:
    """Where rows of a CSV, of any table, say something else than these."""
    return list(_differences(found, rows, lambda row: row, lambda _, a, b: a == b))


def _differences(
    found: Sequence[dict[str, str]],
    decoded: Sequence[Row],
    expected: Callable[[Row], Row],
    same_text: Callable[[Row, str, str], bool],
) -> Iterator[str]:
    if len(found) != len(decoded):
        yield f"{len(found)} rows instead of {len(decoded)}"
    for index, (ours, row) in enumerate(zip(found, decoded, strict=False)):
        for column, value in expected(row).items():
            shown = ours.get(column)
            if shown is None:
                yield f"row {index}: there is no column {column}"
            elif not _same(column, value, shown, lambda a, b, row=row: same_text(row, a, b)):
                yield f"row {index}, {column}: {shown!r} instead of {value!r}"


def _dlt_expected(row: Row) -> Row:
    columns = {k: v for k, v in row.items() if k not in _NOT_COLUMNS}
    columns["storage_time"] = row["storage_time_ns"]
    columns["ecu_time"] = row["ecu_time_ns"]
    if row["type"] == "control":
        # What else a control message says is rendered in more ways than a second decoder knows.
        del columns["payload"]
        if row["software_version"] is None:
            del columns["text"]
    return columns


_NOT_COLUMNS = {
    "framing",
    "version",
    "storage_time_ns",
    "ecu_time_ns",
    "uptime_ns",
    "service_id",
    "software_version",
    "arguments",
}


def _same(column: str, value: Any, shown: str, same_text: Callable[[str, str], bool]) -> bool:
    if value is None:
        return shown == ""
    if isinstance(value, bool):
        return shown == ("true" if value else "false")
    if column in _TIMES:
        return _nanoseconds(shown) == value
    if isinstance(value, int):
        return shown == str(value)
    if isinstance(value, float):
        return _same_number(value, shown)
    if isinstance(value, bytes):
        return shown == value.hex()
    return same_text(str(value), shown)


def _same_number(value: float, shown: str) -> bool:
    try:
        found = float(shown)
    except ValueError:
        return False
    if value != value:
        return found != found
    # A 32-bit float is written with the digits that 32 bits need.
    return found == value or (abs(found) < 3.5e38 and _as_float32(found) == value)


def _as_float32(value: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return float("inf")


def _same_text(row: Row, value: str, shown: str) -> bool:
    """Numbers may be written in more than one way, as 1e+05 and 100000; all else has to agree."""
    if value == shown:
        return True
    arguments: Sequence[dlt.Argument] = row["arguments"] or ()
    if not any(argument.kind == "float" for argument in arguments):
        return False
    ours, theirs = shown.split(" "), value.split(" ")
    return len(ours) == len(theirs) and all(
        a == b or (_is_number(b) and _same_number(float(b), a))
        for a, b in zip(ours, theirs, strict=True)
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _nanoseconds(text: str) -> int | None:
    """Nanoseconds since the epoch of a time such as 2025-10-09T08:53:20.014263000Z."""
    if not text.endswith("Z"):
        return None
    whole, _, fraction = text.removesuffix("Z").partition(".")
    since = datetime.fromisoformat(whole).replace(tzinfo=UTC) - _EPOCH
    return since // timedelta(seconds=1) * 10**9 + int(fraction.ljust(9, "0") or 0)
