"""The report as one HTML page that needs nothing but itself.

No script, no font, no address outside: the page's own policy forbids them, so that nothing that
slipped into a text could load or run. Charts are images inside the page; an SVG that is shown as
an image runs no script either.
"""

from __future__ import annotations

import base64
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from argus_pipeline.diagnosis.model import Diagnosis
from argus_pipeline.diagnosis.text import clean
from argus_pipeline.report.language import Language
from argus_pipeline.report.material_view import MaterialView
from argus_pipeline.report.view import Charts, image_type, view_of

MAX_CHARACTERS: Final = 2000
_TEMPLATE: Final = "report.html.j2"


def render_html(
    diagnosis: Diagnosis, charts: Charts | None = None, language: Language = Language.ENGLISH
) -> str:
    """The report as one self-contained page.

    Args:
        diagnosis: what to report.
        charts: images of charts, SVG or PNG, by name; shown in this order.
        language: of the fixed texts.

    Raises:
        ValueError: an image is neither SVG nor PNG.
    """
    view = view_of(diagnosis, language)
    images = [
        {"title": view.chart_title(name), "source": image_of(name, image)}
        for name, image in (charts or {}).items()
    ]
    return render_page(
        _TEMPLATE,
        diagnosis=diagnosis,
        charts=images,
        view=view,
        lists=MaterialView(diagnosis.material, view.words),
        words=view.words,
    )


def render_page(template: str, **content: Any) -> str:
    """A page by its template, in which every text is one harmless line."""
    return _environment().get_template(template).render(**content)


def image_of(name: str, image: bytes) -> Markup:
    """The address of an image, SVG or PNG, that lies inside the page.

    Raises:
        ValueError: it is neither.
    """
    encoded = base64.b64encode(image).decode("ascii")
    # Base64 and a media type of our own: there is nothing in it to escape.
    return Markup(f"data:{image_type(name, image)};base64,{encoded}")


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("argus_pipeline.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=inert,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def inert(value: Any) -> Any:
    """Every text that a template prints is made one harmless line before it is escaped."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return clean(value, MAX_CHARACTERS)
    return value
