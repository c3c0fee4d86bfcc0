"""One computation for all readers: what is asked twice at a time is made once, and kept a moment.

An entry is handed out for `FRESH_S` without a look at what it is made of. After that the ETag of
its source is asked for, which is cheap; only where that changed is it made anew. Who asks while it
is being made waits for the same result. Nobody's leaving ends the work of the others.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

FRESH_S: Final = 2.0
MAX_ENTRIES: Final = 2048
MAX_BYTES: Final = 64 * 1024 * 1024
THREADS: Final = 12

T = TypeVar("T")


@dataclass(slots=True)
class Kept(Generic[T]):
    """A result and the ETag of what it was made of; `looked` is when that was last seen."""

    value: T
    etag: str
    looked: float


class Shared:
    """Results by key, of one process. To be used from one event loop."""

    def __init__(self, *, fresh_s: float = FRESH_S) -> None:
        self._kept: OrderedDict[Hashable, Kept[Any]] = OrderedDict()
        self._making: dict[Hashable, asyncio.Task[Kept[Any]]] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="serve")
        self._fresh_s = fresh_s
        self._bytes = 0
        self.made = 0
        self.merged = 0
        self.hits = 0

    async def get(
        self,
        key: Hashable,
        make: Callable[[], tuple[T, str]],
        *,
        etag: Callable[[], str] | None = None,
        fresh_s: float | None = None,
        stale_s: float = 0.0,
    ) -> Kept[T]:
        """The result of `make`, which runs in a thread, with the ETag of what it was made of.

        Args:
            key: tells this computation from others.
            make: returns the value and its ETag. Its errors are raised to all who wait, and not
                kept.
            etag: the present ETag of what it is made of; without it an old entry is made anew.
            fresh_s: for how long nothing is looked at; `math.inf` where the key says all.
            stale_s: for how long after that an old result is handed out while a new one is made.
        """
        kept = self._kept.get(key)
        age = math.inf if kept is None else time.monotonic() - kept.looked
        fresh = self._fresh_s if fresh_s is None else fresh_s
        if kept is not None and age < fresh:
            self.hits += 1
            self._kept.move_to_end(key)
            return kept
        making = self._making.get(key)
        if making is None:
            making = asyncio.create_task(self._make(key, kept, make, etag))
            self._making[key] = making
            making.add_done_callback(lambda done: self._done(key, done))
        else:
            self.merged += 1
        if kept is not None and age < fresh + stale_s:
            self.hits += 1
            return kept
        return await asyncio.shield(making)

    def forget(self, key: Hashable) -> None:
        """Let a result go that is known to be old, so that who changed it sees the change."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= _size(kept)

    async def run(self, what: Callable[[], T]) -> T:
        """Run something in one of the threads, and keep nothing."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, what)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _make(
        self,
        key: Hashable,
        kept: Kept[Any] | None,
        make: Callable[[], tuple[Any, str]],
        etag: Callable[[], str] | None,
    ) -> Kept[Any]:
        begun = time.monotonic()

        def work() -> Kept[Any]:
            if kept is not None and etag is not None and etag() == kept.etag:
                return Kept(kept.value, kept.etag, begun)
            value, tag = make()
            self.made += 1
            return Kept(value, tag, begun)

        found = await self.run(work)
        self._keep(key, found)
        return found

    def _keep(self, key: Hashable, found: Kept[Any]) -> None:
        before = self._kept.pop(key, None)
        if before is not None:
            self._bytes -= _size(before)
        self._kept[key] = found
        self._bytes += _size(found)
        while len(self._kept) > MAX_ENTRIES or (self._bytes > MAX_BYTES and len(self._kept) > 1):
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= _size(oldest)

    def _done(self, key: Hashable, done: asyncio.Task[Kept[Any]]) -> None:
        self._making.pop(key, None)
        if not done.cancelled():
            done.exception()  # else one that nobody waits for any more is complained about


def _size(kept: Kept[Any]) -> int:
    value = kept.value
    return len(value) if isinstance(value, bytes | str) else 1024
