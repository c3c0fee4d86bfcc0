"""XML from a stranger, record by record: large files in little memory, and nothing ever fetched.

A document type declaration is refused, so there are no entities to expand and nothing outside to
read. Names are told without their prefix, since exporters choose different ones.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from argus_pipeline.errors import BadInput

# No export nests deeper than about 15, and none has so large a record; else it would be for harm.
MAX_DEPTH: Final = 100
MAX_ELEMENTS_IN_RECORD: Final = 50_000
MAX_TEXT_CHARACTERS: Final = 65_536
_CHUNK_BYTES: Final = 1024 * 1024
_HINT: Final = "Export the file again, or mend it at this place"


@dataclass(slots=True)
class Element:
    """An element of a record: names without prefixes, and where its tag begins (from 1)."""

    name: str
    attributes: dict[str, str]
    line: int
    column: int
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, name: str, *inner: str) -> Iterator[Element]:
        """The children of this name, or, with more names, those at the end of that path."""
        for child in self.children:
            if child.name == name:
                if inner:
                    yield from child.all(*inner)
                else:
                    yield child

    def first(self, name: str, *inner: str) -> Element | None:
        """The first of `all`."""
        return next(self.all(name, *inner), None)

    def text_of(self, name: str, *inner: str) -> str:
        """Text of the first of `all`, without the blanks around it; empty where there is none."""
        found = self.first(name, *inner)
        return found.text.strip() if found else ""


def read_records(
    content: bytes,
    source: str,
    *,
    records: frozenset[str],
    take_root: Callable[[str], None],
    take: Callable[[Element], None],
) -> None:
    """Hand every element whose name is in `records` to `take`, whole, and keep none.

    Args:
        content: the document, in the encoding that it declares.
        source: its name, for messages.
        records: names of elements; one inside another belongs to the outer one.
        take_root: called first, with the name of the root element; may raise.
        take: called with each record when its end is reached; may raise.

    Raises:
        BadInput: not well-formed, with a document type declaration, or of a shape meant for harm.
    """
    _Reader(source, records, take_root, take).read(content)


def root_name(head: bytes) -> str | None:
    """Name of the root element, from a file's first bytes; None where they are no XML."""
    found: list[str] = []

    def start(name: str, _: dict[str, str]) -> None:
        if not found:
            found.append(_local(name))

    def refuse(*_: object) -> None:
        raise ValueError

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse
    with contextlib.suppress(expat.ExpatError, LookupError, ValueError):
        parser.Parse(head, False)
    return found[0] if found else None


class _Reader:
    def __init__(
        self,
        source: str,
        records: frozenset[str],
        take_root: Callable[[str], None],
        take: Callable[[Element], None],
    ) -> None:
        self._source = source
        self._records = records
        self._take_root = take_root
        self._take = take
        self._depth = 0
        self._open: list[Element] = []  # of the record that is being read
        self._elements = 0  # in that record
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype

    def read(self, content: bytes) -> None:
        view = memoryview(content)
        try:
            for at in range(0, len(view), _CHUNK_BYTES):
                self._parser.Parse(view[at : at + _CHUNK_BYTES], False)
            self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise BadInput(
                f"not well-formed XML: {expat.ErrorString(error.code)}",
                where=f"{self._source}:{error.lineno}:{error.offset + 1}",
                hint=_HINT,
            ) from error
        except (LookupError, ValueError) as error:
            raise self._bad(f"its encoding cannot be read: {error}", "UTF-8") from error

    def _bad(self, what: str, expected: str) -> BadInput:
        line, column = self._position()
        return BadInput(
            what, where=f"{self._source}:{line}:{column}", expected=expected, hint=_HINT
        )

    def _position(self) -> tuple[int, int]:
        return self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1

    def _refuse_doctype(self, *_: object) -> None:
        raise self._bad("has a document type declaration", "XML without <!DOCTYPE …>")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = _local(name)
        self._depth += 1
        if self._depth == 1:
            self._take_root(name)
        if self._depth > MAX_DEPTH:
            raise self._bad("is nested too deeply", f"at most {MAX_DEPTH} levels")
        if not self._open and name not in self._records:
            return
        line, column = self._position()
        element = Element(name, {_local(k): v for k, v in attributes.items()}, line, column)
        if self._open:
            self._open[-1].children.append(element)
            self._elements += 1
            if self._elements > MAX_ELEMENTS_IN_RECORD:
                raise self._bad(
                    f"one <{self._open[0].name}> holds too much",
                    f"at most {MAX_ELEMENTS_IN_RECORD:,} elements in it",
                )
        else:
            self._elements = 1
            # Without a handler, expat does not even hand out the text between records.
            self._parser.CharacterDataHandler = self._text
        self._open.append(element)

    def _text(self, data: str) -> None:
        element = self._open[-1]
        if len(element.text) < MAX_TEXT_CHARACTERS:
            element.text += data

    def _end(self, _: str) -> None:
        self._depth -= 1
        if not self._open:
            return
        element = self._open.pop()
        if not self._open:
            self._parser.CharacterDataHandler = None
            self._take(element)


def _local(name: str) -> str:
    return name.rpartition(":")[2]
