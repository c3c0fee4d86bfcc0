"""The steps of the retrieval as filters in SQL, and what has to be said of what they find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, false, or_, true
from sqlalchemy.sql.elements import ColumnElement

from argus_pipeline.database.models import KnowledgeArticle
from argus_pipeline.knowledge.codes import code_family, covering_codes
from argus_pipeline.knowledge.matches import Step
from argus_pipeline.knowledge.store import article_of
from argus_pipeline.knowledge.versions import Span, overlaps

# In this order; the first that has an article answers.
CODE_STEPS: Final = (Step.CODE_PLATFORM_FIRMWARE, Step.CODE_PLATFORM, Step.CODE, Step.FAMILY)


@dataclass(frozen=True, slots=True)
class Vehicle:
    """The platform and the firmware (as versions) that articles have to hold for."""

    platform: str | None
    firmware: Span | None

    def steps(self) -> tuple[Step, ...]:
        """The steps that make sense: without a platform no article can be written for it."""
        return CODE_STEPS if self.platform is not None else (Step.CODE, Step.FAMILY)

    def holds(self, step: Step) -> ColumnElement[bool]:
        """Whether an article of the right code belongs to a step."""
        platform = KnowledgeArticle.platform
        if step is Step.CODE_PLATFORM_FIRMWARE:
            return and_(platform == self.platform, self._holds_firmware())
        if step is Step.CODE_PLATFORM:
            return platform == self.platform
        if step is Step.OTHER_PLATFORM:
            return and_(platform.is_not(None), platform != self.platform)
        if step is Step.CODE and self.platform is not None:
            return platform.is_(None)
        return self.here

    @property
    def here(self) -> ColumnElement[bool]:
        """Written for this platform or for any."""
        if self.platform is None:
            return true()
        platform = KnowledgeArticle.platform
        return or_(platform == self.platform, platform.is_(None))

    def caveat(self, row: KnowledgeArticle, code: str | None) -> str | None:
        """Why an article may not hold for this vehicle, or for the code that it answers."""
        caveats = []
        if code is not None and row.code not in covering_codes(code):
            caveats.append(f"written for {row.code}, of the family of {code}")
        if row.platform is not None and row.platform != self.platform:
            caveats.append(
                f"written for platform {row.platform}"
                + (f", not for {self.platform}" if self.platform else " only")
            )
        elif not overlaps(self.firmware, _key(row.firmware_min_key), _key(row.firmware_max_key)):
            caveats.append(f"written for firmware {article_of(row).firmware_range}")
        return "; ".join(caveats) or None

    def _holds_firmware(self) -> ColumnElement[bool]:
        """`versions.overlaps` in SQL."""
        low, high = KnowledgeArticle.firmware_min_key, KnowledgeArticle.firmware_max_key
        if self.firmware is None:
            return and_(low.is_(None), high.is_(None))
        first, last = (list(key) for key in self.firmware)
        return and_(or_(low.is_(None), low <= last), or_(high.is_(None), high >= first))


def of_code(step: Step, code: str) -> ColumnElement[bool]:
    """The articles that a step looks at for a code; none where the code has no family."""
    covering = covering_codes(code)
    if step is not Step.FAMILY:
        return KnowledgeArticle.code.in_(covering)
    family = code_family(code)
    if family is None:
        return false()
    return and_(KnowledgeArticle.family == family, KnowledgeArticle.code.not_in(covering))


def _key(numbers: list[int] | None) -> tuple[int, ...] | None:
    return None if numbers is None else tuple(numbers)
