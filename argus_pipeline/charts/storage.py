"""The charts of a batch in the bucket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from argus_pipeline.charts.rendering import RenderedChart
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

CHARTS: Final = ("severity_over_time", "top_codes")
"""The names of a batch's charts, in the order in which people look at them."""


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


def read_drawings(store: ObjectStore, batch: str) -> dict[str, bytes]:
    """The charts of a batch as SVG, by name.

    Raises:
        ObjectMissing: one was not written.
    """
    return {name: store.get(keys.chart(batch, name, "svg")) for name in CHARTS}
