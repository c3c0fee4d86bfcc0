"""What an article is, and what makes one valid."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from argus_pipeline.batches.names import SAFE_NAME_RULE, is_safe_name
from argus_pipeline.errors import BadInput
from argus_pipeline.knowledge.codes import CODE_RULE, is_code, normal_code
from argus_pipeline.knowledge.versions import is_prefix, version_span

MAX_TEXT: Final = 4000
MAX_ENTRIES: Final = 50
# Raised when `searchable_texts` changes: it makes every article count as changed, so that the next
# import computes all vectors anew.
_RECIPE: Final = 2
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
_ID_RULE = "a slug of a-z, 0-9 and -, at most 128 long, such as c0035-front-left-wheel-speed"
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
LISTS: Final = ("symptoms", "causes", "checks", "remedies")
_FIELDS = (
    *("id", "code", "platform", "firmware", "ecu", "title", "titles"),
    *(*LISTS, "source", "language", "confirmed"),
)


@dataclass(frozen=True, slots=True)
class Article:
    """One entry of the knowledge base.

    `platform`, `ecu` and the firmware bounds (both inclusive) are None where they do not limit it;
    a bound may be a prefix such as `v2.%`. `titles` are the title in further languages, as pairs of
    language and text. `confirmed` says that the fault was found so on a vehicle.
    """

    article_id: str
    code: str
    title: str
    source: str
    language: str
    platform: str | None = None
    firmware_min: str | None = None
    firmware_max: str | None = None
    ecu: str | None = None
    symptoms: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    titles: tuple[tuple[str, str], ...] = ()
    confirmed: bool = False

    @property
    def searchable_texts(self) -> tuple[str, ...]:
        """What its vector stands for: how the fault is called, and how it shows.

        The vector is the mean over these texts, so that a title weighs as much as all symptoms.
        Measured by benchmarks/retrieval.py, that finds more than one vector of all text together.
        """
        shown = ". ".join(self.symptoms or self.causes)
        texts = (self.title, *(text for _, text in self.titles), shown)
        return tuple(text for text in texts if text)

    def title_in(self, language: str) -> str:
        """The title in a language such as `zh`, or in the article's own where there is none."""
        return dict(self.titles).get(language, self.title)

    @property
    def content_hash(self) -> str:
        """SHA-256 in hex over all that an import writes of it."""
        content = json.dumps([_RECIPE, asdict(self)], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def firmware_range(self) -> str | None:
        """The firmware range in words, such as `v2.3.0 to v2.3.1`, or None for any."""
        if self.firmware_min and self.firmware_max:
            if self.firmware_min == self.firmware_max:
                return self.firmware_min
            return f"{self.firmware_min} to {self.firmware_max}"
        if self.firmware_min:
            return f"{self.firmware_min} and later"
        return f"up to {self.firmware_max}" if self.firmware_max else None

    def to_entry(self) -> dict[str, Any]:
        """The article as an entry of a file, which `parse_article` reads back."""
        bounds = {"min": self.firmware_min, "max": self.firmware_max}
        firmware: object = {k: v for k, v in bounds.items() if v is not None} or None
        if self.firmware_min and self.firmware_min == self.firmware_max:
            firmware = self.firmware_min if is_prefix(self.firmware_min) else firmware
        entry: dict[str, Any] = {
            "id": self.article_id,
            "code": self.code,
            "platform": self.platform,
            "firmware": firmware,
            "ecu": self.ecu,
            "title": self.title,
            "titles": dict(self.titles) or None,
            **{name: list(getattr(self, name)) for name in LISTS},
            "source": self.source,
            "language": self.language,
            "confirmed": self.confirmed or None,
        }
        return {k: v for k, v in entry.items() if v not in (None, [])}


def parse_article(entry: object, *, where: str) -> Article:
    """Check one entry of a file and make an article of it.

    Args:
        entry: what the file holds at this place.
        where: file and entry, for the message.

    Raises:
        BadInput: naming the field, what it holds and what was expected.
    """
    if not isinstance(entry, Mapping):
        raise BadInput(f"the entry is {_shown(entry)}", where=where, expected="a mapping of fields")
    if entry.get("id") is not None:
        where = f"{where} ({_shown(entry['id'])})"
    for name in entry:
        # A misspelt `platform` would otherwise make the article hold for every vehicle.
        if name not in _FIELDS:
            raise BadInput(
                f"field {name!r} is not known", where=where, expected="one of " + ", ".join(_FIELDS)
            )
    firmware_min, firmware_max = _firmware(entry, where)
    return Article(
        article_id=_matching(entry, "id", _ID, _ID_RULE, where),
        code=_code(entry, where),
        platform=_platform(entry, where),
        firmware_min=firmware_min,
        firmware_max=firmware_max,
        ecu=None if entry.get("ecu") is None else _text(entry["ecu"], "ecu", where, limit=128),
        title=_text(_required(entry, "title", where), "title", where, limit=400),
        symptoms=_texts(entry, "symptoms", where),
        causes=_texts(entry, "causes", where, required=True),
        checks=_texts(entry, "checks", where),
        remedies=_texts(entry, "remedies", where),
        source=_text(_required(entry, "source", where), "source", where, limit=400),
        language=_matching(
            entry, "language", _LANGUAGE, "a language tag such as en, de, zh", where
        ),
        titles=_titles(entry, where),
        confirmed=_confirmed(entry, where),
    )


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _bad(field: str, value: object, expected: str, where: str) -> BadInput:
    return BadInput(f"field '{field}' is {_shown(value)}", where=where, expected=expected)


def _required(entry: Mapping[Any, Any], field: str, where: str) -> Any:
    if entry.get(field) is None:
        raise BadInput(f"lacks the field '{field}'", where=where, expected="it to be there")
    return entry[field]


def _text(value: object, field: str, where: str, *, limit: int = MAX_TEXT) -> str:
    expected = f"a text of 1 to {limit} characters"
    if not isinstance(value, str):
        hint = ", in quotes" if isinstance(value, int | float) else ""
        raise _bad(field, value, expected + hint, where)
    text = value.strip()
    if not text or len(text) > limit:
        raise _bad(field, value, expected, where)
    if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text):
        raise _bad(field, value, "a text without NUL and lone surrogates", where)
    return text


def _texts(
    entry: Mapping[Any, Any], field: str, where: str, *, required: bool = False
) -> tuple[str, ...]:
    value = _required(entry, field, where) if required else entry.get(field)
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_ENTRIES or (required and not value):
        raise _bad(field, value, f"a list of {1 if required else 0} to {MAX_ENTRIES} texts", where)
    return tuple(_text(item, f"{field}[{n}]", where) for n, item in enumerate(value))


def _titles(entry: Mapping[Any, Any], where: str) -> tuple[tuple[str, str], ...]:
    value = entry.get("titles")
    if value is None:
        return ()
    expected = "the title by language, such as {zh: 左前轮速传感器}, but not in the article's own"
    if not isinstance(value, Mapping) or len(value) > MAX_ENTRIES:
        raise _bad("titles", value, expected, where)
    for language in value:
        known = isinstance(language, str) and _LANGUAGE.fullmatch(language)
        if not known or language == entry.get("language"):
            raise _bad("titles", value, expected, where)
    return tuple(
        (language, _text(value[language], f"titles.{language}", where, limit=400))
        for language in sorted(value)
    )


def _confirmed(entry: Mapping[Any, Any], where: str) -> bool:
    value = entry.get("confirmed", False)
    if not isinstance(value, bool):
        raise _bad("confirmed", value, "true or false", where)
    return value


def _matching(
    entry: Mapping[Any, Any], field: str, pattern: re.Pattern[str], rule: str, where: str
) -> str:
    value = _required(entry, field, where)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _bad(field, value, rule, where)
    return value


def _code(entry: Mapping[Any, Any], where: str) -> str:
    value = _required(entry, "code", where)
    if not isinstance(value, str) or not is_code(value):
        quotes = " (in quotes)" if isinstance(value, int) else ""
        raise _bad("code", value, CODE_RULE + quotes, where)
    return normal_code(value)


def _platform(entry: Mapping[Any, Any], where: str) -> str | None:
    value = entry.get("platform")
    if value is not None and not is_safe_name(value):
        raise _bad("platform", value, SAFE_NAME_RULE, where)
    return value


def _firmware(entry: Mapping[Any, Any], where: str) -> tuple[str | None, str | None]:
    value = entry.get("firmware")
    if value is None:
        return None, None
    if isinstance(value, str) and is_prefix(value):
        return value.strip(), value.strip()
    if not isinstance(value, Mapping) or not value or not set(value) <= {"min", "max"}:
        expected = "{min: v2.3.0, max: v2.3.1}, or one of the two, or a prefix such as v2.%"
        raise _bad("firmware", value, expected, where)
    bounds: dict[str, str] = {}
    for name, bound in value.items():
        # A bare 2.10 is a number to YAML, and would be read as 2.1.
        if not isinstance(bound, str) or version_span(bound) is None:
            expected = "a version such as v2.3.1 or '2.10', or a prefix such as v2.%"
            raise _bad(f"firmware.{name}", bound, expected, where)
        bounds[name] = bound.strip()
    low, high = bounds.get("min"), bounds.get("max")
    spans = version_span(low or ""), version_span(high or "")
    if spans[0] and spans[1] and spans[0][0] > spans[1][1]:
        raise _bad("firmware", dict(value), "min not to be newer than max", where)
    return low, high
