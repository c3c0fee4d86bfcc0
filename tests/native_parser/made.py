"""Recordings put together byte by byte, and what the parser makes of bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterable
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
    ecu: bytes = b"ECU1",
    app: bytes = b"APP1",
    context: bytes = b"CTX1",
) -> bytes:
    """One DLT message of version 1; without `msin` it has no extended header."""
    htyp = 0x20 | 0x04 | (0x10 if timestamp is not None else 0) | (0x02 if big_endian else 0)
    header = ecu.ljust(4, b"\0")
    if timestamp is not None:
        header += struct.pack(">I", timestamp)
    if msin is not None:
        htyp |= 0x01
        header += struct.pack(">BB", msin, arguments)
        header += app.ljust(4, b"\0") + context.ljust(4, b"\0")
    length = 4 + len(header) + len(payload)
    framing = (
        b"DLT\x01" + struct.pack("<Ii", seconds, microseconds) + b"STOR" if storage else b"DLS\x01"
    )
    return framing + struct.pack(">BBH", htyp, counter, length) + header + payload


def dlt_text(text: bytes, **options: object) -> bytes:
    """A log message with one string argument."""
    return dlt_message(struct.pack("<IH", 0x200, len(text)) + text, **options)  # type: ignore[arg-type]


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
