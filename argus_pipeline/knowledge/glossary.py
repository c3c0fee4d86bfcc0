"""What the words of vehicle logs mean in English. `glossary.yaml` beside this file lists them.

Logs abbreviate, and some are in German or Chinese, where articles speak English: without it "EPS
frames absent" and an article on the power steering share no word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import yaml

GLOSSARY_FILE: Final = Path(__file__).with_name("glossary.yaml")
_WORD: Final = re.compile(r"[A-Za-z0-9]+")


def spelled_out(text: str) -> str:
    """What is known of the words of a text, in English, each meaning once; may be empty."""
    return " ".join(dict.fromkeys(_meanings(text)))


def _meanings(text: str) -> Iterator[str]:
    short, inside = _glossary()
    for word in _WORD.findall(text):
        if word in short:
            yield short[word]
    lower = text.lower()
    yield from (meaning for part, meaning in inside.items() if part in lower)


@cache
def _glossary() -> tuple[dict[str, str], dict[str, str]]:
    """Abbreviations, as the file spells them and in capitals, and parts of words in lower case."""
    listed: dict[str, dict[str, str]] = yaml.safe_load(GLOSSARY_FILE.read_text("utf-8"))
    short = listed["abbreviations"]
    parts = {**listed["german"], **listed["chinese"]}
    return (
        {**{word.upper(): meaning for word, meaning in short.items()}, **short},
        {part.lower(): meaning for part, meaning in parts.items()},
    )
