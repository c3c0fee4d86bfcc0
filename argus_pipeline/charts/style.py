"""The look that all charts share: colours, type, sizes and words."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import altair as alt
from altair.typing import ChartType, Optional

from argus_pipeline.statistics.severity import NONE, SEVERITIES

WIDTH: Final = 860
FONT: Final = "Helvetica, Arial, Liberation Sans, sans-serif"
INK: Final = "#222222"
QUIET: Final = "#555555"
GRID: Final = "#e4e4e4"

COLOURS: Final = {
    "fatal": "#2b0a3d",
    "error": "#cc3d1c",
    "warn": "#f5b53f",
    "info": "#1d4f7c",
    "debug": "#4f8bbd",
    "verbose": "#9cc3e0",
    NONE: "#e3dfd8",
}
"""Warm for what is bad and cool for the rest, so that no pair differs in red and green alone; in
each family the worse is the darker, so that the order is left in black and white."""

LABELS: Final = {
    "fatal": "fatal",
    "error": "error",
    "warn": "warning",
    "info": "info",
    "debug": "debug",
    "verbose": "verbose",
    NONE: "no severity",
}

_ELLIPSIS: Final = "…"


class Rows(alt.InlineData):
    """The rows of a chart.

    Altair copies a chart whole each time that another takes it in: its rows are the same ones.
    """

    def __init__(self, values: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(values=values)

    def __deepcopy__(self, memo: object) -> Rows:
        return self


def styled(
    panels: Sequence[ChartType],
    title: str,
    subtitle: Sequence[str],
    description: str,
    *,
    spacing: Optional[int] = alt.Undefined,
) -> alt.VConcatChart:
    """The finished chart: panels from top to bottom, with a title, lines under it and the look.

    `description` is what a screen reader says.
    """
    # Made in one call: each method of a chart copies all of its panels.
    return alt.VConcatChart(
        vconcat=list(panels),
        title=alt.TitleParams(text=title, subtitle=[shown(line, 150) for line in subtitle]),
        description=shown(description, 400),
        background="white",
        # Where none of the fonts is there, a browser takes one that may be a sixth wider.
        padding={"left": 40, "right": 40, "top": 16, "bottom": 16},
        config=_LOOK,
        spacing=spacing,
    )


_LOOK: Final = alt.Config(
    font=FONT,
    view=alt.ViewConfig(stroke=None),
    title=alt.TitleConfig(
        anchor="start",
        fontSize=18,
        color=INK,
        subtitleFontSize=12,
        subtitleColor=QUIET,
        subtitleLineHeight=16,
        subtitlePadding=6,
        offset=14,
    ),
    axis=alt.AxisConfig(
        labelFontSize=12,
        titleFontSize=12,
        titleFontWeight="normal",
        labelColor=INK,
        titleColor=INK,
        gridColor=GRID,
        domainColor="#888888",
        tickColor="#888888",
    ),
    legend=alt.LegendConfig(
        labelFontSize=12,
        labelColor=INK,
        symbolType="square",
        symbolSize=130,
        symbolStrokeWidth=0,
        titleFontSize=12,
    ),
)


def severity_colour(present: Iterable[str], **legend: Any) -> alt.Color:
    """Colour by the field `severity` (a label), with a legend of those that are there."""
    words = [word for word in SEVERITIES if word in set(present)]
    return alt.Color(
        "severity:N",
        scale=alt.Scale(
            domain=[LABELS[word] for word in words], range=[COLOURS[word] for word in words]
        ),
        legend=alt.Legend(title=None, **legend),
    )


def nothing_to_show(text: str, width: int, height: int) -> alt.LayerChart:
    """A panel of the usual size that says in words why it is empty."""
    panel = alt.Chart(Rows([{"text": text}]))
    ground = panel.mark_rect(fill="#f6f6f6", stroke="#dddddd").encode(
        x=alt.value(0), x2=alt.value(width), y=alt.value(0), y2=alt.value(height)
    )
    words = panel.mark_text(fontSize=15, color=QUIET).encode(
        text="text:N", x=alt.value(width / 2), y=alt.value(height / 2)
    )
    return alt.LayerChart(layer=[ground, words], width=width, height=height)


def shown(text: str, characters: int) -> str:
    """A name from outside as it may stand in a chart: no control characters, cut in length."""
    plain = "".join("�" if unicodedata.category(c) in _UNSHOWN else c for c in text)
    return plain if len(plain) <= characters else plain[: characters - 1] + _ELLIPSIS


# Control characters and halves of surrogate pairs are no XML, formats can turn the text around.
_UNSHOWN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def counted(number: int, noun: str) -> str:
    """`1 message`, `2,345 messages`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
