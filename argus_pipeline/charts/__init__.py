"""Charts of a batch and of all batches, as pages that work offline, drawings and pictures."""

from argus_pipeline.charts.adoption import adoption
from argus_pipeline.charts.codes_by_ecu import codes_by_ecu
from argus_pipeline.charts.context import ChartContext
from argus_pipeline.charts.rate_ratios import rate_ratios
from argus_pipeline.charts.rendering import RenderedChart, render
from argus_pipeline.charts.restarts import restarts
from argus_pipeline.charts.severity_over_time import severity_over_time
from argus_pipeline.charts.signals_around_events import signals_around_events
from argus_pipeline.charts.storage import (
    CHARTS,
    charts_that_matter,
    draw_charts,
    read_drawings,
    stored_charts_that_matter,
    write_charts,
)
from argus_pipeline.charts.top_codes import top_codes

__all__ = [
    "CHARTS",
    "ChartContext",
    "RenderedChart",
    "adoption",
    "charts_that_matter",
    "codes_by_ecu",
    "draw_charts",
    "rate_ratios",
    "read_drawings",
    "render",
    "restarts",
    "severity_over_time",
    "signals_around_events",
    "stored_charts_that_matter",
    "top_codes",
    "write_charts",
]
