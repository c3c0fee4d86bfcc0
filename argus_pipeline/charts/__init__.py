"""Charts of a batch's statistics, as pages that work offline, drawings and pictures."""

from argus_pipeline.charts.context import ChartContext
from argus_pipeline.charts.rendering import RenderedChart, render
from argus_pipeline.charts.severity_over_time import severity_over_time
from argus_pipeline.charts.storage import CHARTS, draw_charts, read_drawings, write_charts
from argus_pipeline.charts.top_codes import top_codes

__all__ = [
    "CHARTS",
    "ChartContext",
    "RenderedChart",
    "draw_charts",
    "read_drawings",
    "render",
    "severity_over_time",
    "top_codes",
    "write_charts",
]
