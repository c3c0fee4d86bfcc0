"""The roll-ups over all batches after everything that was broken: as if made anew?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from argus_pipeline.storage import keys
from benchmarks.chaos.ground import Ground
from benchmarks.chaos.judge import quiet, wait_for_none

_SETTLED_S: Final = 300.0


def differences_when_made_anew(ground: Ground) -> list[str]:
    """Names of the tables of `fleet/` that a rebuild makes differently; empty is well."""

    def waiting() -> list[str]:
        notes = [f"not rolled up: {one.key}" for one in ground.store.list(keys.FLEET_CHANGES)]
        return [*notes, *quiet(ground, all_of_it=True)]

    left = wait_for_none(waiting, _SETTLED_S)
    if left:
        return list(left)
    before = _tables(ground)
    done = ground.argus("compare", "--rebuild", "--json")
    if done.returncode not in {0, 1}:
        return [f"`argus compare --rebuild` failed: {done.stderr.strip()[-300:]}"]
    after = _tables(ground)
    return [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]


def _tables(ground: Ground) -> Mapping[str, bytes]:
    found = (one.key for one in ground.store.list(keys.FLEET))
    return {
        key: ground.store.get(key)
        for key in found
        if key.endswith(".parquet") and key.count("/") == 1
    }
