"""FIBEX catalogues: what the numbers of non-verbose DLT messages stand for.

Such a message carries its id and bare values. The catalogue has a FRAME for each id, the frame's
PDUs are its texts and values in order, and a value's SIGNAL says, by its name or its CODING, how
many bytes of what it is. Read are ASAM FIBEX 3 and 4, as AUTOSAR PRS Log and Trace Protocol uses
them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeVar

import argus_native

from argus_pipeline.errors import BadInput
from argus_pipeline.recordings.fibex_records import (
    Frame,
    Pdu,
    coding_of,
    frame_of,
    pdu_of,
    reference,
)
from argus_pipeline.recordings.fibex_types import (
    MESSAGE_INFO,
    MESSAGE_TYPE,
    Coding,
    UnknownType,
    type_of,
)
from argus_pipeline.recordings.xml_records import Element, read_records, root_name

# Those of a whole vehicle are some 30 MB.
MAX_CATALOGUE_BYTES: Final = 128 * 1024 * 1024
# An extended header can count so many arguments.
MAX_ITEMS: Final = 255
# PDUs that many frames share could make a small file large.
MAX_ALL_ITEMS: Final = 2_000_000
_NAMED_WARNINGS: Final = 50
_ROOT: Final = "FIBEX"
_RECORDS: Final = frozenset({"FRAME", "PDU", "SIGNAL", "CODING"})
_STAYS_RAW: Final = "What follows in the payload stays raw until the catalogue is mended"

_Value = TypeVar("_Value")
Item = tuple[str, int, str, str]
"""Kind, bits, text or name, unit: as `argus_native.Catalogue.add` takes it."""


@dataclass(frozen=True, slots=True)
class FibexCatalogue:
    """A catalogue, and what is wrong with parts of it, each with its place in the file."""

    native: argus_native.Catalogue
    warnings: tuple[str, ...] = ()


def read_fibex(content: bytes, source: str) -> FibexCatalogue:
    """Read a catalogue.

    A frame that cannot be understood to its end is kept up to there, with a warning; where two
    frames have the same id, application and context and other content, the first one stays.

    Args:
        content: of the file.
        source: the file's name, for messages.

    Raises:
        BadInput: no FIBEX, or one without any frame of a DLT message.
    """
    reader = _Reader(source)
    read_records(content, source, records=_RECORDS, take_root=reader.take_root, take=reader.take)
    return reader.finish()


def looks_like_fibex(head: bytes) -> bool:
    """Whether these first bytes of a file begin a FIBEX, and not some other XML."""
    return root_name(head) == _ROOT


class _Reader:
    """Takes the file's records in any order; references are followed once all are there."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._frames: list[Frame] = []
        self._pdus: dict[str, Pdu] = {}
        self._signals: dict[str, str] = {}
        self._codings: dict[str, Coding] = {}
        self._items: dict[str, tuple[tuple[Item, ...], bool]] = {}  # of the PDUs looked at so far
        self._other_frames = 0
        self._warnings: list[str] = []
        self._unnamed_warnings = 0

    def take_root(self, name: str) -> None:
        if name == _ROOT:
            return
        raise BadInput(
            "is an AUTOSAR description (ARXML)" if name == "AUTOSAR" else f"begins with <{name}>",
            where=self._source,
            expected="a FIBEX catalogue, which begins with <FIBEX>",
            hint="Export the catalogue as FIBEX" if name == "AUTOSAR" else "Leave the file out",
        )

    def take(self, record: Element) -> None:
        match record.name:
            case "FRAME":
                if frame := frame_of(record):
                    self._frames.append(frame)
                else:
                    self._other_frames += 1
            case "PDU":
                self._keep(self._pdus, record, pdu_of(record))
            case "SIGNAL":
                self._keep(self._signals, record, reference(record, "CODING-REF"))
            case _:
                self._keep(self._codings, record, coding_of(record))

    def finish(self) -> FibexCatalogue:
        catalogue = argus_native.Catalogue()
        total = 0
        for frame in self._frames:
            items = self._frame_items(frame)
            total += len(items)
            if total > MAX_ALL_ITEMS:
                raise BadInput(
                    f"its frames have more than {MAX_ALL_ITEMS:,} texts and values together",
                    where=self._source,
                    hint="Divide it into several catalogues",
                )
            self._add(catalogue, frame, items)
        if not self._frames:
            raise BadInput(
                "has no frame of a DLT message"
                + (f" among {self._other_frames:,} frames" if self._other_frames else ""),
                where=self._source,
                expected="FRAME elements with an ID such as ID_65, where 65 is the message id",
                hint="Look whether this is the catalogue of the ECU's DLT messages",
            )
        if self._other_frames:
            self._warn_text(
                f"{self._source}: {self._other_frames:,} frames are left out: their IDs are not"
                " of the form ID_65, where 65 is a message id"
            )
        if self._unnamed_warnings:
            self._warnings.append(f"{self._source}: {self._unnamed_warnings:,} more such places")
        return FibexCatalogue(catalogue, tuple(self._warnings))

    def _keep(self, table: dict[str, _Value], record: Element, value: _Value) -> None:
        name = record.attributes.get("ID", "")
        if table.setdefault(name, value) != value:
            self._warn(
                record.line,
                record.column,
                f"another {record.name} has the ID '{name}' and other content; it is used",
                expected="every ID once",
            )

    def _frame_items(self, frame: Frame) -> list[Item]:
        items: list[Item] = []
        for ref in frame.pdus:
            if ref not in self._pdus:
                self._warn(
                    frame.line,
                    frame.column,
                    f"frame ID_{frame.message_id} refers to the PDU '{ref}', which is not there",
                    expected="a PDU of this ID",
                    hint=_STAYS_RAW,
                )
                break
            found, whole = self._pdu_items(ref)
            items += found
            if len(items) > MAX_ITEMS:
                self._warn(
                    frame.line,
                    frame.column,
                    f"frame ID_{frame.message_id} has more texts and values than a message can",
                    expected=f"at most {MAX_ITEMS}",
                    hint=_STAYS_RAW,
                )
                return items[:MAX_ITEMS]
            if not whole:
                break
        return items

    def _pdu_items(self, ref: str) -> tuple[tuple[Item, ...], bool]:
        """What a PDU puts into the message, and whether all of it is understood."""
        if ref not in self._items:
            self._items[ref] = self._read_pdu(ref, self._pdus[ref])
        return self._items[ref]

    def _read_pdu(self, ref: str, pdu: Pdu) -> tuple[tuple[Item, ...], bool]:
        items: list[Item] = []
        try:
            for signal in pdu.signals:
                kind, bits = type_of(signal.ref, self._signals, self._codings)
                items.append((kind, bits, signal.name, signal.unit))
        except UnknownType as error:
            what = f"PDU '{ref}': {error}"
            self._warn(pdu.line, pdu.column, what, expected=error.expected, hint=_STAYS_RAW)
            return tuple(items), False
        if pdu.signals:
            self._check_length(ref, pdu, items)
            return tuple(items), True
        # Without signals a PDU is a text that is not in the payload.
        if pdu.text:
            return (("text", 0, pdu.text, ""),), True
        if pdu.length in {"", "0"}:
            return (), True
        what = f"PDU '{ref}': nothing says what its {pdu.length} bytes are"
        expected = "SIGNAL-INSTANCES in it"
        self._warn(pdu.line, pdu.column, what, expected=expected, hint=_STAYS_RAW)
        return (), False

    def _check_length(self, ref: str, pdu: Pdu, items: list[Item]) -> None:
        if pdu.length in {"", "0"} or any(bits == 0 for _, bits, _, _ in items):
            return
        size = sum(bits for _, bits, _, _ in items) // 8
        if pdu.length != str(size):
            self._warn(
                pdu.line,
                pdu.column,
                f"PDU '{ref}' has {pdu.length} bytes, and its signals {size}; the signals count",
                expected="both the same",
            )

    def _add(self, catalogue: argus_native.Catalogue, frame: Frame, items: list[Item]) -> None:
        said = frame.extension
        line = said.get("MESSAGE_LINE_NUMBER", "")
        kind, number = MESSAGE_INFO.get(said.get("MESSAGE_INFO", ""), (None, None))
        # The info says the type as well, and some exporters give nothing else.
        message_type = MESSAGE_TYPE.get(said.get("MESSAGE_TYPE", ""), kind)
        added = catalogue.add(
            frame.message_id,
            items,
            name=frame.name,
            app=said.get("APPLICATION_ID", ""),
            context=said.get("CONTEXT_ID", ""),
            type=message_type,
            subtype=number if kind == message_type else None,
            source_file=said.get("MESSAGE_SOURCE_FILE", ""),
            source_line=int(line) if re.fullmatch("[0-9]{1,9}", line) else None,
        )
        if not added:
            self._warn(
                frame.line,
                frame.column,
                f"frame ID_{frame.message_id} is left out: an earlier one has the same id,"
                " application and context, and other content",
                expected="every message once",
            )

    def _warn(
        self, line: int, column: int, what: str, *, expected: str, hint: str | None = None
    ) -> None:
        where = f"{self._source}:{line}:{column}"
        self._warn_text(str(BadInput(what, where=where, expected=expected, hint=hint)))

    def _warn_text(self, text: str) -> None:
        if len(self._warnings) < _NAMED_WARNINGS:
            self._warnings.append(text)
        else:
            self._unnamed_warnings += 1
