"""One computation for the same question, whoever asks, on whatever machine.

A row of `llm_answers` is claimed before the work and filled after it. Others wait for it without a
connection. A claim lasts for one call; whoever works renews it, so that the claim of a killed
process is taken over soon. A failure is kept too, for a short time, so that those who waited do
not repeat it one after the other.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Engine, and_, delete, func, or_, update
from sqlalchemy.dialects.postgresql import insert

from argus_pipeline.database.engine import session
from argus_pipeline.database.models import ModelAnswer
from argus_pipeline.database.records import storable
from argus_pipeline.language_model.errors import Away, Unusable

FAILURE_KEPT_S: Final = 30.0
_SLEEP_S: Final = 0.2
_FORGOTTEN: Final = timedelta(days=1)

Compute = Callable[[Callable[[], None]], dict[str, Any]]
"""Does the work; what it is given it calls now and then, to show that it still lives."""


def question_key(parts: Mapping[str, Any]) -> str:
    """The name of a question: equal where all that its answer depends on is equal."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, and whether somebody else had it computed."""

    answer: dict[str, Any]
    cached: bool


class Once:
    """The answers of one database.

    Args:
        engine: of the migrated database.
        claim_s: how long a claim lasts unless it is renewed: longer than one call.
        wait_s: how long to wait for somebody else's work.
        sleep: how to wait.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        claim_s: float,
        wait_s: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._engine = engine
        self._claim = timedelta(seconds=claim_s)
        self._wait_s = wait_s
        self._sleep = sleep

    def answer(self, key: str, compute: Compute, *, keep_s: float) -> Kept:
        """The answer to a question: kept, waited for, or computed here.

        Raises:
            Away: somebody else's work failed just now, or did not end within `wait_s`.
            Unavailable: the database does not answer.
            Whatever `compute` raises.
        """
        owner = uuid.uuid4().hex
        until = time.monotonic() + self._wait_s
        while True:
            if self._claimed(key, owner):
                return Kept(self._compute(key, owner, compute, keep_s), cached=False)
            with session(self._engine) as opened:
                row = opened.get(ModelAnswer, key)
            if row is not None and row.answer is not None:
                return Kept(row.answer, cached=True)
            if row is not None and row.failure is not None:
                raise Away(row.failure)
            if time.monotonic() > until:
                raise Away(
                    f"the same question was not answered elsewhere within {self._wait_s:g} s"
                )
            self._sleep(_SLEEP_S * random.uniform(0.5, 1.5))

    def _compute(self, key: str, owner: str, compute: Compute, keep_s: float) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = storable(compute(lambda: self._renew(key, owner)))
        except (Away, Unusable) as error:
            self._end(key, owner, FAILURE_KEPT_S, failure=storable(error.what))
            raise
        except BaseException:
            with session(self._engine) as opened:
                opened.execute(delete(ModelAnswer).where(*_mine(key, owner)))
            raise
        self._end(key, owner, keep_s, answer=answer)
        return answer

    def _claimed(self, key: str, owner: str) -> bool:
        now = func.clock_timestamp()
        claim = {"owner": owner, "claimed_until": now + self._claim}
        row = insert(ModelAnswer).values(key=key, **claim)
        abandoned = and_(ModelAnswer.expires_at.is_(None), ModelAnswer.claimed_until <= now)
        statement = row.on_conflict_do_update(
            index_elements=["key"],
            set_={**claim, "answer": None, "failure": None, "expires_at": None},
            where=or_(ModelAnswer.expires_at <= now, abandoned),
        ).returning(ModelAnswer.owner)
        with session(self._engine) as opened:
            mine = opened.execute(statement).scalar_one_or_none() == owner
            if mine:
                opened.execute(delete(ModelAnswer).where(ModelAnswer.expires_at < now - _FORGOTTEN))
        return mine

    def _renew(self, key: str, owner: str) -> None:
        self._change(key, owner, claimed_until=func.clock_timestamp() + self._claim)

    def _end(self, key: str, owner: str, keep_s: float, **values: Any) -> None:
        expires = func.clock_timestamp() + timedelta(seconds=keep_s)
        self._change(key, owner, expires_at=expires, **values)

    def _change(self, key: str, owner: str, **values: Any) -> None:
        with session(self._engine) as opened:
            opened.execute(update(ModelAnswer).where(*_mine(key, owner)).values(**values))


def _mine(key: str, owner: str) -> tuple[Any, ...]:
    """Not where somebody else took over in the meantime."""
    return ModelAnswer.key == key, ModelAnswer.owner == owner
