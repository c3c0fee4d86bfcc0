"""Asks every source each time that somebody scrapes, and says which of them did not answer.

Nothing is counted in processes: runs are processes of their own that end, and a counter in each
would be lost with it, or have to be kept in shared files. The records are there anyway.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from argus_pipeline.batches.given_up import list_given_up
from argus_pipeline.database.engine import session
from argus_pipeline.metrics.from_database import from_database

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from argus_pipeline.run_records import DagsterInstance
    from argus_pipeline.storage.object_store import ObjectStore

_log = logging.getLogger(__name__)
Source = Callable[[], Iterable[Metric]]


class RecordsCollector(Collector):
    """Hands out what its sources say, and `argus_source_up` for each of them."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Ask all sources. One that fails is down, and holds up no other."""
        up = GaugeMetricFamily(
            "argus_source_up", "Whether this source of figures answered.", labels=["source"]
        )
        for name, source in self._sources.items():
            try:
                found = list(source())
            except Exception as error:  # whatever a store or a database raises while it is away
                _log.warning("no figures from the %s: %s: %s", name, type(error).__name__, error)
                up.add_metric([name], 0)
                continue
            up.add_metric([name], 1)
            yield from found
        yield up


def registry_of(
    engine: Engine, store: ObjectStore, instance: DagsterInstance | None
) -> CollectorRegistry:
    """A registry over database, bucket and, where one is known, Dagster's records."""

    def database() -> list[Metric]:
        with session(engine) as opened:
            return list(from_database(opened))

    def bucket() -> Iterator[Metric]:
        count = sum(1 for _ in list_given_up(store))
        yield GaugeMetricFamily("argus_batches_given_up", "Batches on the given-up list.", count)

    sources: dict[str, Source] = {"database": database, "bucket": bucket}
    if instance is not None:
        known = instance
        sources["dagster"] = lambda: _runs(known)
    registry = CollectorRegistry()
    registry.register(RecordsCollector(sources))
    return registry


def _runs(instance: DagsterInstance) -> Iterator[Metric]:
    from argus_pipeline.run_records import count_restarts, count_runs, run_rows
    from argus_pipeline.run_tables import count_attempts

    runs = GaugeMetricFamily(
        "argus_runs", "Runs of batches in Dagster's records, by status.", labels=["status"]
    )
    for status, count in count_runs(instance).items():
        runs.add_metric([status], count)
    yield runs
    yield GaugeMetricFamily(
        "argus_runs_started_again",
        "Runs of batches that Dagster started again after they were lost.",
        count_restarts(instance),
    )
    with run_rows(instance) as connection:
        attempts = count_attempts(connection)
    yield GaugeMetricFamily(
        "argus_runs_tried_again",
        "Runs of batches that are further attempts after one that failed.",
        attempts,
    )
