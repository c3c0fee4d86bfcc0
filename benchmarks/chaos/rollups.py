"""The roll-ups over all batches after everything that was broken: made, and as if made anew?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from dagster import DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME

from argus_pipeline.run_records import PARTITION_TAG
from argus_pipeline.storage import keys
from benchmarks.chaos.ground import Ground
from benchmarks.chaos.judge import quiet, wait_for_none

if TYPE_CHECKING:
    from dagster import DagsterInstance

_SETTLED_S: Final = 300.0
_LOOKED_AT: Final = 1000


def problems_of_rollups(ground: Ground) -> list[str]:
    """What is wrong with them once they have come to rest; empty is well.

    Batches that are not in them, a newest run that failed, and tables of `fleet/` that a rebuild
    makes differently.
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
    """The assets of which the newest run failed: what follows batches by itself."""
    newest: dict[tuple[str, str], DagsterRun] = {}
    # The newest come first.
    for run in instance.get_runs(RunsFilter(job_name=IMPLICIT_ASSET_JOB_NAME), limit=_LOOKED_AT):
        for asset in run.asset_selection or ():
            name = asset.to_user_string(), run.tags.get(PARTITION_TAG, "")
            newest.setdefault(name, run)
    return [
        f"the newest run of {' '.join(name).strip()} failed: {run.run_id}"
        for name, run in sorted(newest.items())
        if run.status is DagsterRunStatus.FAILURE
    ]


def _tables(ground: Ground) -> Mapping[str, bytes]:
    found = (one.key for one in ground.store.list(keys.FLEET))
    return {
        key: ground.store.get(key)
        for key in found
        if key.endswith(".parquet") and key.count("/") == 1
    }
