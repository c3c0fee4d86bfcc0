"""Headers of DLT version 2, from the bytes of two real files and what their writers say.

The fields are those of AUTOSAR's PRS Log and Trace Protocol since R21-11, which knows no bit for
the byte order and wants big-endian. Its writers read that in two ways:

- "big": LEN, nanoseconds, message id, session id and line number are big-endian. dlt-viewer reads
  this and its sample is written so; GENIVI's daemon writes it since 2026.
- "little": all of these are little-endian. So wrote the daemon before, on a little-endian machine.

Common to both: HTYP2's first byte is its lowest (it holds the version, as HTYP does in version 1),
and the 5 bytes of seconds are big-endian.

Time: the nanoseconds' highest bit says what is counted. Clear, it is time since 1970 in UTC; set,
it is time since the ECU started. dlt-viewer reads it so, and the daemon sets it for a monotonic
clock; but the little-endian daemon set 0x8000 for it, in the middle of the number, where it cannot
be told from a time (and moves it by 33 microseconds at most). So below 10^8 seconds, three years
after 1970, a time without the bit is taken as time since the start as well.

Payload: nothing in the header says its byte order, as MSBF does in version 1. Both real samples are
little-endian, in either dialect, and dlt-viewer reads no other. The daemon's documentation asks for
big-endian. So the caller reads it as little-endian and, where that does not fit, as big-endian.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from oracle.dlt_payload import Bytes, DoesNotFit, Row, text_of

VERBOSE, NON_VERBOSE, CONTROL = 0, 1, 2
TAG_SEPARATOR = " "
_SECOND = 10**9
_UPTIME_LIMIT_S = 10**8
_SINCE_START = 1 << 31


@dataclass
class Header:
    """What the headers of a message say, and the payload behind them."""

    size: int
    message_info: int | None = None
    arguments: int = 0
    segmented: bool = False
    payload: bytes = b""
    columns: Row = field(default_factory=dict)


def read(data: bytes, offset: int) -> Header:
    """The message that begins at `offset`, in the one byte order in which it hangs together.

    Raises:
        DoesNotFit: it does so in neither, or in both of them with different values.
    """
    found: dict[str, Header] = {}
    reasons = []
    for order in (">", "<"):
        try:
            header = _read(data, offset, order)
            _followed(data, offset + header.size)
            found[order] = header
        except DoesNotFit as error:
            reasons.append(str(error))
    if not found:
        raise DoesNotFit(offset, f"version 2 in no byte order: {' / '.join(reasons)}")
    headers = list(found.values())
    if len(headers) == 2 and headers[0] != headers[1]:
        raise DoesNotFit(offset, "version 2 in both byte orders")
    return headers[0]


def _read(data: bytes, offset: int, order: str) -> Header:
    columns: Row = {}
    start = offset
    if data[offset : offset + 4] == b"DLT\x02":
        stored = Bytes(data[offset + 4 : offset + 14 + 255], order)
        columns["storage_time_ns"] = _storage_time(stored)
        columns["ecu"] = text_of(stored.take(stored.number("B")))
        start += 4 + stored.at
    elif data[offset : offset + 4] == b"DLS\x01":
        start += 4
    base = Bytes(data[start : start + 7], order)
    flags = int.from_bytes(base.take(4), "little")
    columns["counter"] = base.number("B")
    length = base.number("H")
    if flags >> 5 & 7 != 2 or flags >> 12 or flags & 3 == 3:
        raise DoesNotFit(start, f"the flags {flags:#x}")
    if length < 7 or start + length > len(data):
        raise DoesNotFit(start, f"a length of {length}")

    header = Header(start + length - offset, columns=columns)
    fields = Bytes(data[start + 7 : start + length], order)
    content = flags & 3
    columns["verbose"] = content == VERBOSE
    if content != NON_VERBOSE:
        header.message_info, header.arguments = fields.number("B"), fields.number("B")
    if content != CONTROL:
        _take_time(fields, columns)
    if content == NON_VERBOSE:
        columns["message_id"] = fields.number("I")
    if flags & 0x04:
        columns["ecu"] = text_of(fields.take(fields.number("B")))
    if flags & 0x08:
        columns["app"] = text_of(fields.take(fields.number("B")))
        columns["context"] = text_of(fields.take(fields.number("B")))
    if flags & 0x10:
        columns["session_id"] = fields.number("I")
    if flags & 0x100:
        columns["source_file"] = text_of(fields.take(fields.number("B")))
        columns["source_line"] = fields.number("I")
    if flags & 0x200:
        tags = [text_of(fields.take(fields.number("B"))) for _ in range(fields.number("B"))]
        columns["tags"] = TAG_SEPARATOR.join(tags)
    if flags & 0x400:
        columns["privacy_level"] = fields.number("B")
    # How a segment says its place in the whole differs by its kind; it stays with the payload.
    header.segmented = bool(flags & 0x800)
    header.payload = fields.rest()
    return header


def _storage_time(stored: Bytes) -> int:
    seconds = int.from_bytes(stored.take(5), "big")
    nanoseconds = stored.number("I")
    if nanoseconds >= _SECOND:
        raise DoesNotFit(stored.at, f"{nanoseconds} ns")
    return int(seconds * _SECOND + nanoseconds)


def _take_time(fields: Bytes, columns: Row) -> None:
    nanoseconds = fields.number("I")
    seconds = int.from_bytes(fields.take(5), "big")
    since_start = bool(nanoseconds & _SINCE_START) or seconds < _UPTIME_LIMIT_S
    nanoseconds &= ~_SINCE_START
    if nanoseconds >= _SECOND:
        raise DoesNotFit(fields.at, f"{nanoseconds} ns")
    time = seconds * _SECOND + nanoseconds
    if since_start:
        columns["uptime_ns"], columns["uptime_s"] = time, time / _SECOND
    else:
        columns["ecu_time_ns"] = time


def _followed(data: bytes, end: int) -> None:
    """Behind a message there is the next one, or nothing."""
    rest = data[end : end + 4]
    if rest and rest not in (b"DLT\x01", b"DLT\x02", b"DLS\x01") and rest[0] >> 5 not in (1, 2):
        raise DoesNotFit(end, f"no message follows, but {rest!r}")
