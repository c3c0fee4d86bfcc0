"""When each ECU started, went on after a suspend, or was stopped by a failure."""

from __future__ import annotations

from typing import Final

import altair as alt
import polars as pl

from argus_pipeline.charts.context import ChartContext
from argus_pipeline.charts.lifecycle_lanes import Lanes, lanes, lanes_panel, signs
from argus_pipeline.charts.style import WIDTH, counted, nothing_to_show, styled
from argus_pipeline.charts.time_axis import time_axis
from argus_pipeline.statistics.batch import BatchStatistics

TITLE: Final = "Restarts of the ECUs"
MAX_ECUS: Final = 24

# Room for the counts behind the lanes.
_COUNTS_WIDTH: Final = 260
_SHORTEST_BIN_MS: Final = 1_000


def restarts(statistics: BatchStatistics, context: ChartContext | None = None) -> alt.VConcatChart:
    """A lane for each ECU with its lifecycles, from the frames `boots` and `lifecycles`.

    Args:
        statistics: of the batch.
        context: what the lines under the title say of the batch.
    """
    subtitle = [context.line()] if context else []
    found = lanes(statistics.boots, statistics.lifecycles)
    if found.ecus.is_empty():
        facts = _unplaced(found) or "no recording says when an ECU started"
        panel = nothing_to_show("no boots that a clock can place", WIDTH, 200)
        return styled([panel], TITLE, [*subtitle, facts], f"{TITLE}: {facts}")
    largest = found.largest(MAX_ECUS)
    first, last = _span(statistics.timeline, found)
    axis = time_axis(first, last, _SHORTEST_BIN_MS)
    panel = lanes_panel(
        largest,
        axis,
        title=f"Grey: running, a shade for each boot; {signs(largest)}",
        width=WIDTH - _COUNTS_WIDTH,
        labels=True,
    )
    facts = _facts(found, largest)
    return styled([panel], TITLE, [*subtitle, facts], f"{TITLE}. {facts}")


def _span(timeline: pl.DataFrame, found: Lanes) -> tuple[int, int]:
    """That of the messages, so that a boot long before the recording does not squeeze it."""
    if not timeline.is_empty():
        found_span = timeline.select(
            pl.col("start").min().dt.epoch("ms"), pl.col("end").max().dt.epoch("ms")
        )
        return found_span.row(0)
    return int(found.bars["start"].min()), int(found.bars["end"].max())  # type: ignore[arg-type]


def _facts(found: Lanes, largest: Lanes) -> str:
    ecus = counted(found.ecus.height, "ECU")
    if largest.ecus.height < found.ecus.height:
        ecus = f"the {largest.ecus.height} that started most often of {ecus}"
    parts = [
        f"{counted(int(found.ecus['boots'].sum()), 'boot')} of {ecus}",
        "shortest: from a boot to the last message before the next one",
        _unplaced(found),
    ]
    return "; ".join(filter(None, parts))


def _unplaced(found: Lanes) -> str:
    if not found.unplaced:
        return ""
    return f"{counted(found.unplaced, 'boot')} without a clock that was set not shown"
