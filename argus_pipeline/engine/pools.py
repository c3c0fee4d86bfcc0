"""Dagster's pools, made and changed by the control plane alone.

In Postgres a run that would do it fails (dagster 1.13: the second statement of
`initialize_concurrency_limit_to_default` runs in a transaction that the first one spoilt): several
first runs at once, and every run while a pool still has another default than the run's instance.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argus_pipeline.run_records import DagsterInstance


def align_pools(instance: DagsterInstance, wanted: Collection[str] = ()) -> None:
    """Make pools that are not there, and give those of a former default the present one.

    What a person set stays.

    Args:
        instance: of Dagster, with the present default.
        wanted: names of pools that have to be there.
    """
    storage = instance.event_log_storage
    default = storage.get_pool_config().default_pool_limit
    known = {limit.name: limit for limit in storage.get_pool_limits()}
    for name, limit in known.items():
        if limit.from_default and limit.limit != default:
            storage.delete_concurrency_limit(name)
            storage.initialize_concurrency_limit_to_default(name)
    for name in set(wanted) - known.keys():
        storage.initialize_concurrency_limit_to_default(name)
