"""Recordings put together byte by byte, and what the parser makes of bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import argus_native
import polars as pl


@dataclass(frozen=True)
class Parsed:
    format: str | None
    tables: dict[str, pl.DataFrame]
    csv: dict[str, bytes]
    faults: list[tuple[int, int, str]]
    rows: int
    decoded_bytes: int
    quarantined_bytes: int
    undecoded: dict[str, int]

    @property
    def messages(self) -> pl.DataFrame:
        return self.tables["messages"]


def parse(
    data: bytes,
    *,
    specification: argus_native.Specification | None = None,
    sizes: Iterable[int] = (),
) -> Parsed:
    """Feed `data`, first in chunks of `sizes` and then the rest at once; bytes must add up."""
    parser = argus_native.Parser(specification=specification)
    batches: list[argus_native.Batch] = []
    faults: list[tuple[int, int, str]] = []
    at = 0
    for size in [*sizes, len(data)]:
        parser.feed(data[at : at + size])
        at += size
        batches += parser.take()
        faults += parser.take_faults()
    parser.finish()
    batches += parser.take()
    faults += parser.take_faults()
    assert parser.bytes_in == len(data)
    assert parser.decoded_bytes + parser.quarantined_bytes == len(data)
    assert sum(length for _, length, _ in faults) == parser.quarantined_bytes
    assert len(faults) == parser.fault_count
    assert sum(batch.rows for batch in batches) == parser.rows
    frames: dict[str, list[pl.DataFrame]] = {}
    csv: dict[str, bytes] = {}
    for batch in batches:
        frames.setdefault(batch.table, []).append(pl.DataFrame(batch))
        csv[batch.table] = csv.get(batch.table, b"") + batch.to_csv(header=batch.table not in csv)
    return Parsed(
        parser.format,
        {name: pl.concat(parts) for name, parts in frames.items()},
        csv,
        faults,
        parser.rows,
        parser.decoded_bytes,
        parser.quarantined_bytes,
        parser.undecoded,
    )


def dlt_message(
    payload: bytes,
    *,
    msin: int | None = 0x41,
    arguments: int = 1,
    seconds: int = 1_760_000_000,
    microseconds: int = 0,
    timestamp: int | None = 10_000,
    counter: int = 0,
    big_endian: bool = False,
    storage: bool = True,
    bare: bool = False,
    session: int | None = None,
    ecu: bytes | None = b"ECU1",
    app: bytes = b"APP1",
    context: bytes = b"CTX1",
) -> bytes:
    """One DLT message of version 1; without `msin` it has no extended header.

    It stands behind a storage header, without that behind a serial header, or `bare`.
    """
    htyp = 0x20 | (0x02 if big_endian else 0)
    header = b""
    if ecu is not None:
        htyp |= 0x04
        header += ecu.ljust(4, b"\0")
    if session is not None:
        htyp |= 0x08
        header += struct.pack(">I", session)
    if timestamp is not None:
        htyp |= 0x10
        header += struct.pack(">I", timestamp)
    if msin is not None:
        htyp |= 0x01
        header += struct.pack(">BB", msin, arguments)
        header += app.ljust(4, b"\0") + context.ljust(4, b"\0")
    length = 4 + len(header) + len(payload)
    framing = (
        b"DLT\x01" + struct.pack("<Ii", seconds, microseconds) + b"STOR" if storage else b"DLS\x01"
    )
    if bare:
        framing = b""
    return framing + struct.pack(">BBH", htyp, counter, length) + header + payload


def dlt_text(text: bytes, **options: object) -> bytes:
    """A log message with one string argument."""
    return dlt_message(struct.pack("<IH", 0x200, len(text)) + text, **options)  # type: ignore[arg-type]


SINCE_START = 1 << 31
"""In the nanoseconds of version 2: the time counts from the ECU's start."""


def dlt2_message(
    payload: bytes,
    *,
    little: bool = False,
    msin: int = 0x41,
    arguments: int = 1,
    message_id: int | None = None,
    time: tuple[int, int] = (1_760_000_000, 0),
    stored: tuple[int, int] | None = (1_760_000_000, 0),
    counter: int = 0,
    ecu: bytes | None = b"ECU1",
    ids: tuple[bytes, bytes] | None = (b"APP1", b"CTX1"),
    session: int | None = None,
    source: tuple[bytes, int] | None = None,
    tags: Sequence[bytes] | None = None,
    privacy: int | None = None,
    segment: bytes | None = None,
) -> bytes:
    """One DLT message of version 2, in the dialect with little-endian fields or the other.

    Args:
        payload: its bytes; no header says their order.
        little: whether LEN, nanoseconds, ids and numbers of the headers are little-endian.
        msin: its type makes it a control message; with `message_id` it is not written.
        arguments: NOAR.
        message_id: makes it a non-verbose message.
        time: seconds and nanoseconds of the ECU's clock; a control message has none.
        stored: likewise of the receiver's clock; without it there is no storage header.
        counter: MCNT.
        ecu: its id, of up to 255 bytes.
        ids: application and context.
        session: session id.
        source: file name and line.
        tags: any number of them.
        privacy: privacy level.
        segment: what the header of a segmented message says of its place.
    """
    order = "<" if little else ">"
    is_control = message_id is None and msin >> 1 & 7 == 3
    flags = 0x40 | (1 if message_id is not None else 2 if is_control else 0)
    header = b"" if message_id is not None else bytes([msin, arguments])
    if not is_control:
        header += struct.pack(order + "I", time[1]) + time[0].to_bytes(5, "big")
    if message_id is not None:
        header += struct.pack(order + "I", message_id)
    if ecu is not None:
        flags |= 0x04
        header += _sized(ecu)
    if ids is not None:
        flags |= 0x08
        header += _sized(ids[0]) + _sized(ids[1])
    if session is not None:
        flags |= 0x10
        header += struct.pack(order + "I", session)
    if source is not None:
        flags |= 0x100
        header += _sized(source[0]) + struct.pack(order + "I", source[1])
    if tags is not None:
        flags |= 0x200
        header += bytes([len(tags)]) + b"".join(_sized(tag) for tag in tags)
    if privacy is not None:
        flags |= 0x400
        header += bytes([privacy])
    if segment is not None:
        flags |= 0x800
        header += segment
    base = struct.pack("<IB", flags, counter)
    length = struct.pack(order + "H", 7 + len(header) + len(payload))
    framing = b""
    if stored is not None:
        framing = b"DLT\x02" + stored[0].to_bytes(5, "big") + struct.pack(order + "I", stored[1])
        framing += _sized(b"STOR")
    return framing + base + length + header + payload


def dlt2_text(text: bytes, **options: object) -> bytes:
    """A log message of version 2 with one string argument."""
    payload = struct.pack("<IH", 0x200, len(text)) + text
    return dlt2_message(payload, **options)  # type: ignore[arg-type]


def _sized(content: bytes) -> bytes:
    return bytes([len(content)]) + content


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def zigzag(value: int) -> bytes:
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)


def delimited(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def rec_time(number: int, seconds: int, microseconds: int) -> bytes:
    return delimited(number, b"\x08" + zigzag(seconds) + b"\x10" + zigzag(microseconds))


def envelope(
    data_type: int, payload: bytes, *, sender: int = 0, times: bool = True, rest: bytes = b""
) -> bytes:
    """One envelope of a .rec recording."""
    content = b"\x08" + zigzag(data_type) + delimited(2, payload)
    if times:
        content += b"".join(rec_time(number, 1_760_000_000, number) for number in (3, 4, 5))
    content += b"\x30" + varint(sender) + rest
    return b"\x0d\xa4" + len(content).to_bytes(3, "little") + content
