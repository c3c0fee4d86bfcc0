"""How long the feed may be silent before the UI says that it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from argus_pipeline.errors import ArgusError

VARIABLE: Final = "ARGUS_FEED_SILENT_HOURS"
_USUAL_HOURS: Final = 24


def silent_after(environment: Mapping[str, str] | None = None) -> timedelta:
    """After what time without a batch the feed counts as silent.

    Raises:
        ArgusError: the variable is no whole number of hours above zero.
    """
    given = (os.environ if environment is None else environment).get(VARIABLE)
    if not given:
        return timedelta(hours=_USUAL_HOURS)
    if not given.isdecimal() or int(given) == 0:
        raise ArgusError(
            f"is {given!r}", where=VARIABLE, expected="a whole number of hours, such as 24"
        )
    return timedelta(hours=int(given))
