"""An independent decoder of DLT files, written from the description of the format alone.

Versions 1 and 2, behind storage headers, behind serial headers and bare, in any mix. Slow and
strict: it stops at the first byte that does not fit. It shares no code with the native parser and
none with the simulator's encoder.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from typing import Any

from oracle import dlt_version2
from oracle.dlt_payload import (
    Argument,
    Bytes,
    DoesNotFit,
    Row,
    argument,
    control,
    identifier,
    shortest,
    text_of,
)

__all__ = ["Argument", "DoesNotFit", "Row", "decode", "message", "shortest", "text_of"]

TYPES = {0: "log", 1: "app_trace", 2: "network_trace", 3: "control"}
SUBTYPES = {
    "log": {1: "fatal", 2: "error", 3: "warn", 4: "info", 5: "debug", 6: "verbose"},
    "app_trace": {1: "variable", 2: "function_in", 3: "function_out", 4: "state", 5: "vfb"},
    "network_trace": {1: "ipc", 2: "can", 3: "flexray", 4: "most", 5: "ethernet", 6: "someip"},
    "control": {1: "request", 2: "response", 3: "time"},
}
_STORAGE_SIZE = 16
_COLUMNS = """
    offset size framing version storage_time_ns ecu_time_ns uptime_ns uptime_s counter ecu app
    context session_id type subtype severity verbose message_id service_id software_version
    arguments text payload source_file source_line tags privacy_level
"""
_NO_MESSAGE: Row = dict.fromkeys(_COLUMNS.split())


def decode(data: bytes, *, damaged: Collection[tuple[int, int]] = ()) -> list[Row]:
    """All messages of a file, in its order.

    Args:
        data: the bytes of the file.
        damaged: stretches (first byte, byte after the last) that are known to be damaged; the
            decoder jumps from the first byte of each to its end.
    """
    return list(messages(data, dict(damaged)))


def messages(data: bytes, damaged: dict[int, int]) -> Iterator[Row]:
    offset = 0
    while offset < len(data):
        if offset in damaged:
            offset = damaged[offset]
            continue
        row = message(data, offset)
        yield row
        offset += row["size"]


def message(data: bytes, offset: int) -> Row:
    """The message that begins at `offset`, with whatever framing it has there."""
    pattern = data[offset : offset + 4]
    row = {**_NO_MESSAGE, "offset": offset, "verbose": False}
    if pattern == b"DLT\x01":
        if len(data) < offset + _STORAGE_SIZE:
            raise DoesNotFit(offset, "the file ends inside a header")
        seconds, microseconds, stored = struct.unpack_from("<Ii4s", data, offset + 4)
        row["framing"], row["ecu"] = "storage", identifier(stored)
        row["storage_time_ns"] = seconds * 10**9 + microseconds * 1000
        return version1(data, offset + _STORAGE_SIZE, row, versions=(0, 1))
    if pattern == b"DLT\x02":
        row["framing"] = "storage"
        return version2(data, row)
    row["framing"] = "serial" if pattern == b"DLS\x01" else "bare"
    start = offset + 4 if row["framing"] == "serial" else offset
    if start >= len(data):
        raise DoesNotFit(offset, "the file ends inside a header")
    if data[start] >> 5 == 2:
        return version2(data, row)
    return version1(data, start, row, versions=(1,))


def version1(data: bytes, start: int, row: Row, *, versions: Collection[int]) -> Row:
    """A message whose standard header begins at `start`."""
    if start + 4 > len(data):
        raise DoesNotFit(row["offset"], "the file ends inside a header")
    flags, counter, length = struct.unpack_from(">BBH", data, start)
    # The standard says 1; a writer among the real samples leaves the bits 0.
    if flags >> 5 not in versions:
        raise DoesNotFit(start, f"version {flags >> 5}, at {data[start : start + 4]!r}")
    if start + length > len(data):
        raise DoesNotFit(row["offset"], "the file ends inside the message")

    header = Bytes(data[start + 4 : start + length], ">")
    row["version"], row["size"] = 1, start + length - row["offset"]
    row["counter"] = counter
    if flags & 4:
        row["ecu"] = identifier(header.take(4))
    row["session_id"] = header.number("I") if flags & 8 else None
    if flags & 16:
        row["uptime_ns"] = header.number("I") * 100_000
        row["uptime_s"] = row["uptime_ns"] / 10**9
    count = 0
    if flags & 1:
        info, count = header.number("B"), header.number("B")
        row["app"], row["context"] = identifier(header.take(4)), identifier(header.take(4))
        row["verbose"] = bool(info & 1)
        name_type(row, info)

    payload = Bytes(header.rest(), ">" if flags & 2 else "<")
    if row["type"] == "control":
        control(row, payload)
    elif row["verbose"]:
        verbose(row, payload, count)
    else:
        row["message_id"] = payload.number("I")
        row["payload"] = payload.rest()
    return row


def version2(data: bytes, row: Row) -> Row:
    header = dlt_version2.read(data, row["offset"])
    row.update(header.columns)
    row["version"], row["size"] = 2, header.size
    if header.message_info is not None:
        name_type(row, header.message_info)
    if header.segmented:
        row["payload"] = header.payload
    elif row["type"] == "control":
        # Service ids are small numbers: read the wrong way round they are large.
        little = int.from_bytes(header.payload[:4], "little")
        control(row, Bytes(header.payload, "<" if little < 0x10000 else ">"))
    elif row["verbose"]:
        try:
            verbose(row, Bytes(header.payload, "<"), header.arguments, whole=True)
        except DoesNotFit:
            verbose(row, Bytes(header.payload, ">"), header.arguments, whole=True)
    else:
        row["payload"] = header.payload
    return row


def name_type(row: Row, info: int) -> None:
    """Type, sub-type and severity, as MSIN says them."""
    kind, subtype = info >> 1 & 7, info >> 4
    row["type"] = TYPES.get(kind, f"reserved {kind}")
    row["subtype"] = SUBTYPES.get(row["type"], {}).get(subtype, f"reserved {subtype}")
    if row["type"] == "log" and subtype in SUBTYPES["log"]:
        row["severity"] = row["subtype"]


def verbose(row: Row, payload: Bytes, count: int, *, whole: bool = False) -> None:
    arguments: list[Any] = [argument(payload) for _ in range(count)]
    rest = payload.rest()
    if whole and rest:
        raise DoesNotFit(row["offset"], f"{len(rest)} bytes after the last argument")
    row["arguments"] = arguments
    row["text"] = " ".join(str(one) for one in arguments)
    row["payload"] = rest or None
