"""Ending work in other threads early: a flag, and what to wake when it is set."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Cancellation:
    """Set once, by any thread; what is registered is called then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []
        self._set = False

    def __call__(self) -> bool:
        """Whether it was set."""
        return self._set

    def cancel(self) -> None:
        """Set it."""
        with self._lock:
            self._set = True
            callbacks = list(self._callbacks)
        for callback in callbacks:
            callback()

    @contextmanager
    def calling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call it, from whatever thread cancels, while this context is open."""
        with self._lock:
            self._callbacks.append(callback)
            already = self._set
        if already:
            callback()
        try:
            yield
        finally:
            with self._lock:
                self._callbacks.remove(callback)
