"""A chart as what people open: a page, a drawing and pictures."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any, Final

import altair as alt
import vl_convert

from argus_pipeline.charts.page import VEGA_LITE, page
from argus_pipeline.charts.png import recompressed

MAX_PREVIEW_BYTES: Final = 60_000
"""A preview travels inside an event of Dagster's log, once for each run."""

_SCALE: Final = 2.0
_PREVIEW_SCALES: Final = (1.0, 0.8, 0.65, 0.5, 0.35, 0.25)


@dataclass(frozen=True, slots=True)
class RenderedChart:
    """One chart in its forms, the same bytes for the same chart.

    `html` is a page that works offline, `svg` a drawing, `png` a picture at twice the size, and
    `preview_png` a picture of at most `MAX_PREVIEW_BYTES`.
    """

    html: bytes = field(repr=False)
    svg: bytes = field(repr=False)
    png: bytes = field(repr=False)
    preview_png: bytes = field(repr=False)

    def files(self) -> dict[str, bytes]:
        """What belongs in the bucket, by suffix."""
        return {"html": self.html, "svg": self.svg, "png": self.png}

    def _repr_png_(self) -> bytes:
        """The picture that a notebook shows."""
        return self.preview_png

    def preview_uri(self) -> str:
        """The preview as a `data:` address, for a picture inside Markdown."""
        return "data:image/png;base64," + base64.b64encode(self.preview_png).decode("ascii")


def render(chart: alt.TopLevelMixin) -> RenderedChart:
    """Render a chart in all its forms."""
    # Vega-Lite itself refuses what is wrong; the tests check against its schema.
    spec: dict[str, Any] = chart.to_dict(validate=False)
    svg = vl_convert.vegalite_to_svg(json.dumps(spec), vl_version=VEGA_LITE)
    return RenderedChart(
        html=page(spec, svg, _title(spec)).encode(),
        svg=svg.encode(),
        png=picture(svg),
        preview_png=_preview(svg),
    )


def picture(svg: str) -> bytes:
    """A drawing as a picture at twice the size."""
    return recompressed(vl_convert.svg_to_png(svg, scale=_SCALE))


def _title(spec: dict[str, Any]) -> str:
    title = spec["title"]
    return " · ".join([title["text"], *title.get("subtitle", [])[:1]])


def _preview(svg: str) -> bytes:
    """The largest picture that fits, or the smallest that is tried."""
    found = b""
    for scale in _PREVIEW_SCALES:
        found = recompressed(vl_convert.svg_to_png(svg, scale=scale))
        if len(found) <= MAX_PREVIEW_BYTES:
            break
    return found
