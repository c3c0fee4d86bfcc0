"""The steps of the retrieval as filters in SQL, and what has to be said of what they find.

Filters are made once for each shape of question and filled with values by name, since making them
takes longer than Postgres needs to answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, Text, and_, bindparam, func, or_, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.elements import ColumnElement

from argus_pipeline.database.models import KnowledgeArticle
from argus_pipeline.knowledge.codes import code_family, covering_codes
from argus_pipeline.knowledge.matches import Step
from argus_pipeline.knowledge.store import article_of
from argus_pipeline.knowledge.versions import Span, overlaps

# In this order; the first that has an article answers.
CODE_STEPS: Final = (Step.CODE_PLATFORM_FIRMWARE, Step.CODE, Step.CODE_PLATFORM, Step.FAMILY)


@dataclass(frozen=True, slots=True)
class Vehicle:
    """The platform and the firmware (as versions) that articles have to hold for."""

    platform: str | None
    firmware: Span | None

    def steps(self) -> tuple[Step, ...]:
        """The steps that make sense: without a platform no article can be written for it."""
        return CODE_STEPS if self.platform is not None else (Step.CODE, Step.FAMILY)

    def values(self) -> dict[str, Any]:
        """The values that filters of this vehicle need."""
        first, last = self.firmware or ((), ())
        return {"platform": self.platform, "first": list(first), "last": list(last)}

    def holds(self, step: Step, place: int) -> ColumnElement[bool]:
        """Whether an article is one that a step looks at for the code at this place."""
        of_it = _of_family(place) if step is Step.FAMILY else _of_code(place)
        return _both(of_it, _of_step(step, self.platform is not None, self.firmware is not None))

    @property
    def here(self) -> ColumnElement[bool]:
        """Written for this platform or for any."""
        return _of_step(Step.FREE_TEXT, self.platform is not None, self.firmware is not None)

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


def code_values(codes: Sequence[str]) -> dict[str, Any]:
    """The values that filters of codes at the places 0, 1, … need."""
    values: dict[str, Any] = {}
    for place, code in enumerate(codes):
        values[f"covering_{place}"] = list(covering_codes(code))
        values[f"family_{place}"] = code_family(code)
    return values


# Cached, and so the same object each time: that is what statements are cached by.
@cache
def _both(first: ColumnElement[bool], second: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(first, second)


@cache
def _of_code(place: int) -> ColumnElement[bool]:
    covering = bindparam(f"covering_{place}", type_=ARRAY(Text))
    return KnowledgeArticle.code == func.any(covering)


@cache
def _of_family(place: int) -> ColumnElement[bool]:
    # Null, where a code has no family, equals nothing.
    covering = bindparam(f"covering_{place}", type_=ARRAY(Text))
    return and_(
        KnowledgeArticle.family == bindparam(f"family_{place}", type_=Text),
        KnowledgeArticle.code != func.all(covering),
    )


@cache
def _of_step(step: Step, known_platform: bool, known_firmware: bool) -> ColumnElement[bool]:
    platform = KnowledgeArticle.platform
    asked = bindparam("platform", type_=Text)
    if step is Step.CODE_PLATFORM_FIRMWARE:
        return and_(platform == asked, _holds_firmware(known_firmware))
    if step is Step.CODE_PLATFORM:
        return platform == asked
    if step is Step.OTHER_PLATFORM:
        return and_(platform.is_not(None), platform != asked)
    if not known_platform:
        return true()
    if step is Step.CODE:
        return platform.is_(None)
    return or_(platform == asked, platform.is_(None))


def _holds_firmware(known: bool) -> ColumnElement[bool]:
    """`versions.overlaps` in SQL."""
    low, high = KnowledgeArticle.firmware_min_key, KnowledgeArticle.firmware_max_key
    if not known:
        return and_(low.is_(None), high.is_(None))
    first = bindparam("first", type_=ARRAY(BigInteger))
    last = bindparam("last", type_=ARRAY(BigInteger))
    return and_(or_(low.is_(None), low <= last), or_(high.is_(None), high >= first))


def _key(numbers: list[int] | None) -> tuple[int, ...] | None:
    return None if numbers is None else tuple(numbers)
