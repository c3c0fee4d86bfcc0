"""The languages of a report. `language.yaml` beside this file holds every fixed text of them.

What a diagnosis itself says is written in English. Its fixed sentences are told in the report's
language where the catalogue lists them, with the titles of articles that have one in it; what else
stems from evidence, articles, people and language models stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from argus_pipeline.errors import ArgusError

if TYPE_CHECKING:
    from argus_pipeline.settings import Settings

CATALOGUE_FILE: Final = Path(__file__).with_name("language.yaml")
MAX_SENTENCE: Final = 2000
_ESCAPED_PLACE: Final = re.compile(r"\\{(\w+)\\}")


class Language(StrEnum):
    """The languages that a report can be written in, by their tags of BCP 47."""

    ENGLISH = "en"
    CHINESE = "zh"

    @property
    def tag(self) -> str:
        """What a page says of itself; the texts are in simplified characters."""
        return "zh-Hans" if self is Language.CHINESE else self.value


def language_of(name: str, *, where: str) -> Language:
    """The language of this name.

    Args:
        name: such as `zh`.
        where: the setting or option that says so, for the error.

    Raises:
        ArgusError: there is none.
    """
    try:
        return Language(name.strip().lower())
    except ValueError:
        raise ArgusError(
            f"is {name!r}", where=where, expected=" or ".join(one.value for one in Language)
        ) from None


def language_from(settings: Settings) -> Language:
    """The language that reports are written in by configuration.

    Raises:
        ArgusError: the setting names none.
    """
    return language_of(settings.report_language, where="ARGUS_REPORT_LANGUAGE")


@cache
def catalogue() -> Mapping[str, Any]:
    """Every fixed text: `texts`, `nouns` and `sentences`, each in all languages."""
    content: dict[str, Any] = yaml.safe_load(CATALOGUE_FILE.read_text("utf-8"))
    return content


@dataclass(frozen=True, slots=True)
class Words:
    """The fixed texts of one language."""

    language: Language = Language.ENGLISH
    titles: tuple[tuple[str, str], ...] = ()
    """Titles of articles, each with what it reads in this language."""

    def __call__(self, key: str, **values: object) -> str:
        """The text of this key, filled in.

        Raises:
            KeyError: the catalogue has no such text, or a value for it lacks.
        """
        text: str = catalogue()["texts"][key][self.language.value]
        return text.format(**values)

    def get(self, key: str, otherwise: str) -> str:
        """The text of a key that stems from outside, or `otherwise` where there is none."""
        return self(key) if key in catalogue()["texts"] else otherwise

    def amount(self, number: int, noun: str) -> str:
        """A count with its noun: `1 message`, `12,345 messages`."""
        forms = catalogue()["nouns"][noun][self.language.value]
        form: str = forms[0] if number == 1 else forms[-1]
        return form.format(f"{number:,}")

    def sentence(self, text: str) -> str:
        """A sentence of a diagnosis in this language; as it is where the catalogue lacks it."""
        # What is longer is no fixed sentence, and patterns are slow on it.
        if self.language is Language.ENGLISH or len(text) > MAX_SENTENCE:
            return text
        return _told(self, text)

    def _value(self, name: str, value: str) -> str:
        if name == "part":
            return self.sentence(value)
        if name == "title":
            return dict(self.titles).get(value, value)
        if name == "severity":
            return self.get(f"severity.{value}", value)
        return self._listed(value) if name == "codes" else value

    def _listed(self, text: str) -> str:
        """The list in which a diagnosis names its faults."""
        named = text.removesuffix(" and others")
        names = (self.get(f"list.{name}", name) for name in re.split(", | and ", named))
        listed = self("list.comma").join(names)
        return listed if named == text else self("list.others", listed=listed)


@lru_cache(maxsize=4096)
def _told(words: Words, text: str) -> str:
    for pattern, template in _sentences(words.language):
        if found := pattern.fullmatch(text):
            values = {name: words._value(name, value) for name, value in found.groupdict().items()}
            # Our own templates: nothing in braces but places.
            return template.format(**values)
    return text


@cache
def _sentences(language: Language) -> list[tuple[re.Pattern[str], str]]:
    return [
        (sentence_pattern(entry["en"]), entry[language.value]) for entry in catalogue()["sentences"]
    ]


def sentence_pattern(template: str) -> re.Pattern[str]:
    """What matches a sentence of the catalogue as a diagnosis writes it."""
    escaped = re.escape(template).replace(r"\(s\)", "s?")
    return re.compile(_ESCAPED_PLACE.sub(r"(?P<\1>.+?)", escaped), re.DOTALL)
