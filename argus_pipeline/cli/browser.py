"""The web browser of whoever types, where there is a screen to show it on."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path


def show(path: Path) -> bool:
    """Open a file in the web browser and say whether there is one.

    Without a display nothing is tried: a browser would end with an error of its own.
    """
    return _has_display() and webbrowser.open(path.resolve().as_uri())


def _has_display() -> bool:
    if sys.platform in {"darwin", "win32"}:
        return True
    return any(os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))
