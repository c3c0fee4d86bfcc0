"""An independent decoder of DLT files, written from the description of the format alone.

Version 1 with storage headers. Slow and strict: it stops at the first byte that does not fit. It
shares no code with the native parser and none with the simulator's encoder.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]

TYPES = {0: "log", 1: "app_trace", 2: "network_trace", 3: "control"}
SUBTYPES = {
    "log": {1: "fatal", 2: "error", 3: "warn", 4: "info", 5: "debug", 6: "verbose"},
    "app_trace": {1: "variable", 2: "function_in", 3: "function_out", 4: "state", 5: "vfb"},
    "network_trace": {1: "ipc", 2: "can", 3: "flexray", 4: "most", 5: "ethernet", 6: "someip"},
    "control": {1: "request", 2: "response", 3: "time"},
}
STATUS = {0: "ok", 1: "not supported", 2: "error"}


class DoesNotFit(Exception):
    """The bytes at this offset are not what the format says."""

    def __init__(self, offset: int, what: str) -> None:
        super().__init__(f"byte {offset}: {what}")
        self.offset = offset


@dataclass
class Bytes:
    """Bytes that are read from the front."""

    data: bytes
    order: str  # "<" or ">"
    at: int = 0

    def take(self, size: int) -> bytes:
        if self.at + size > len(self.data):
            raise DoesNotFit(self.at, f"{size} bytes wanted, {len(self.data) - self.at} left")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, form: str) -> Any:
        return struct.unpack(self.order + form, self.take(struct.calcsize(form)))[0]

    def integer(self, size: int, *, signed: bool = False) -> int:
        order = "little" if self.order == "<" else "big"
        return int.from_bytes(self.take(size), order, signed=signed)  # type: ignore[arg-type]

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)


@dataclass
class Argument:
    """One argument of a verbose message: its value, and its name and unit where it has them."""

    kind: str
    value: Any
    name: str = ""
    unit: str = ""
    shown: str = field(default="")

    def __str__(self) -> str:
        named = f"{self.name}: {self.shown}" if self.name else self.shown
        return f"{named} {self.unit}" if self.unit else named


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
    """The message whose storage header begins at `offset`."""
    if data[offset : offset + 4] != b"DLT\x01":
        raise DoesNotFit(offset, f"no storage header, but {data[offset : offset + 4]!r}")
    if len(data) < offset + 20:
        raise DoesNotFit(offset, "the file ends inside a header")
    seconds, microseconds, stored_ecu = struct.unpack_from("<Ii4s", data, offset + 4)
    flags, counter, length = struct.unpack_from(">BBH", data, offset + 16)
    # The standard says 1; a writer among the real samples leaves the bits 0.
    if flags >> 5 not in (0, 1):
        raise DoesNotFit(offset + 16, f"version {flags >> 5}")
    end = offset + 16 + length
    if end > len(data):
        raise DoesNotFit(offset, "the file ends inside the message")

    header = Bytes(data[offset + 20 : end], ">")
    ecu = header.take(4) if flags & 4 else stored_ecu
    session = header.number("I") if flags & 8 else None
    uptime = header.number("I") if flags & 16 else None
    row: Row = {
        "offset": offset,
        "size": 16 + length,
        "storage_time_ns": seconds * 10**9 + microseconds * 1000,
        "uptime_s": None if uptime is None else uptime / 10_000,
        "counter": counter,
        "ecu": identifier(ecu),
        "session_id": session,
        "app": None,
        "context": None,
        "type": None,
        "subtype": None,
        "severity": None,
        "verbose": False,
        "message_id": None,
        "service_id": None,
        "software_version": None,
        "arguments": None,
        "text": None,
        "payload": None,
    }
    count = 0
    if flags & 1:
        info, count = header.number("B"), header.number("B")
        row["app"], row["context"] = identifier(header.take(4)), identifier(header.take(4))
        row["verbose"] = bool(info & 1)
        kind = info >> 1 & 7
        row["type"] = TYPES.get(kind, f"reserved {kind}")
        row["subtype"] = SUBTYPES.get(row["type"], {}).get(info >> 4, f"reserved {info >> 4}")
        if row["type"] == "log" and info >> 4 in SUBTYPES["log"]:
            row["severity"] = row["subtype"]

    payload = Bytes(header.rest(), ">" if flags & 2 else "<")
    if row["type"] == "control":
        control(row, payload)
    elif row["verbose"]:
        row["arguments"] = [argument(payload) for _ in range(count)]
        row["text"] = " ".join(str(one) for one in row["arguments"])
        row["payload"] = payload.rest() or None
    else:
        row["message_id"] = payload.number("I")
        row["payload"] = payload.rest()
    return row


def control(row: Row, payload: Bytes) -> None:
    row["service_id"] = payload.number("I")
    if row["subtype"] == "response" and row["service_id"] == 0x13:
        status = payload.number("B")
        rest = payload.rest()
        if len(rest) >= 4:
            (length,) = struct.unpack(payload.order + "I", rest[:4])
            if length <= len(rest) - 4:
                rest = rest[4 : 4 + length]
        row["software_version"] = text_of(rest)
        row["text"] = f"get_software_version {STATUS[status]}: {row['software_version']}"


def argument(payload: Bytes) -> Argument:
    info = payload.number("I")
    bits = 4 << (info & 15)  # 8, 16, 32, 64, 128 for TYLE 1 to 5
    named = bool(info & 0x800)
    if info & 0x100 or info & 0x4000 or info & 0x2000:
        raise DoesNotFit(payload.at, "an array, structure or trace argument")
    if info & 0x600:
        size = payload.number("H")
        name = text_of(payload.take(payload.number("H"))) if named else ""
        data = payload.take(size)
        if info & 0x200:
            return Argument("text", text_of(data), name, shown=text_of(data))
        return Argument("raw", data, name, shown="'".join(f"{byte:02x}" for byte in data))
    if info & 0x10:
        name = text_of(payload.take(payload.number("H"))) if named else ""
        value = payload.number("B") != 0
        return Argument("bool", value, name, shown="1" if value else "0")

    name = unit = ""
    if named:
        sizes = payload.number("H"), payload.number("H")
        name, unit = (text_of(payload.take(size)) for size in sizes)
    if info & 0x80:
        form = {16: "e", 32: "f", 64: "d"}[bits]
        value = payload.number(form)
        return Argument("float", value, name, unit, shortest(value, form))
    if not info & 0x60:
        raise DoesNotFit(payload.at, f"an argument of the unknown type {info:#x}")
    scale = None
    if info & 0x1000:
        scale = payload.number("f"), payload.integer(4 if bits <= 32 else bits // 8, signed=True)
    value = payload.integer(bits // 8, signed=bool(info & 0x20))
    if scale:
        value = value * scale[0] + scale[1]
        return Argument("float", value, name, unit, shortest(value, "d"))
    if info & 0x38000 in (0x10000, 0x18000):
        unsigned = value % (1 << bits)
        digits = (
            f"{unsigned:0{bits // 4}x}" if info & 0x38000 == 0x10000 else f"{unsigned:0{bits}b}"
        )
        if info & 0x38000 == 0x10000:
            return Argument("int", value, name, unit, f"0x{digits}")
        groups = [digits[at : at + 4] for at in range(0, bits, 4)]
        return Argument("int", value, name, unit, f"0b{' '.join(groups)}")
    return Argument("int", value, name, unit, str(value))


def shortest(value: float, form: str) -> str:
    """The fewest digits that read back as the same number of this width."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return str(value)
    for digits in range(1, 18):
        shown = f"{value:.{digits}g}"
        if struct.pack(form, float(shown)) == struct.pack(form, value):
            return shown
    return repr(value)


def identifier(raw: bytes) -> str:
    return text_of(raw.split(b"\0")[0])


def text_of(raw: bytes) -> str:
    """Text without its end marks; what could do harm on a screen is made visible."""
    shown = []
    for character in raw.rstrip(b"\0").decode("utf-8", "replace"):
        code = ord(character)
        if character in "\t\n\r" or 0x20 <= code < 0x7F or code >= 0xA0:
            shown.append(character)
        elif code < 0x20:
            shown.append(chr(0x2400 + code))
        else:
            shown.append("\u2421" if code == 0x7F else "\ufffd")
    return "".join(shown)
