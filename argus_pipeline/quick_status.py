"""The status of many batches within a second: by SQL where that decides it, else by Dagster.

Loading Dagster takes a second by itself. A batch that is on its way, or that is done, is told by
its newest run's rows, and one that arrives by the bucket; only what remains (failed, given up, in a
run of many) is asked of `batch_status`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from argus_pipeline import run_tables, settings
from argus_pipeline.batch_status import (
    BatchStatus,
    batch_statuses,
    before_its_run,
    newest_batches,
)
from argus_pipeline.batches.arrivals import days_to_look_at, list_folders
from argus_pipeline.batches.stages import Stage, stage_of
from argus_pipeline.database.engine import create_engine, translated_at
from argus_pipeline.errors import BadInput
from argus_pipeline.run_records import DATABASE, answering, connect
from argus_pipeline.storage import keys

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from argus_pipeline.run_records import DagsterInstance
    from argus_pipeline.storage.object_store import ObjectStore

_URL: Final = "ARGUS_DAGSTER_DATABASE_URL"
_THREADS: Final = 8


class QuickStatus:
    """Tells the statuses of batches, for one process that may ask several times."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._instance: DagsterInstance | None = None
        url = os.environ.get(_URL) or settings.local_environment().get(_URL)
        self._engine = create_engine(url) if url else None

    def newest(self, limit: int) -> Sequence[str]:
        """The newest batches; see `batch_status.newest_batches`.

        Raises:
            Unavailable: the database does not answer.
        """
        with ThreadPoolExecutor(_THREADS) as threads, self._connection() as connection:
            if connection is not None:
                days = days_to_look_at(datetime.now(UTC), 1)
                listed = threads.map(lambda day: list(list_folders(self._store, [day])), days)
                folders = [folder.name for found in listed for folder in found]
                known = run_tables.partitions_of(connection, folders)
                with_runs = run_tables.newest_batches(connection, limit * 3)
                return [*sorted(set(folders) - known, reverse=True), *with_runs][:limit]
        with answering():
            return newest_batches(self._dagster(), self._store, limit)

    def of(self, batches: Sequence[str]) -> Sequence[BatchStatus]:
        """The status of each; see `batch_status.batch_statuses`.

        Raises:
            BadInput: there is one name, and nobody knows it.
            Unavailable: the database does not answer.
        """
        told = self._by_tables(batches)
        if rest := [batch for batch in batches if batch not in told]:
            with answering():
                asked = batch_statuses(self._dagster(), self._store, rest)
            told |= {one.batch: one for one in asked}
        return [told[batch] for batch in batches]

    def _by_tables(self, batches: Sequence[str]) -> dict[str, BatchStatus]:
        with self._connection() as connection:
            if connection is None:
                return {}
            newest = run_tables.newest_runs(connection, batches)
            going = [run.run_id for run in newest.values() if run.status in run_tables.GOING_ON]
            steps = run_tables.steps_of(connection, going)
            shards = run_tables.shards_of(connection, going)
            new = [batch for batch in batches if batch not in newest]
            if new and (run_tables.ranges_go_on(connection) or run_tables.looks_failed(connection)):
                # Dagster knows whether such a run has the batch, or why the sensor does not come.
                new = []
        told = {}
        for batch, run in newest.items():
            if run.status in run_tables.GOING_ON and run.status != "CANCELING":
                stage, detail = stage_of(run.status, steps[run.run_id], shards.get(run.run_id, 0))
                told[batch] = BatchStatus(batch, stage, detail, run.run_id, _seconds(run))
        ended = [run for run in newest.values() if run.status == "SUCCESS"]
        with ThreadPoolExecutor(_THREADS) as threads:
            reports = threads.map(
                lambda run: self._store.head(keys.report(run.batch, "json")), ended
            )
            arriving = threads.map(self._arriving, new)
            for run, report in zip(ended, reports, strict=True):
                if report is not None:
                    status = BatchStatus(run.batch, Stage.DONE, "", run.run_id, _seconds(run))
                    told[run.batch] = status
            told |= {one.batch: one for one in arriving if one is not None}
        return told

    def _arriving(self, batch: str) -> BatchStatus | None:
        try:
            return before_its_run(self._store, batch)
        except BadInput:  # it is said there, beside the others
            return None

    @contextmanager
    def _connection(self) -> Iterator[Connection | None]:
        """To Dagster's tables; None where it keeps them elsewhere, or has not made them yet."""
        if self._engine is None:
            yield None
            return
        with translated_at(DATABASE), self._engine.connect() as connection:
            made = connection.scalar(text("SELECT to_regclass('dynamic_partitions')"))
            yield None if made is None else connection

    def _dagster(self) -> DagsterInstance:
        if self._instance is None:
            self._instance = connect()
        return self._instance


def _seconds(run: run_tables.Run) -> float | None:
    if not run.start:
        return None
    return max((run.end or time.time()) - run.start, 0.0)
