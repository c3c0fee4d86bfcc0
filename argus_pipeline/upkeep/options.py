"""How much is done by night, and how long things are kept. Each is an environment variable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from argus_pipeline import settings
from argus_pipeline.batches.arrivals import DEFAULT_LOOK_BACK_DAYS
from argus_pipeline.errors import ArgusError

_HOURS_A_DAY: Final = 24


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Of `backfill_batches`, the variable is `ARGUS_UPKEEP_BACKFILL_BATCHES`.

    Attributes:
        hour: of the day (UTC) at which the night's work begins.
        backfill_batches: runs that a night requests at the most; 0 for none.
        archive_days: age from which partition keys are taken from Dagster; 0 for never.
        keep_incoming_days: age from which uploaded files are deleted; 0 for never.
        keep_parsed_days: age from which parsed tables are deleted; 0 for never.
        expire_batches: batches that a night archives, and deletes data of, at the most.
        keep_runs_days: age from which Dagster's records of runs are pruned; 0 for never.
        prune_runs: runs that a night prunes at the most.
    """

    hour: int = 2
    backfill_batches: int = 100
    archive_days: int = 0
    keep_incoming_days: int = 0
    keep_parsed_days: int = 0
    expire_batches: int = 1000
    keep_runs_days: int = 30
    prune_runs: int = 20_000


def read_upkeep(environment: Mapping[str, str] | None = None) -> Upkeep:
    """The options as the environment has them, over the usual ones.

    Raises:
        ArgusError: one of them is no whole number, or an age would reach batches that the upload
            sensor still looks at.
    """
    given = os.environ if environment is None else environment
    found: dict[str, int] = {}
    for field in fields(Upkeep):
        variable = f"ARGUS_UPKEEP_{field.name.upper()}"
        value = given.get(variable)
        if not value:
            continue
        if not value.isdecimal() or (field.name == "hour" and int(value) >= _HOURS_A_DAY):
            raise ArgusError(f"is {value!r}", where=variable, expected="a whole number, such as 2")
        found[field.name] = int(value)
    options = Upkeep(**found)
    look_back = settings.look_back_days(DEFAULT_LOOK_BACK_DAYS)
    for name in ("archive_days", "keep_incoming_days", "keep_parsed_days", "keep_runs_days"):
        if name in found and 0 < getattr(options, name) <= look_back:
            raise ArgusError(
                f"is {getattr(options, name)}, and uploads of {look_back} days are still looked at",
                where=f"ARGUS_UPKEEP_{name.upper()}",
                expected=f"more than {look_back} days, or 0 for never",
            )
    return options
