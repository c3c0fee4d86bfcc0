"""An independent decoder of `.rec` recordings, written from the description of the format alone.

Slow and strict. It shares no code with the native parser and none with the simulator's encoder.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
Tables = dict[str, list[Row]]

INTEGERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
SCALARS = INTEGERS | {"bool", "char", "float", "double", "string", "bytes"}
TOKENS = re.compile(
    r"""\s+ | //[^\n]* | /\*.*?\*/
      | (?P<token> "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])' | [\[\]{};,=]
          | [-+]?\d[\w.+-]* | [-+]?\.\d+ | [A-Za-z_][\w.]* )""",
    re.VERBOSE | re.DOTALL,
)
ENVELOPE_COLUMNS = {"offset", "size", "sent", "received", "sample_time"}


@dataclass
class Field:
    number: int
    name: str
    kind: str
    default: Any = None


@dataclass
class Message:
    number: int
    name: str
    fields: list[Field] = field(default_factory=list)


Specification = dict[int, Message]


def specification(text: str) -> Specification:
    """The messages of an `.odvd`, by id."""
    tokens = list(_tokens(text))
    found: Specification = {}
    at = 0
    while at < len(tokens):
        if tokens[at] == "package":
            at = tokens.index(";", at) + 1
            continue
        assert tokens[at] == "message", tokens[at]
        name = tokens[at + 1]
        options, at = _options(tokens, at + 2)
        message = Message(int(options["id"]), name)
        assert tokens[at] == "{", tokens[at]
        at += 1
        while tokens[at] != "}":
            kind, field_name = tokens[at], tokens[at + 1]
            options, at = _options(tokens, at + 2)
            default = _default(kind, options.get("default"))
            message.fields.append(Field(int(options["id"]), field_name, kind, default))
            if tokens[at] == ";":
                at += 1
        at += 1
        found[message.number] = message
    return found


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        match = TOKENS.match(text, at)
        assert match, f"what is {text[at : at + 20]!r}?"
        if match["token"]:
            yield match["token"]
        at = match.end()


def _options(tokens: list[str], at: int) -> tuple[dict[str, str], int]:
    assert tokens[at] == "[", tokens[at]
    end = tokens.index("]", at)
    inside = tokens[at + 1 : end]
    return {
        n: v for n, e, v in zip(inside, inside[1:], inside[2:], strict=False) if e == "="
    }, end + 1


def _default(kind: str, text: str | None) -> Any:
    if kind == "bool":
        return text in ("true", "1")
    if kind == "char":
        return text[1:-1] if text and text[0] == "'" else chr(int(text or 0))
    if kind in ("string", "bytes"):
        value = text[1:-1].replace('\\"', '"') if text else ""
        return value if kind == "string" else value.encode()
    if kind in ("float", "double"):
        return float(text or 0)
    if kind in INTEGERS:
        return int(text or "0", 0)
    return None


def decode(
    data: bytes, messages: Specification, *, damaged: Collection[tuple[int, int]] = ()
) -> Tables:
    """The rows of a recording, by table, in the order of the file.

    Args:
        data: the bytes of the recording.
        messages: the specification.
        damaged: stretches (first byte, byte after the last) that are jumped over.
    """
    by_name = {message.name: message for message in messages.values()}
    jumps = dict(damaged)
    tables: Tables = {}
    at = 0
    while at < len(data):
        if at in jumps:
            at = jumps[at]
            continue
        assert data[at : at + 2] == b"\x0d\xa4", f"no envelope at byte {at}"
        length = int.from_bytes(data[at + 2 : at + 5], "little")
        body = data[at + 5 : at + 5 + length]
        assert len(body) == length, f"the file ends inside the envelope at byte {at}"
        envelope = fields(body)
        number = zigzag(int(envelope.get(1, 0)))
        sender = int(envelope.get(6, 0))
        row: Row = {
            "offset": at,
            "size": 5 + length,
            "sent": time_of(envelope.get(3)),
            "received": time_of(envelope.get(4)),
            "sample_time": time_of(envelope.get(5)),
        }
        payload = envelope.get(2, b"")
        if number in messages:
            name = messages[number].name
            for column, value in flattened(messages[number], payload, by_name):
                row[f"{column}_" if column in ENVELOPE_COLUMNS else column] = value
        else:
            name = f"unknown-{number}"
            row["payload"] = payload
        tables.setdefault(f"{name}-{sender}", []).append(row)
        at += 5 + length
    return tables


def flattened(
    message: Message, data: bytes | None, by_name: dict[str, Message]
) -> Iterator[tuple[str, Any]]:
    """Columns and values of a message; fields of a nested one after a dot."""
    found = fields(data or b"")
    for spec in message.fields:
        if spec.kind in SCALARS:
            yield spec.name, scalar(spec, found.get(spec.number))
        else:
            inside = flattened(by_name[spec.kind], found.get(spec.number), by_name)
            for name, value in inside:
                yield f"{spec.name}.{name}", value


def scalar(spec: Field, raw: Any) -> Any:
    if raw is None:
        return spec.default
    if spec.kind == "bool":
        return raw != 0
    if spec.kind == "char":
        return chr(raw)
    if spec.kind == "string":
        return raw.decode("utf-8", "replace")
    if spec.kind == "bytes":
        return raw
    if spec.kind in ("float", "double"):
        return struct.unpack("<f" if spec.kind == "float" else "<d", raw)[0]
    bits = int(spec.kind.lstrip("uint"))
    if spec.kind.startswith("u"):
        return raw % (1 << bits)
    return zigzag(raw)


def fields(data: bytes) -> dict[int, Any]:
    """The fields of a protobuf message by number; of a repeated one the last."""
    found: dict[int, Any] = {}
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            found[number], at = varint(data, at)
        elif wire == 2:
            size, at = varint(data, at)
            assert at + size <= len(data), "a field reaches beyond its message"
            found[number] = data[at : at + size]
            at += size
        else:
            size = {1: 8, 5: 4}[wire]
            found[number] = data[at : at + size]
            at += size
    return found


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if not byte & 0x80:
            return value & (1 << 64) - 1, at


def zigzag(value: int) -> int:
    return value >> 1 if value % 2 == 0 else -(value >> 1) - 1


def time_of(raw: bytes | None) -> int | None:
    """Nanoseconds since the epoch; None where there is no time."""
    if raw is None:
        return None
    parts = fields(raw)
    return zigzag(parts.get(1, 0)) * 10**9 + zigzag(parts.get(2, 0)) * 1000
