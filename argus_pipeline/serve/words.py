"""The fixed texts of the pages, in the languages of the reports. `words.yaml` holds them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import yaml

from argus_pipeline.report.language import Language

CATALOGUE_FILE: Final = Path(__file__).with_name("words.yaml")


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """Every fixed text by its key, in all languages."""
    content: dict[str, dict[str, str]] = yaml.safe_load(CATALOGUE_FILE.read_text("utf-8"))
    return content


@dataclass(frozen=True, slots=True)
class PageWords:
    """The fixed texts of pages in one language."""

    language: Language = Language.ENGLISH

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key, filled in.

        Raises:
            KeyError: there is none.
        """
        return catalogue()[key][self.language.value].format(**values)

    def count(self, key: str, number: int) -> str:
        """The text of a key for so many: that of `key.one` where it is one and there is such."""
        singular = f"{key}.one"
        return self(singular if number == 1 and singular in catalogue() else key, number=number)

    def get(self, key: str, otherwise: str) -> str:
        """The text of a key that stems from outside, or `otherwise`."""
        return self(key) if key in catalogue() else otherwise
