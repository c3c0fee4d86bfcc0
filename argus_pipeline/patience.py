"""Waiting for somebody who is away, and not coming back all together."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

from argus_pipeline.errors import Unavailable

PATIENCE_S: Final = 300.0
"""How long something is tried again while who it needs does not answer."""

_FIRST_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 60.0
Result = TypeVar("Result")


def patiently(
    call: Callable[[], Result],
    *,
    patience_s: float = PATIENCE_S,
    longest_wait_s: float = _LONGEST_WAIT_S,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Result:
    """What a call returns, tried again while who it needs is away.

    Waits grow from one second to `longest_wait_s`, each by chance between nothing and the whole, so
    that a fleet that lost its link together does not come back together (full jitter).

    Raises:
        Unavailable: it is still away after `patience_s`.
    """
    until, wait = clock() + patience_s, min(_FIRST_WAIT_S, longest_wait_s)
    while True:
        try:
            return call()
        except Unavailable:
            if clock() + wait > until:
                raise
        sleep(random.uniform(0, wait))
        wait = min(2 * wait, longest_wait_s)
