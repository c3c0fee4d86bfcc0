"""Writes `.rec` envelopes as OpenDaVINCI and libcluon do (Protocol Buffers wire format).

Of scalars, signed integers are zigzag varints, unsigned ones and bool plain varints, float and
double little-endian of fixed size; strings and nested messages carry their length.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

MAGIC: Final = b"\x0d\xa4"
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_SIGNED = {"int8", "int16", "int32", "int64"}
_UNSIGNED = {"bool", "char", "uint8", "uint16", "uint32", "uint64"}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a message type: its number, its name and its `.odvd` type or message type."""

    number: int
    name: str
    type: str | MessageType


@dataclass(frozen=True, slots=True)
class MessageType:
    """A message type of a specification: its name, its id and its fields."""

    name: str
    id: int
    fields: tuple[Field, ...]


def encode(kind: MessageType, values: Sequence[Any]) -> bytes:
    """The serialized message; `values` stand in the order of the type's fields.

    Raises:
        ValueError: there are more or fewer values than fields.
    """
    return b"".join(_field(field, value) for field, value in zip(kind.fields, values, strict=True))


def envelope(
    kind: MessageType, values: Sequence[Any], *, sample_ns: int, delay_us: int, sender: int
) -> bytes:
    """A framed envelope.

    Args:
        kind: the message type inside.
        values: its fields, in order.
        sample_ns: when it was measured and sent, nanoseconds since the epoch; kept to the
            microsecond.
        delay_us: how long after it was received, in microseconds.
        sender: the sender stamp.
    """
    sample_us = sample_ns // 1000
    stamp = _time_stamp(sample_us)
    content = b"".join(
        (
            _key(1, _VARINT) + varint(zigzag(kind.id)),
            _sized(2, encode(kind, values)),
            _sized(3, stamp),
            _sized(4, _time_stamp(sample_us + delay_us)),
            _sized(5, stamp),
            _key(6, _VARINT) + varint(sender),
        )
    )
    return MAGIC + len(content).to_bytes(3, "little") + content


def varint(value: int) -> bytes:
    """A non-negative integer in groups of 7 bits, the lowest first."""
    if value < 0x80:
        return bytes((value,))
    groups = bytearray()
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def zigzag(value: int) -> int:
    """A signed integer as an unsigned one, small where its magnitude is: 0, -1, 1, -2 → 0 to 3."""
    return value << 1 if value >= 0 else (-value << 1) - 1


def _field(field: Field, value: Any) -> bytes:
    kind = field.type
    if isinstance(kind, MessageType):
        return _sized(field.number, encode(kind, value))
    if kind in _SIGNED:
        return _key(field.number, _VARINT) + varint(zigzag(value))
    if kind in _UNSIGNED:
        return _key(field.number, _VARINT) + varint(int(value))
    if kind == "float":
        return _key(field.number, _FIXED32) + struct.pack("<f", value)
    if kind == "double":
        return _key(field.number, _FIXED64) + struct.pack("<d", value)
    if kind == "string":
        return _sized(field.number, value.encode())
    raise ValueError(f"the field {field.name!r} has the unknown type {kind!r}")


def _time_stamp(microseconds: int) -> bytes:
    seconds, rest = divmod(microseconds, 1_000_000)
    return _key(1, _VARINT) + varint(zigzag(seconds)) + _key(2, _VARINT) + varint(zigzag(rest))


def _sized(number: int, data: bytes) -> bytes:
    return _key(number, _LENGTH) + varint(len(data)) + data


def _key(number: int, wire_type: int) -> bytes:
    return varint(number << 3 | wire_type)
