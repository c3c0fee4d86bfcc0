"""Progress as it happens: one look at Dagster's event log for all who listen.

Each change has the id of the event that brought it, its place in Dagster's log. Whoever comes back
with the last id that it saw gets all changes after it out of the log, from any process or host.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine
from starlette.responses import StreamingResponse

from argus_pipeline import run_tables
from argus_pipeline.database.engine import translated
from argus_pipeline.errors import ArgusError, Unavailable
from argus_pipeline.run_tables import Event
from argus_pipeline.serve.fold import Change, Fold
from argus_pipeline.serve.shared import Shared

LOOK_S: Final = 0.4
HEARTBEAT_S: Final = 15.0
# Transactions of Dagster end in another order than their ids: so long is waited for a missing one.
GAP_S: Final = 0.3
BEAT: Final = b": still here\n\n"
_AT_ONCE: Final = 2000
_REMEMBERED: Final = 4000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """A change of one batch."""

    batch: str
    change: Change

    def data(self) -> dict[str, Any]:
        """As listeners get it."""
        one = self.change
        return {
            "batch": self.batch,
            "stage": one.stage.value,
            "detail": one.detail,
            "run": one.run_id,
            "at": None if one.at is None else one.at.isoformat() + "Z",
            "ended": one.stage.is_final,
        }


class Watch:
    """Looks at the event log while anybody listens, once for all of them."""

    def __init__(self, runs: Engine, shared: Shared, most: int) -> None:
        self._runs = runs
        self._shared = shared
        self._most = most
        self._fold = Fold()
        self._batches: dict[str, str | None] = {}
        self._recent: deque[Progress] = deque(maxlen=_REMEMBERED)
        self._count = 0
        self._place: int | None = None
        self._gap_since: float | None = None
        self._changed: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Event | None = None
        self.listeners = 0

    async def listen(self, batch: str | None, last: int | None) -> AsyncIterator[Progress | None]:
        """The changes of a batch, or of all; None when nothing happened for a while.

        With `last`, those after that event first; of a batch without it, the newest change first.

        Raises:
            Unavailable: too many listen already, or the database does not answer.
        """
        self.require_room()
        self.listeners += 1
        try:
            await self._start()
            position = self._count
            seen = last or 0
            for one in await self._before(batch, last):
                seen = max(seen, one.change.id)
                yield one
            while True:
                changed = self._changed
                for one in self._since(position):
                    if one.change.id > seen and batch in (None, one.batch):
                        yield one
                position = self._count
                if changed is None or changed.done():
                    continue
                try:
                    await asyncio.wait_for(asyncio.shield(changed), HEARTBEAT_S)
                except TimeoutError:
                    yield None
        finally:
            self.listeners -= 1

    def require_room(self) -> None:
        """Refuse one listener more than there may be.

        Raises:
            Unavailable: too many listen already.
        """
        if self.listeners >= self._most:
            raise Unavailable(f"{self.listeners} listen already", hint="Try again in a minute")

    def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()

    async def _start(self) -> None:
        if self._changed is None:
            self._changed = asyncio.get_running_loop().create_future()
        if self._task is None or self._task.done():
            self._ready = asyncio.Event()
            self._task = asyncio.create_task(self._look())
        assert self._ready is not None
        try:
            await asyncio.wait_for(self._ready.wait(), 10)
        except TimeoutError:
            raise Unavailable("the event log does not answer") from None

    async def _before(self, batch: str | None, last: int | None) -> Sequence[Progress]:
        if batch is not None:
            kept = await self._shared.get(
                ("replay", batch), lambda: (self._replay(batch), ""), fresh_s=0.3
            )
            if last is None:
                return kept.value[-1:]
            return [one for one in kept.value if one.change.id > last]
        if last is None:
            return []
        missed = await self._shared.get(
            ("missed", last), lambda: (self._missed(last), ""), fresh_s=0.3
        )
        return missed.value

    def _since(self, position: int) -> list[Progress]:
        """What was found after so many; the deque holds the newest of them."""
        new = self._count - position
        if new <= 0:
            return []
        return list(self._recent)[-new:]

    async def _look(self) -> None:
        """The one look, again and again; it ends a while after the last listener left."""
        idle_since: float | None = None
        while True:
            begun = time.monotonic()
            if self.listeners:
                idle_since = None
            elif idle_since is None:
                idle_since = begun
            elif begun - idle_since > 60:
                self._place = None
                return
            try:
                found = await self._shared.run(self._read)
            except ArgusError as error:
                _log.warning("progress: %s", error)
                found = []
            else:
                assert self._ready is not None
                self._ready.set()
            if found:
                self._recent.extend(found)
                self._count += len(found)
                changed = self._changed
                self._changed = asyncio.get_running_loop().create_future()
                if changed is not None and not changed.done():
                    changed.set_result(None)
            await asyncio.sleep(max(LOOK_S - (time.monotonic() - begun), 0.05))

    def _read(self) -> list[Progress]:
        with translated(self._runs), self._runs.connect() as connection:
            if self._place is None:
                self._place = run_tables.newest_event(connection)
                self._fold = Fold()
                return []
            events = run_tables.events_after(connection, self._place, _AT_ONCE)
            events = self._settled(connection, events) if events else []
            if not events:
                return []
            new = [e for e in events if not self._fold.knows(e.run_id)]
            self._learn(connection, new, events[0].id)
            self._place = events[-1].id
        found = self._named(self._fold.feed(events))
        self._fold.forget()
        return found

    def _settled(self, connection: Connection, events: list[Event]) -> list[Event]:
        """The events, or none yet where one with a smaller id may still come.

        Dagster writes each event in a transaction of its own, and those end in another order than
        their ids by milliseconds. An id that lacks is waited for a moment; it may never come.
        """
        place = self._place or 0
        last = events[-1].id
        if run_tables.count_between(connection, place, last) == last - place:
            self._gap_since = None
            return events
        now = time.monotonic()
        if self._gap_since is None:
            self._gap_since = now
        if now - self._gap_since < GAP_S:
            return []
        self._gap_since = None
        return events

    def _learn(self, connection: Connection, new: Sequence[Event], first: int) -> None:
        """Follow runs that began before anybody listened, and know their batches."""
        run_ids = list(dict.fromkeys(e.run_id for e in new))
        if not run_ids:
            return
        self._fold.feed(e for e in run_tables.events_of(connection, run_ids) if e.id < first)
        named = run_tables.batches_by_run(connection, run_ids)
        self._batches.update({run_id: named.get(run_id) for run_id in run_ids})
        while len(self._batches) > 10_000:
            del self._batches[next(iter(self._batches))]

    def _named(self, changes: Sequence[Change]) -> list[Progress]:
        named = ((self._batches.get(one.run_id), one) for one in changes)
        return [Progress(batch, one) for batch, one in named if batch is not None]

    def _replay(self, batch: str) -> list[Progress]:
        """Every change of the newest runs of a batch, out of the log."""
        with translated(self._runs), self._runs.connect() as connection:
            run_ids = run_tables.runs_of(connection, batch)
            events = run_tables.events_of(connection, run_ids)
        return [Progress(batch, one) for one in Fold().feed(events)]

    def _missed(self, last: int) -> list[Progress]:
        """Every change of all batches after an event, out of the log; the first thousands of it."""
        fold = Fold()
        with translated(self._runs), self._runs.connect() as connection:
            events = run_tables.events_after(connection, last, _AT_ONCE)
            run_ids = list(dict.fromkeys(e.run_id for e in events))
            before = run_tables.events_of(connection, run_ids)
            named = run_tables.batches_by_run(connection, run_ids)
        fold.feed(e for e in before if e.id <= last)
        changes = fold.feed(events)
        return [Progress(named[c.run_id], c) for c in changes if c.run_id in named]


def sse(event: str, data: dict[str, Any], place: int | None = None) -> bytes:
    """One server-sent event. JSON has no line breaks, so it is one line of data."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    line = "" if place is None else f"id: {place}\n"
    return f"{line}event: {event}\ndata: {text}\n\n".encode()


def event_stream(events: AsyncIterator[bytes]) -> StreamingResponse:
    """Server-sent events as an answer, which no proxy may hold back."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


def place_of(given: str | None) -> int | None:
    """The place in the event log that a Last-Event-ID names; None where it names none."""
    return int(given) if given and given.isdecimal() and len(given) < 19 else None
