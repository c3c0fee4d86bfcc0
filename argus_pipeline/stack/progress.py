"""How the start of the parts is reported."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Who shows how far it is."""

    def began(self, part: str) -> None:
        """A part is being started or stopped."""

    def ended(self, part: str, what: str, seconds: float, detail: str = "") -> None:
        """It is done: what was done, how long it took, and an address or a remark."""


@contextmanager
def part(
    progress: Progress,
    name: str,
    running: Callable[[], object | None] = lambda: None,
    detail: str = "",
    done: str = "started",
) -> Iterator[bool]:
    """Report one part around its start; gives whether it ran before."""
    began = time.monotonic()
    progress.began(name)
    before = running()
    yield before is not None
    what = "already running" if before is not None else done
    address = getattr(running(), "address", "") if running() is not None else ""
    progress.ended(name, what, time.monotonic() - began, detail or address)
