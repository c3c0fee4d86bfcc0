"""A page with one chart that works offline: it loads nothing and sends nothing."""

from __future__ import annotations

import functools
import html
import json
import os
from contextlib import suppress
from importlib import metadata
from typing import Any, Final

import altair as alt
import platformdirs
import vl_convert

VEGA_LITE: Final = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
"""The version of Vega-Lite that the installed Altair writes, such as `6.1`."""

# Vega compiles its expressions with `Function`, hence unsafe-eval; there is nothing to load, so
# whatever a text of the chart could try, the page cannot reach any other address.
_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline';"
    " img-src data: blob:"
)
_OPTIONS: Final = {
    "mode": "vega-lite",
    "renderer": "svg",
    "actions": {"export": True, "source": False, "compiled": False, "editor": False},
}

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 0 auto; max-width: 1100px; padding: 1rem; background: #fff; color: #222;
  font-family: Helvetica, Arial, "Liberation Sans", sans-serif; }}
#chart {{ display: block; width: 100%; }}
#chart svg.marks, noscript svg.marks {{ width: 100%; height: auto; }}
@media print {{ summary {{ display: none; }} }}
</style>
</head>
<body>
<main id="chart"></main>
<noscript>{svg}</noscript>
<script>
{bundle}
</script>
<script>
vegaEmbed("#chart", {spec}, {options}).catch(function (error) {{
  document.getElementById("chart").textContent = "The chart cannot be drawn: " + error.message;
}});
</script>
</body>
</html>
"""


def page(spec: dict[str, Any], svg: str, title: str) -> str:
    """The HTML page of a chart.

    Args:
        spec: the Vega-Lite specification.
        svg: the same chart, drawn, for readers without scripts.
        title: of the page.
    """
    return _PAGE.format(
        policy=_POLICY,
        title=html.escape(title),
        svg=svg,
        bundle=_bundle(),
        spec=script_json(spec),
        options=script_json(_OPTIONS),
    )


def script_json(value: Any) -> str:
    """JSON that may stand inside a script element: no text in it can end the element."""
    return (
        json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )


@functools.cache
def _bundle() -> str:
    """Vega, Vega-Lite and vega-embed in one script, from the installed vl-convert.

    Putting them together takes more than a second, so the next process finds it in the user's
    cache folder.
    """
    version = metadata.version("vl-convert-python")
    kept = platformdirs.user_cache_path("argus") / f"vega-{VEGA_LITE}-vl-convert-{version}.js"
    with suppress(OSError):
        return kept.read_bytes().decode()
    # The type stub asks for a snippet, which is optional.
    script = vl_convert.javascript_bundle(vl_version=VEGA_LITE)  # type: ignore[call-arg]
    script = script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
    with suppress(OSError):  # nowhere to keep it: it is made again
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(script.encode())
        part.replace(kept)
    return script
