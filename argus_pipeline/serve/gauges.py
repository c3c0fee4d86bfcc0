"""What a process of the server says of itself to Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from argus_pipeline.serve.guard import Meter
from argus_pipeline.serve.shared import Shared


class _Own(Collector):
    def __init__(self, meter: Meter, shared: Shared, listeners: int) -> None:
        self._meter, self._shared, self._listeners = meter, shared, listeners

    def collect(self) -> list[Metric]:
        requests = CounterMetricFamily(
            "argus_serve_requests", "Requests that were answered.", labels=["route", "status"]
        )
        for (route, status), count in self._meter.requests.items():
            requests.add_metric([route, str(status)], count)
        seconds = CounterMetricFamily(
            "argus_serve_seconds", "Seconds that answers took, in all.", labels=["route"]
        )
        for route, total in self._meter.seconds.items():
            seconds.add_metric([route], total)
        results = CounterMetricFamily(
            "argus_serve_results", "Results that were handed out, by how.", labels=["how"]
        )
        for how in ("made", "merged", "hits"):
            results.add_metric([how], getattr(self._shared, how))
        listeners = GaugeMetricFamily(
            "argus_serve_listeners", "Streams of progress that are open.", self._listeners
        )
        return [requests, seconds, results, listeners]


def expose(meter: Meter, shared: Shared, listeners: int) -> bytes:
    """The figures of this moment in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(_Own(meter, shared, listeners))
    return generate_latest(registry)
