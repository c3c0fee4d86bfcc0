"""Writes AUTOSAR DLT messages, version 1 with storage header (AUTOSAR PRS Log and Trace Protocol).

A `Body` is what a message says (extended header and payload); `message` puts the headers of one
sender and one moment in front of it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

BUSES: Final = {"can": 2, "ethernet": 5, "someip": 6}
"""Sub-types of network traces."""
LEVELS: Final = {"fatal": 1, "error": 2, "warn": 3, "info": 4, "debug": 5, "verbose": 6}
TICKS_PER_SECOND: Final = 10_000
"""The standard header's timestamp counts tenths of a millisecond."""

GET_SOFTWARE_VERSION: Final = 0x13
"""The control service that tells which firmware an ECU runs."""

_UEH, _MSBF, _WEID, _WSID, _WTMS, _VERSION_1 = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_BOOL, _SINT, _UINT, _FLOA, _STRG, _RAWD, _VARI = 0x10, 0x20, 0x40, 0x80, 0x200, 0x400, 0x800
_UTF8 = 0x8000
_TYLE = {8: 1, 16: 2, 32: 3, 64: 4}
_CONTROL, _REQUEST, _RESPONSE = 3 << 1, 1 << 4, 2 << 4
_MAX_LENGTH = 0xFFFF


class Text(NamedTuple):
    """A string argument, written as UTF-8 with a closing NUL."""

    value: str
    name: str | None = None


class Flag(NamedTuple):
    """A boolean argument."""

    value: bool
    name: str | None = None


class Signed(NamedTuple):
    """A signed integer argument of 8, 16, 32 or 64 bits."""

    value: int
    name: str | None = None
    unit: str = ""
    bits: int = 32


class Unsigned(NamedTuple):
    """An unsigned integer argument of 8, 16, 32 or 64 bits."""

    value: int
    name: str | None = None
    unit: str = ""
    bits: int = 32


class Real(NamedTuple):
    """A floating point argument of 32 or 64 bits."""

    value: float
    name: str | None = None
    unit: str = ""
    bits: int = 64


class Raw(NamedTuple):
    """An argument of plain bytes."""

    value: bytes
    name: str | None = None


Argument = Text | Flag | Signed | Unsigned | Real | Raw


class Body(NamedTuple):
    """The part of a message that does not depend on its sender's clock and counter.

    Args:
        extended: the extended header's 10 bytes, or none where a message has no such header.
        payload: the bytes behind it.
        big_endian: the byte order of the payload, which the standard header has to announce.
        timestamped: whether the standard header carries the time since the ECU started.
    """

    extended: bytes
    payload: bytes
    big_endian: bool = False
    timestamped: bool = True

    @property
    def is_control(self) -> bool:
        """Whether this is a control message, which no counter counts."""
        return bool(self.extended) and self.extended[0] & 0x0E == _CONTROL


def log(
    level: str, app: str, context: str, arguments: Sequence[Argument], *, big_endian: bool = False
) -> Body:
    """A verbose log message; `level` is a key of `LEVELS`."""
    order = ">" if big_endian else "<"
    payload = b"".join(_argument(argument, order) for argument in arguments)
    return Body(
        _extended(1 | LEVELS[level] << 4, len(arguments), app, context), payload, big_endian
    )


def non_verbose(
    message_id: int, data: bytes, *, level: str = "info", app: str = "", context: str = ""
) -> Body:
    """A message that only a catalogue can decode; without `app` it has no extended header."""
    extended = _extended(LEVELS[level] << 4, 0, app, context) if app else b""
    return Body(extended, struct.pack("<I", message_id) + data)


def network_trace(bus: str, app: str, context: str, head: bytes, data: bytes) -> Body:
    """A message that was seen on a bus, a key of `BUSES`: its head and its data as raw bytes."""
    payload = _argument(Raw(head), "<") + _argument(Raw(data), "<")
    return Body(_extended(1 | 2 << 1 | BUSES[bus] << 4, 2, app, context), payload)


def control_request(service: int, data: bytes = b"") -> Body:
    """A request by the logger to the ECU, which has no ECU time."""
    extended = _extended(_CONTROL | _REQUEST, 1, "DA1", "DC1")
    return Body(extended, struct.pack("<I", service) + data, timestamped=False)


def control_response(service: int, data: bytes = b"") -> Body:
    """An ECU's response with the status "ok" (0)."""
    extended = _extended(_CONTROL | _RESPONSE, 1, "DA1", "DC1")
    return Body(extended, struct.pack("<IB", service, 0) + data)


def software_version(version: str) -> Body:
    """The response to GetSoftwareVersion: length and text."""
    text = version.encode()
    return control_response(GET_SOFTWARE_VERSION, struct.pack("<I", len(text)) + text)


def timezone(seconds_from_utc: int) -> Body:
    """The daemon's message 0xF03 about the sender's time zone, without daylight saving."""
    return control_response(0xF03, struct.pack("<iB", seconds_from_utc, 0))


def buffer_overflow(lost: int) -> Body:
    """The response 0x14 (buffer overflow) with the number of lost messages."""
    return control_response(0x14, struct.pack("<I", lost))


def message(
    body: Body, *, time_ns: int, ecu: str, counter: int, session_id: int | None, ticks: int
) -> bytes:
    """A whole message.

    Args:
        body: what it says.
        time_ns: the receiver's clock, nanoseconds since the epoch; kept to the microsecond.
        ecu: up to 4 ASCII characters.
        counter: counts the sender's messages; only the lowest 8 bits are written.
        session_id: the sender's process, if it is to be written.
        ticks: tenths of a millisecond since the ECU started.

    Raises:
        ValueError: the message is longer than its 16-bit length can say.
    """
    identity = _identifier(ecu)
    flags = _VERSION_1 | _WEID
    optional = identity
    if body.extended:
        flags |= _UEH
    if body.big_endian:
        flags |= _MSBF
    if session_id is not None:
        flags |= _WSID
        optional += struct.pack(">I", session_id)
    if body.timestamped:
        flags |= _WTMS
        optional += struct.pack(">I", ticks & 0xFFFFFFFF)
    length = 4 + len(optional) + len(body.extended) + len(body.payload)
    if length > _MAX_LENGTH:
        raise ValueError(f"a DLT message of {length} bytes; at most {_MAX_LENGTH} are possible")
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    return b"".join(
        (
            struct.pack("<4sIi4s", b"DLT\x01", seconds, nanoseconds // 1000, identity),
            struct.pack(">BBH", flags, counter & 0xFF, length),
            optional,
            body.extended,
            body.payload,
        )
    )


def _extended(msin: int, count: int, app: str, context: str) -> bytes:
    return struct.pack("<BB4s4s", msin, count, _identifier(app), _identifier(context))


def _identifier(text: str) -> bytes:
    encoded = text.encode("ascii")
    if len(encoded) > 4:
        raise ValueError(f"the DLT id {text!r} is longer than 4 characters")
    return encoded.ljust(4, b"\0")


def _argument(argument: Argument, order: str) -> bytes:
    match argument:
        case Text(value, name):
            return _sized(_STRG | _UTF8, value.encode() + b"\0", name, order)
        case Raw(value, name):
            return _sized(_RAWD, value, name, order)
        case Flag(value, name):
            named = _VARI if name is not None else 0
            head = struct.pack(order + "I", _BOOL | _TYLE[8] | named)
            return head + _names(order, name) + struct.pack("B", value)
        case Signed():
            return _number(_SINT, "bhiq"[_TYLE[argument.bits] - 1], argument, order)
        case Unsigned():
            return _number(_UINT, "BHIQ"[_TYLE[argument.bits] - 1], argument, order)
        case Real():
            return _number(_FLOA, {32: "f", 64: "d"}[argument.bits], argument, order)


def _sized(kind: int, data: bytes, name: str | None, order: str) -> bytes:
    if name is None:
        return struct.pack(order + "IH", kind, len(data)) + data
    encoded = name.encode() + b"\0"
    head = struct.pack(order + "IHH", kind | _VARI, len(data), len(encoded))
    return head + encoded + data


def _number(kind: int, form: str, argument: Signed | Unsigned | Real, order: str) -> bytes:
    kind |= _TYLE[argument.bits]
    if argument.name is None:
        return struct.pack(order + "I" + form, kind, argument.value)
    head = struct.pack(order + "I", kind | _VARI)
    return (
        head
        + _names(order, argument.name, argument.unit)
        + struct.pack(order + form, argument.value)
    )


def _names(order: str, *names: str | None) -> bytes:
    """Lengths first, then the names, each with its NUL; nothing for an argument without a name."""
    encoded = [name.encode() + b"\0" for name in names if name is not None]
    lengths = b"".join(struct.pack(order + "H", len(name)) for name in encoded)
    return lengths + b"".join(encoded)
