"""The articles that a retrieval found, numbered K1, K2, … as they come into use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from argus_pipeline.batches.manifest import Manifest
from argus_pipeline.diagnosis.evidence import Evidence
from argus_pipeline.diagnosis.model import ArticleUsed
from argus_pipeline.diagnosis.ranking import Fit
from argus_pipeline.diagnosis.text import clean
from argus_pipeline.knowledge.codes import normal_code
from argus_pipeline.knowledge.retrieval import ArticleMatch, Step

_FITS: Final = {
    Step.CODE_PLATFORM_FIRMWARE: Fit.FIRMWARE,
    Step.CODE: Fit.ANY,
    Step.CODE_PLATFORM: Fit.OTHER_FIRMWARE,
}
_BY_TEXT: Final = frozenset({Step.FREE_TEXT, Step.KEYWORDS})
_TITLE_CHARACTERS: Final = 120
_LINE_CHARACTERS: Final = 240
_LINES: Final = 6


class Shelf:
    """The matches of one retrieval for one vehicle. Asking for an article's id puts it to use."""

    def __init__(self, manifest: Manifest, matches: Sequence[ArticleMatch]) -> None:
        self._platform = manifest.platform
        self._matches = list(matches)
        self._used: dict[str, ArticleUsed] = {}

    def for_code(self, piece: Evidence) -> list[ArticleMatch]:
        """Matches of the evidence's code that hold for this platform, the best fit first."""
        order = list(Fit)
        return sorted(
            (m for m in self._of_code(piece) if m.step in _FITS),
            key=lambda m: (order.index(self.fit(m)), *_nearness(m)),
        )

    def elsewhere(self, piece: Evidence) -> list[ArticleMatch]:
        """Matches of the evidence's code that were written for other platforms."""
        return sorted(
            (m for m in self._of_code(piece) if m.step is Step.OTHER_PLATFORM), key=_nearness
        )

    def neighbours(self, piece: Evidence) -> list[ArticleMatch]:
        """Matches of neighbouring codes of the evidence's code, the nearest first."""
        return sorted((m for m in self._of_code(piece) if m.step is Step.FAMILY), key=_nearness)

    def by_text(self) -> list[ArticleMatch]:
        """Matches that only their wording brought here, the nearest first, then by keyword."""
        return sorted((m for m in self._matches if m.step in _BY_TEXT), key=by_score)

    def fit(self, match: ArticleMatch) -> Fit:
        """How well an article of the right code, for this platform or any, fits this vehicle."""
        fit = _FITS[match.step]
        return Fit.OTHER_FIRMWARE if fit is Fit.ANY and match.caveat else fit

    def _of_code(self, piece: Evidence) -> list[ArticleMatch]:
        code = normal_code(piece.code or "")
        return [m for m in self._matches if piece.code and m.code == code]

    def use(self, match: ArticleMatch) -> ArticleUsed:
        """The article as the diagnosis keeps it; the same one each time."""
        article_id = match.article.article_id
        if article_id not in self._used:
            number = len(self._used) + 1
            self._used[article_id] = article_used(match, f"K{number}", self._platform)
        return self._used[article_id]

    @property
    def used(self) -> tuple[ArticleUsed, ...]:
        """All articles in use, in the order of their ids."""
        return tuple(self._used.values())


def article_used(match: ArticleMatch, id_: str, platform: str | None) -> ArticleUsed:
    """A match as it is cited, cleaned and bounded.

    Args:
        match: what the retrieval found.
        id_: by which it is cited.
        platform: of the vehicle.
    """
    article = match.article
    return ArticleUsed(
        id=id_,
        article_id=article.article_id,
        title=_title(article.title),
        titles=tuple((language, _title(title)) for language, title in article.titles),
        code=article.code,
        platform=article.platform,
        firmware_min=article.firmware_min,
        firmware_max=article.firmware_max,
        step=str(match.step),
        distance=None if match.distance is None else round(match.distance, 4),
        other_platform=article.platform not in {None, platform},
        caveat=None if match.caveat is None else clean(match.caveat, _TITLE_CHARACTERS),
        symptoms=_lines(article.symptoms),
        causes=_lines(article.causes),
        checks=_lines(article.checks),
        remedies=_lines(article.remedies),
        source=clean(article.source, _TITLE_CHARACTERS),
        language=article.language,
    )


def by_score(match: ArticleMatch) -> tuple[float, str]:
    """Order of what was found by its wording: the best score first, what has none last."""
    return (math.inf if match.score is None else match.score), match.article.article_id


def _title(text: str) -> str:
    return clean(text, _TITLE_CHARACTERS).rstrip(".")


def _nearness(match: ArticleMatch) -> tuple[float, str]:
    distance = 3.0 if match.distance is None else match.distance
    return distance, match.article.article_id


def _lines(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(clean(text, _LINE_CHARACTERS) for text in texts[:_LINES])
