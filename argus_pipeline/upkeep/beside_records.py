"""Where Dagster's records are, and what of a run lies beside them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from argus_pipeline.errors import ArgusError
from argus_pipeline.storage import keys

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from argus_pipeline.run_records import DagsterInstance
    from argus_pipeline.storage.object_store import ObjectStore

_THREADS: Final = 8


@contextmanager
def open_records(instance: DagsterInstance) -> Iterator[Engine]:
    """Dagster's database.

    Raises:
        ArgusError: Dagster keeps its records elsewhere than in one Postgres.
    """
    from argus_pipeline.database.engine import create_engine

    urls = {
        getattr(storage, "postgres_url", None)
        for storage in (instance.event_log_storage, instance.run_storage)
    }
    [url, *others] = urls
    if url is None or others:
        raise ArgusError(
            "Dagster's records are not in one Postgres, so nothing can be pruned",
            hint="ARGUS_UPKEEP_KEEP_RUNS_DAYS=0 turns it off",
        )
    engine = create_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def pruned_elsewhere(
    instance: DagsterInstance, store: ObjectStore
) -> Callable[[Sequence[str]], int]:
    """Removes what lies beside the records of runs: values between steps, and logs of steps."""

    def remove(run: str) -> int:
        found = [one.key for one in store.list(f"{keys.BETWEEN_STEPS}{run}/")]
        for key in found:
            store.delete(key)
        # Logs may lie where they cannot be deleted, or on another host.
        with contextlib.suppress(Exception):
            instance.compute_log_manager.delete_logs(prefix=[run])
        return len(found)

    def remove_all(runs: Sequence[str]) -> int:
        with ThreadPoolExecutor(_THREADS) as threads:
            return sum(threads.map(remove, runs))

    return remove_all
