"""The records of a FIBEX catalogue, each by itself: what a FRAME, PDU, SIGNAL or CODING says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from argus_pipeline.recordings.fibex_types import Coding
from argus_pipeline.recordings.xml_records import Element

MAX_TEXT_CHARACTERS: Final = 4_096
_HIGHEST_ID: Final = 2**32 - 1
_MESSAGE_ID = re.compile(r"ID_(?:0[xX]([0-9a-fA-F]{1,8})|([0-9]{1,10}))")


@dataclass(frozen=True, slots=True)
class Signal:
    """A value of a PDU: which SIGNAL it is, and what it is called there."""

    ref: str
    name: str
    unit: str


@dataclass(frozen=True, slots=True)
class Pdu:
    """A part of a message: values, or a text that is not in the payload."""

    line: int = field(compare=False)
    column: int = field(compare=False)
    text: str
    length: str
    signals: tuple[Signal, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """A message: its PDUs in order, and what the manufacturer's extension says of it."""

    line: int
    column: int
    message_id: int
    name: str
    pdus: tuple[str, ...]
    extension: Mapping[str, str]


def frame_of(record: Element) -> Frame | None:
    """A FRAME; None where neither its ID nor its name has a message id."""
    name = record.text_of("SHORT-NAME")
    message_id = _message_id(record.attributes.get("ID", ""))
    if message_id is None:
        message_id = _message_id(name)
    if message_id is None:
        return None
    instances = record.all("PDU-INSTANCES", "PDU-INSTANCE")
    extension = record.first("MANUFACTURER-EXTENSION")
    return Frame(
        record.line,
        record.column,
        message_id,
        name[:MAX_TEXT_CHARACTERS],
        tuple(reference(instance, "PDU-REF") for instance in _in_order(instances)),
        {e.name: e.text.strip()[:MAX_TEXT_CHARACTERS] for e in extension.children}
        if extension
        else {},
    )


def pdu_of(record: Element) -> Pdu:
    """A PDU, with its signals in order."""
    instances = record.all("SIGNAL-INSTANCES", "SIGNAL-INSTANCE")
    return Pdu(
        record.line,
        record.column,
        _one_line(record.text_of("DESC")),
        record.text_of("BYTE-LENGTH"),
        tuple(_signal(instance) for instance in _in_order(instances)),
    )


def _signal(instance: Element) -> Signal:
    # The name and unit that a verbose message would carry itself (VARI).
    name = instance.text_of("MANUFACTURER-EXTENSION", "VARI_NAME")
    unit = instance.text_of("MANUFACTURER-EXTENSION", "VARI_UNIT")
    return Signal(reference(instance, "SIGNAL-REF"), _one_line(name), _one_line(unit))


def coding_of(record: Element) -> Coding:
    """A CODING; what it does not say is empty."""
    coded = record.first("CODED-TYPE")
    attributes = coded.attributes if coded else {}
    return Coding(
        attributes.get("BASE-DATA-TYPE", ""),
        record.text_of("CODED-TYPE", "BIT-LENGTH"),
        attributes.get("ENCODING", ""),
    )


def reference(element: Element, name: str) -> str:
    """The ID that the child of this name refers to; empty where there is none."""
    found = element.first(name)
    return found.attributes.get("ID-REF", "") if found else ""


def _in_order(instances: Iterable[Element]) -> list[Element]:
    """By their sequence numbers; as they stand in the file where one of them has none."""
    found = list(instances)
    numbers = [instance.text_of("SEQUENCE-NUMBER") for instance in found]
    if not all(re.fullmatch("[0-9]{1,9}", number) for number in numbers):
        return found
    return [found[i] for i in sorted(range(len(found)), key=lambda i: int(numbers[i]))]


def _message_id(name: str) -> int | None:
    match = _MESSAGE_ID.fullmatch(name)
    if not match:
        return None
    number = int(match[1], 16) if match[1] else int(match[2])
    return number if number <= _HIGHEST_ID else None


def _one_line(text: str) -> str:
    """Without the line breaks that an exporter's layout put in."""
    lines = (line.strip() for line in text.splitlines())
    return " ".join(line for line in lines if line)[:MAX_TEXT_CHARACTERS]
