"""Chromium without a screen, for those of these programs that take photographs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

PROGRAM = os.environ.get("CHROMIUM") or shutil.which("chromium")
"""By CHROMIUM, or on the path."""


@contextmanager
def launched(program: str | None = PROGRAM) -> Iterator[Browser]:
    """The browser, while the context lasts. It opens our own pages only, so it needs no sandbox."""
    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--hide-scrollbars"]
        )
        yield browser
        browser.close()
