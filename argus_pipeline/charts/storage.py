"""All charts of a batch: which they are, and how they lie in the bucket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import polars as pl

from argus_pipeline.charts.codes_by_ecu import codes_by_ecu
from argus_pipeline.charts.context import ChartContext
from argus_pipeline.charts.rendering import RenderedChart, render
from argus_pipeline.charts.restarts import restarts
from argus_pipeline.charts.severity_over_time import severity_over_time
from argus_pipeline.charts.signals_around_events import signals_around_events
from argus_pipeline.charts.top_codes import top_codes
from argus_pipeline.statistics.batch import BatchStatistics
from argus_pipeline.statistics.storage import read_frames
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

CHARTS: Final = {
    "severity_over_time": severity_over_time,
    "top_codes": top_codes,
    "codes_by_ecu": codes_by_ecu,
    "signals_around_events": signals_around_events,
    "restarts": restarts,
}
"""A batch's charts by name, in the order in which people look at them."""
DECIDING: Final = ("boots", "codes", "codes_by_ecu", "event_signals")
"""The statistics that tell which charts matter: four of many objects."""


def draw_charts(statistics: BatchStatistics, context: ChartContext) -> dict[str, RenderedChart]:
    """Draw and render every chart of a batch, by name."""
    return {name: render(draw(statistics, context)) for name, draw in CHARTS.items()}


def write_charts(
    store: ObjectStore, batch: str, charts: Mapping[str, RenderedChart]
) -> dict[str, str]:
    """Write every chart in all its forms and return the key of each page by the chart's name."""
    pages = {}
    for name, chart in charts.items():
        for suffix, data in chart.files().items():
            store.put(keys.chart(batch, name, suffix), data)
        pages[name] = keys.chart(batch, name, "html")
    return pages


def charts_that_matter(frames: Mapping[str, pl.DataFrame]) -> tuple[str, ...]:
    """The charts that say something of this batch, for a reader who has no time for the others.

    Severities over time always; codes where there are any, by ECU where several reported them;
    signals around events where one left its usual range; restarts where an ECU booted again.

    Args:
        frames: statistics of the batch by name, at least those in `DECIDING`.
    """
    boots = frames["boots"]["ecu"].value_counts()["count"]
    says_something = {
        "severity_over_time": True,
        "top_codes": not frames["codes"].is_empty(),
        "codes_by_ecu": frames["codes_by_ecu"]["ecu"].n_unique() > 1,
        "signals_around_events": not frames["event_signals"].is_empty(),
        "restarts": bool((boots > 1).any()),
    }
    return tuple(name for name in CHARTS if says_something[name])


def stored_charts_that_matter(store: ObjectStore, batch: str) -> tuple[str, ...]:
    """`charts_that_matter` of a batch whose statistics are in the bucket.

    Raises:
        ObjectMissing: they were not written.
        BadInput: they are of another schema.
    """
    return charts_that_matter(read_frames(store, batch, DECIDING))


def read_drawings(
    store: ObjectStore, batch: str, names: Iterable[str] = tuple(CHARTS)
) -> dict[str, bytes]:
    """Charts of a batch as SVG, by name.

    Raises:
        ObjectMissing: one was not written.
    """
    return {name: store.get(keys.chart(batch, name, "svg")) for name in names}
