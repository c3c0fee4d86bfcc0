"""The roll-ups over all batches after everything that was broken: made, and as if made anew?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from dagster import AssetKey, DagsterRunStatus

from argus_pipeline.storage import keys
from benchmarks.chaos.ground import Ground
from benchmarks.chaos.judge import quiet, wait_for_none

if TYPE_CHECKING:
    from dagster import DagsterInstance

ROLLUPS: Final = ("fleet_statistics", "firmware_comparison", "campaign_health", "campaign_pages")
"""What follows the batches by itself, whichever job makes it."""
_SETTLED_S: Final = 300.0


def problems_of_rollups(ground: Ground) -> list[str]:
    """What is wrong with them once they have come to rest; empty is well.

    Batches that are not in them, a newest run that did not come through, and tables of `fleet/`
    that a rebuild makes differently.
    """

    def waiting() -> list[str]:
        notes = [f"not rolled up: {one.key}" for one in ground.store.list(keys.FLEET_CHANGES)]
        return [*notes, *failed_rollups(ground.instance), *quiet(ground, all_of_it=True)]

    left = wait_for_none(waiting, _SETTLED_S)
    if left:
        return list(left)
    before = _tables(ground)
    done = ground.argus("compare", "--rebuild", "--json")
    if done.returncode not in {0, 1}:
        return [f"`argus compare --rebuild` failed: {done.stderr.strip()[-300:]}"]
    after = _tables(ground)
    differ = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    return [f"a rebuild makes another {name}" for name in sorted(differ)]


def failed_rollups(instance: DagsterInstance) -> list[str]:
    """The roll-ups that no run made, or of which the newest run did not come through."""
    problems = []
    for name in ROLLUPS:
        records = instance.get_asset_records([AssetKey(name)])
        newest = records[0].asset_entry.last_run_id if records else None
        run = instance.get_run_by_id(newest) if newest else None
        if run is None:
            problems.append(f"no run made {name}")
        elif run.status is not DagsterRunStatus.SUCCESS:
            problems.append(f"the newest run of {name} is {run.status.value}: {run.run_id}")
    return problems


def _tables(ground: Ground) -> Mapping[str, bytes]:
    found = (one.key for one in ground.store.list(keys.FLEET))
    return {
        key: ground.store.get(key)
        for key in found
        if key.endswith(".parquet") and key.count("/") == 1
    }
