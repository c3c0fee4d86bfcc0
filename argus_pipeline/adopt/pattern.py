"""What a key says: a pattern over the keys of an archive. Pure, and a public interface.

`docs/adopt.md` is its reference. A pattern is text with placeholders in braces. Each takes as
little of the key as it can, and none but `{path}` and a `{time:…}` with slashes crosses a slash.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from argus_pipeline.batches.names import SAFE_NAME_RULE, is_safe_name
from argus_pipeline.errors import BadInput

FIELDS: Final = ("vehicle", "platform", "firmware", "firmware_from", "campaign")
"""The placeholders that become fields of the manifest under the same name."""

_NAMES: Final = ("file", "path")
_PLACEHOLDERS: Final = (*FIELDS, "time:FORMAT", "batch", *_NAMES, "any")
_TOKEN: Final = re.compile(r"\{\{|\}\}|\{(?P<inside>[^{}]*)\}|[{}]")
_DIRECTIVES: Final = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "m": "[0-9]{2}",
    "d": "[0-9]{2}",
    "j": "[0-9]{3}",
    "H": "[0-9]{2}",
    "M": "[0-9]{2}",
    "S": "[0-9]{2}",
    "f": "[0-9]{1,6}",
    "z": "(?:Z|[+-][0-9]{2}:?[0-9]{2})",
}
_DIRECTIVE: Final = re.compile("%(.?)", re.DOTALL)
# What the recordings of a batch may differ in stands so in its place.
_MASK: Final = "*"


class BadPattern(BadInput):
    """The pattern cannot be used; the message says which placeholder, and where."""


class BadKey(BadInput):
    """A key fits the pattern, and what it says cannot be used."""


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What a key says.

    Attributes:
        fields: by name, those of `FIELDS` that the pattern has.
        time: in UTC.
        name: what the file is called there: the end of the key, which may hold slashes.
        place: the same for all recordings of a batch, and another for those of any other: the key
            with an asterisk for what they may differ in.
    """

    fields: Mapping[str, str]
    time: datetime
    name: str
    place: str


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of the pattern: as it was written, its regular expression and what it is.

    `kind` is the placeholder's name, or empty for a literal.
    """

    written: str
    expression: str
    kind: str = ""

    @property
    def is_open(self) -> bool:
        """Whether only what follows says where it ends."""
        return self.kind not in {"", "time"}


class Pattern:
    """A pattern that was checked.

    Args:
        text: such as `{vehicle}/{firmware}/{time:%Y%m%dT%H%M%SZ}/{file}`.

    Raises:
        BadPattern: it cannot be used.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._directives: list[str] = []
        self._parts = self._read()
        self._check()
        self._expression = self._compiled(len(self._parts))
        kinds = {part.kind for part in self._parts}
        self.fields = tuple(field for field in FIELDS if field in kinds)
        # With `{batch}` a batch is what has the same vehicle and the same text there.
        grouped = {"", "vehicle", "batch"} if "batch" in kinds else {"", *FIELDS, "time"}
        self._kept = [part.kind in grouped for part in self._parts]

    def read(self, key: str) -> KeyFacts | None:
        """What a key says; None where it does not fit.

        Raises:
            BadKey: there is no such time, or a field of it is no safe name.
        """
        found = self._expression.fullmatch(key)
        if found is None:
            return None
        texts = [found[f"p{index}"] for index in range(len(self._parts))]
        fields = {
            part.kind: text
            for part, text in zip(self._parts, texts, strict=True)
            if part.kind in FIELDS
        }
        for field, value in fields.items():
            if not is_safe_name(value):
                raise BadKey(f"the {field} {value!r} is no safe name", expected=SAFE_NAME_RULE)
        begins = next(
            (found.start(f"p{i}") for i, part in enumerate(self._parts) if part.kind in _NAMES),
            key.rfind("/") + 1,
        )
        return KeyFacts(
            fields=fields,
            time=self._time(found),
            name=key[begins:],
            place="".join(
                text if kept else _MASK for text, kept in zip(texts, self._kept, strict=True)
            ),
        )

    def stops_at(self, key: str) -> str | None:
        """The first placeholder or text that a key does not fit; None where all do but the end."""
        for count in range(len(self._parts), 0, -1):
            if self._compiled(count).match(key):
                return self._parts[count].written if count < len(self._parts) else None
        return self._parts[0].written

    def _read(self) -> list[_Part]:
        parts: list[_Part] = []
        first: dict[str, int] = {}
        literal, end = "", 0
        for token in _TOKEN.finditer(self.text):
            literal += self.text[end : token.start()]
            end = token.end()
            if token[0] in {"{{", "}}"}:
                literal += token[0][0]
                continue
            if token["inside"] is None:
                what = f"has a brace {token[0]!r} without its other one"
                raise self._bad(what, token.start(), "{{ or }} for a brace in the key")
            if literal:
                parts.append(_Part(literal, re.escape(literal)))
                literal = ""
            part = self._placeholder(token, first)
            if parts and parts[-1].is_open and part.is_open:
                what = f"has {part.written} right behind {parts[-1].written}"
                raise self._bad(what, token.start(), "text between them")
            first.setdefault(part.kind, len(parts))
            parts.append(part)
        literal += self.text[end:]
        if literal:
            parts.append(_Part(literal, re.escape(literal)))
        return parts

    def _placeholder(self, token: re.Match[str], first: Mapping[str, int]) -> _Part:
        """One placeholder; one that was there before has to say the same again."""
        written, at = token[0], token.start()
        kind, colon, form = token["inside"].partition(":")
        if kind == "time" and colon:
            return _Part(written, self._time_expression(written, form, at), kind)
        if colon or kind not in _PLACEHOLDERS:
            known = ", ".join(f"{{{name}}}" for name in _PLACEHOLDERS)
            raise self._bad(f"has the placeholder {written}", at, f"one of {known}")
        if kind in first and kind != "any":
            return _Part(written, f"(?P=p{first[kind]})", kind)
        return _Part(written, ".+?" if kind == "path" else "[^/]+?", kind)

    def _time_expression(self, written: str, form: str, at: int) -> str:
        expression, end = "", 0
        for found in _DIRECTIVE.finditer(form):
            expression += re.escape(form[end : found.start()])
            end = found.end()
            name = found[1]
            if name == "%":
                expression += "%"
            elif name not in _DIRECTIVES:
                known = ", ".join(f"%{one}" for one in (*_DIRECTIVES, "%"))
                raise self._bad(f"has {found[0]!r} in {written}", at, f"one of {known}")
            elif name in self._directives:
                expression += f"(?P=t{name})"
            else:
                self._directives.append(name)
                expression += f"(?P<t{name}>{_DIRECTIVES[name]})"
        return expression + re.escape(form[end:])

    def _check(self) -> None:
        kinds = [part.kind for part in self._parts]
        if sum(kind in _NAMES for kind in kinds) > 1:
            raise self._bad("says twice what a file is called", None, "{file} or {path}, once")
        if "time" not in kinds:
            raise self._bad("has no {time:FORMAT}", None, "such as {time:%Y%m%dT%H%M%SZ}")
        said = set(self._directives)
        if not said & {"Y", "y"} or not ({"m", "d"} <= said or "j" in said):
            raise self._bad(
                "names no day by its {time:FORMAT}", None, "%Y, %m and %d, or %Y and %j, in it"
            )

    def _compiled(self, parts: int) -> re.Pattern[str]:
        expressions = (
            f"(?P<p{index}>{part.expression})" for index, part in enumerate(self._parts[:parts])
        )
        return re.compile("".join(expressions), re.DOTALL)

    def _time(self, found: re.Match[str]) -> datetime:
        text = " ".join(found[f"t{name}"] for name in self._directives)
        form = " ".join(f"%{name}" for name in self._directives)
        try:
            time = datetime.strptime(text, form)
            return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
        except (ValueError, OverflowError) as error:
            raise BadKey(
                f"there is no time {text!r}", expected=f"{form}, in this order, as the pattern says"
            ) from error

    def _bad(self, what: str, at: int | None, expected: str) -> BadPattern:
        place = "" if at is None else f" at character {at + 1}"
        return BadPattern(f"{what}{place}", where=f"the pattern {self.text!r}", expected=expected)
