"""Waiting for what runs are handed to, while it is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, TypeVar

PATIENCE_S: Final = 300.0
"""Meanwhile nothing else could be handed out, and the run counts as starting."""
_PAUSE_S: Final = 2.0
_log = logging.getLogger(__name__)
T = TypeVar("T")


def while_away(
    do: Callable[[], T],
    is_away: Callable[[Exception], bool],
    *,
    what: str,
    patience_s: float = PATIENCE_S,
    pause_s: float = _PAUSE_S,
) -> T:
    """Do it, again and again while its error says that somebody is away.

    Dagster fails a run whose launch fails, and so do the two that it starts instead: all attempts
    at a batch would be over within seconds.

    Raises:
        Exception: what `do` raised in the end, or what is no such error.
    """
    until = time.monotonic() + patience_s
    while True:
        try:
            return do()
        except Exception as error:
            if not is_away(error) or time.monotonic() > until:
                raise
            _log.warning("%s is away: %s; trying again in %g s", what, error, pause_s)
        time.sleep(pause_s)
