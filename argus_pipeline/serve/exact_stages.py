"""Stages that SQL cannot decide: asked of Dagster and the bucket one by one, and remembered.

Each takes tens of milliseconds, since Dagster reads a batch in several statements, each over a new
connection. A list must not wait for dozens of them: one is asked for at once, the others behind
its back, and the next look finds them.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argus_pipeline.batches.stages import Stage

AT_ONCE: Final = 1
MOST: Final = 2000
# What follows a failed run changes with its next run, or with the lists in the bucket, which are
# looked at before. What is being uploaded changes at any time.
FAILED_S: Final = 300.0
ARRIVING_S: Final = 3.0

Ask = Callable[[str], tuple[Stage, str] | None]
_Key = tuple[str, str | None]


class ExactStages:
    """Asks and remembers. To be used from any thread."""

    def __init__(self, ask: Ask, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._clock = ask, clock
        self._known: OrderedDict[_Key, tuple[tuple[Stage, str] | None, float]] = OrderedDict()
        self._asked: set[_Key] = set()
        self._lock = threading.Lock()
        self._behind = ThreadPoolExecutor(1, thread_name_prefix="stages")

    def __call__(self, newest: Mapping[str, str | None]) -> Mapping[str, tuple[Stage, str]]:
        """The stages of batches as `argus status` has them, as far as they are known by now.

        Args:
            newest: by batch, its newest run; None where it has none.
        """
        waiting = [key for key in newest.items() if not self._remembers(key)]
        for key in waiting[:AT_ONCE]:
            self._find(key)
        for key in waiting[AT_ONCE:]:
            with self._lock:
                is_new = key not in self._asked
                self._asked.add(key)
            if is_new:
                self._behind.submit(self._find, key)
        with self._lock:
            answers = {key[0]: self._known[key][0] for key in newest.items() if key in self._known}
        return {batch: answer for batch, answer in answers.items() if answer is not None}

    def close(self) -> None:
        """Ask no more."""
        self._behind.shutdown(wait=False, cancel_futures=True)

    def _remembers(self, key: _Key) -> bool:
        with self._lock:
            known = self._known.get(key)
        fresh = ARRIVING_S if key[1] is None else FAILED_S
        return known is not None and self._clock() - known[1] < fresh

    def _find(self, key: _Key) -> None:
        try:
            found = self._ask(key[0])
            with self._lock:
                self._known[key] = found, self._clock()
                self._known.move_to_end(key)
                while len(self._known) > MOST:
                    self._known.popitem(last=False)
        finally:
            with self._lock:
                self._asked.discard(key)
