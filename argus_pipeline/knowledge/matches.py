"""What is asked of the knowledge base, and what is found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from argus_pipeline.knowledge.articles import Article

MAX_CODES: Final = 50
MAX_TOP_K: Final = 50
MAX_QUERY: Final = 2000


class Step(StrEnum):
    """Which step of the retrieval answered."""

    CODE_PLATFORM_FIRMWARE = "code+platform+firmware"
    CODE = "code"
    CODE_PLATFORM = "code+platform"
    FAMILY = "code family"
    FREE_TEXT = "free text"
    KEYWORDS = "keywords"
    OTHER_PLATFORM = "code, other platform"


@dataclass(frozen=True, slots=True)
class ArticleMatch:
    """One article that was found.

    Args:
        article: what was found.
        step: which step found it.
        distance: cosine distance between the question and the article, 0 (the same) to 2; None
            where there was no question or the article's vector is another embedder's.
        code: the code that it answers; None for one found by words.
        caveat: why it may not hold for this vehicle or code; None when nothing speaks against it.
        score: the distance less what shared wording brings, by which free text is in order; None
            for other steps.
    """

    article: Article
    step: Step
    distance: float | None
    code: str | None
    caveat: str | None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What was found, best first within a code, and what could not be done."""

    matches: tuple[ArticleMatch, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: codes (the most important first), the vehicle, and the fault in words.

    A platform or firmware of None is not known: articles that are limited to one then match with a
    caveat. The firmware may be a prefix such as `v2.%`.
    """

    codes: tuple[str, ...]
    platform: str | None
    firmware: str | None
    query: str = ""
    top_k: int = 3
