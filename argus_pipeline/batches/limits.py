"""How long a batch may take, and how often it is tried. Each limit is an environment variable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta

from argus_pipeline.errors import ArgusError


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a batch; of `report_minutes`, the variable is `ARGUS_LIMIT_REPORT_MINUTES`.

    Attributes:
        report_minutes: from the manifest to the report.
        parsing_minutes: without an event while files are verified and parsed.
        diagnosing_minutes: without an event after that.
        megabytes_per_second: what a large batch is allowed besides: a second for each so many MB.
        attempts: runs of a batch before it is given up.
        back_off_seconds: before the second attempt; four times as long before each further one.
        run_minutes: of one run, as the last resort.
        feed_silent_hours: without any batch until the feed counts as silent.
    """

    report_minutes: int = 30
    parsing_minutes: int = 5
    diagnosing_minutes: int = 10
    megabytes_per_second: int = 10
    attempts: int = 4
    back_off_seconds: int = 30
    run_minutes: int = 120
    feed_silent_hours: int = 24

    def allowance(self, size: int) -> timedelta:
        """What a batch of `size` bytes may take longer than a small one."""
        return timedelta(seconds=size / 1e6 / self.megabytes_per_second)

    def time_limit_s(self, size: int) -> int:
        """Seconds after which a run of a batch of `size` bytes is ended in any case."""
        return round(self.run_minutes * 60 + self.allowance(size).total_seconds())

    def back_off(self, attempts: int) -> timedelta:
        """How long to wait after so many attempts have failed."""
        return timedelta(seconds=self.back_off_seconds * 4 ** max(attempts - 1, 0))


def read_limits(environment: Mapping[str, str] | None = None) -> Limits:
    """The limits as the environment has them, over the usual ones.

    Raises:
        ArgusError: one of them is no whole number above zero.
    """
    given = os.environ if environment is None else environment
    found: dict[str, int] = {}
    for field in fields(Limits):
        variable = f"ARGUS_LIMIT_{field.name.upper()}"
        value = given.get(variable)
        if not value:
            continue
        if not value.isdecimal() or int(value) == 0:
            raise ArgusError(f"is {value!r}", where=variable, expected="a whole number, such as 30")
        found[field.name] = int(value)
    return Limits(**found)
