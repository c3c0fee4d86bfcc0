"""At most N calls at once and so many tokens a minute, over all processes and machines.

A call takes a lease: a row of `llm_calls` that counts until `busy_until`, by the clock of the
database. The lease is longer than a call can last, so a running call always counts, and that of a
killed process ends by itself. Who has to wait sleeps without a connection and looks again.

Tokens are set aside before a call, by an estimate on the high side, and put right after it. A call
counts from its start to a minute after its end: whichever minute is looked at, and whether the
endpoint counts a call when it begins or when it ends, the sum is within the budget.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Engine, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from argus_pipeline.database.engine import session
from argus_pipeline.database.models import ModelCall, ModelPause
from argus_pipeline.database.records import storable
from argus_pipeline.errors import ArgusError
from argus_pipeline.language_model.errors import Away
from argus_pipeline.language_model.options import ModelOptions

# Any number that no other program is likely to lock: "tokens" in ASCII.
LOCK_KEY: Final = 0x746F6B656E73
MINUTE: Final = timedelta(seconds=60)
# Between taking the lease and sending the call, and for the last bytes of it.
LEASE_MARGIN_S: Final = 15.0
# An endpoint needs a moment to notice that a call was given up.
GRACE_S: Final = 2.0
DOWN_S: Final = 30.0
_SHORTEST_SLEEP_S: Final = 0.02
_LONGEST_SLEEP_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """What a call is for, and how many tokens it may take."""

    purpose: str
    batch: str | None
    model: str
    tokens: int


@dataclass(slots=True)
class Lease:
    """One call's place among the calls at once. Whoever holds it says how the call ended."""

    id: int
    outcome: str = "failed"
    input_tokens: int | None = None
    output_tokens: int | None = None
    tokens: int | None = None
    """What counts against the budget; None: what was set aside."""
    linger_s: float = 0.0
    """How much longer the place stays taken."""

    def used(self, input_tokens: int, output_tokens: int) -> None:
        """The call was answered."""
        self.outcome, self.tokens = "answered", input_tokens + output_tokens
        self.input_tokens, self.output_tokens = input_tokens, output_tokens

    def not_taken(self, outcome: str) -> None:
        """The endpoint did not take the call, so it used nothing."""
        self.outcome, self.tokens = outcome, 0

    def given_up(self) -> None:
        """The call was broken off: what it used is not known."""
        self.outcome, self.linger_s = "timed out", GRACE_S


class Limits:
    """The limits of one database; every process that asks it keeps to them.

    Args:
        engine: of the migrated database.
        options: how many calls and tokens.
        sleep: how to wait.
    """

    def __init__(
        self,
        engine: Engine,
        options: ModelOptions,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._engine = engine
        self._options = options
        self._sleep = sleep

    @contextmanager
    def place(self, place: Place, *, alive: Callable[[], None] | None = None) -> Iterator[Lease]:
        """Wait for a place, hold it, and write down how the call ended.

        Args:
            place: what the call is for.
            alive: called at each look, by which one who waits shows that he still lives.

        Raises:
            Away: there was no place for `wait_s`, or the endpoint is known to be down.
            ArgusError: the call alone is larger than the budget of a minute.
            Unavailable: the database does not answer.
        """
        lease = Lease(self._wait(place, alive))
        try:
            yield lease
        finally:
            self._end(lease)

    def pause(self, seconds: float, *, down: bool = False) -> None:
        """Let nobody call for a while. `down`: those who would wait do without at once."""
        with session(self._engine) as opened:
            until = func.clock_timestamp() + timedelta(seconds=seconds)
            row = insert(ModelPause).values(endpoint=self._options.base_url, until=until, down=down)
            later = func.greatest(ModelPause.until, row.excluded.until)
            opened.execute(
                row.on_conflict_do_update(
                    index_elements=["endpoint"], set_={"until": later, "down": row.excluded.down}
                )
            )

    def is_down(self) -> None:
        """The endpoint failed again and again: for a moment nobody tries, and nobody waits.

        Not where it answered others within the last minute: then it is one question's trouble.
        """
        with session(self._engine) as opened:
            lately = func.clock_timestamp() - MINUTE
            answered = opened.scalar(
                select(ModelCall.id)
                .where(ModelCall.busy_until > lately, ModelCall.outcome == "answered")
                .limit(1)
            )
        if answered is None:
            self.pause(DOWN_S, down=True)

    def _wait(self, place: Place, alive: Callable[[], None] | None) -> int:
        if place.tokens > self._options.tokens_per_minute:
            raise ArgusError(
                f"one call of {place.tokens:,} tokens is more than the budget of a minute",
                where="ARGUS_LLM_TOKENS_PER_MINUTE",
                expected=f"at least {place.tokens:,}",
            )
        until = time.monotonic() + self._options.wait_s
        pause = _SHORTEST_SLEEP_S
        while True:
            with session(self._engine) as opened:
                taken = self._take(opened, place)
            if isinstance(taken, int):
                return taken
            if alive is not None:
                alive()
            left = until - time.monotonic()
            if left <= 0:
                raise Away(
                    f"no place for a call of the language model came free within"
                    f" {self._options.wait_s:g} s: {taken}",
                    hint="ARGUS_LLM_CALLS and ARGUS_LLM_TOKENS_PER_MINUTE set the limits",
                )
            # Unequal sleeps, so that those who wait do not all look at the same moment.
            self._sleep(min(pause * random.uniform(0.5, 1.5), left))
            pause = min(pause * 1.5, _LONGEST_SLEEP_S)

    def _take(self, opened: Session, place: Place) -> int | str:
        """The id of the place, or why there is none. One at a time, for the shortest of times."""
        opened.execute(select(func.pg_advisory_xact_lock(LOCK_KEY)))
        now = opened.execute(select(func.clock_timestamp())).scalar_one()
        paused = opened.get(ModelPause, self._options.base_url)
        if paused is not None and paused.until > now:
            if paused.down:
                raise Away("the language model did not answer a moment ago", where=paused.endpoint)
            return "the endpoint asked for a pause"
        running, tokens = opened.execute(
            select(
                func.count().filter(ModelCall.busy_until > now),
                func.coalesce(func.sum(ModelCall.tokens), 0),
            ).where(ModelCall.busy_until > now - MINUTE)
        ).one()
        if running >= self._options.calls_at_once:
            return f"{running} calls are running"
        if tokens + place.tokens > self._options.tokens_per_minute:
            return f"{tokens:,} tokens were used within a minute"
        lasts = timedelta(seconds=self._options.answer_s + LEASE_MARGIN_S)
        row = ModelCall(
            purpose=place.purpose,
            batch=storable(place.batch),
            model=place.model,
            started_at=now,
            busy_until=now + lasts,
            tokens=place.tokens,
        )
        opened.add(row)
        opened.flush()
        return row.id

    def _end(self, lease: Lease) -> None:
        with session(self._engine) as opened:
            row = opened.get(ModelCall, lease.id)
            if row is None:
                return
            now = opened.execute(select(func.clock_timestamp())).scalar_one()
            row.busy_until = now + timedelta(seconds=lease.linger_s)
            row.outcome = lease.outcome
            row.tokens = row.tokens if lease.tokens is None else lease.tokens
            row.input_tokens, row.output_tokens = lease.input_tokens, lease.output_tokens
            if lease.input_tokens is not None and lease.output_tokens is not None:
                row.cost = self._options.cost(lease.input_tokens, lease.output_tokens)
