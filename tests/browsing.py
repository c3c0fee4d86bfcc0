"""A real browser without a screen, and what it is watched for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
HINT = "no Chromium here: `apt install chromium`, or name one with CHROMIUM"


def find_chromium() -> str | None:
    """Chromium's program: by CHROMIUM, or on the path."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in _PROGRAMS if (found := shutil.which(name))), None)


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Chromium; the test is skipped where there is none.

    To be held by one module at a time: while it runs, no other event loop can in this thread.
    """
    program = find_chromium()
    if program is None:
        pytest.skip(HINT)
    # Its sandbox takes rights that a container's root has not; it opens our own pages only.
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page in its own window, and whatever went wrong in it."""

    page: Page
    wrong: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    received: int = 0


@contextmanager
def visit(browser: Browser, url: str, **window: Any) -> Iterator[Visit]:
    """A window of its own. Errors of the console, of scripts and of the page's policy are `wrong`.

    So is every request to another server than that of `url`, and every question that pops up.
    """
    context = browser.new_context(base_url=url, **window)
    page = context.new_page()
    found = Visit(page)

    def said(message: Any) -> None:
        if message.type in {"error", "warning"}:
            found.wrong.append(f"console: {message.text}")

    def asked(dialog: Any) -> None:
        found.wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def requested(request: Any) -> None:
        found.addresses.append(request.url)
        if not request.url.startswith((f"{url}/", "data:")):
            found.wrong.append(f"went to {request.url}")

    page.on("console", said)
    page.on("pageerror", lambda error: found.wrong.append(f"script: {error}"))
    page.on("dialog", asked)
    page.on("request", requested)
    try:
        yield found
    finally:
        context.close()
    assert found.wrong == []
