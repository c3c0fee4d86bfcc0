"""Payloads of DLT messages, read from the description of the format alone.

Arguments of verbose messages, control messages, and how texts and numbers are shown.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]

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
        value = payload.number("B")
        return Argument("bool", value, name, shown=str(value))

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
