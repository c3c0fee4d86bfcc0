"""Photographs a running Dagster UI: the asset graph, and what a batch's materializations carry.

    python tools/ui_pictures.py http://127.0.0.1:3000 BATCH [--out docs/pictures]

Needs Chromium (CHROMIUM names another one).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from urllib.parse import urlencode

import chromium
from playwright.sync_api import Page

WINDOW = {"width": 1600, "height": 900}
HIGH = {"width": 1600, "height": 1700}
"""For a report from its first line to its last."""
GROUPS = ("fleet", "batch", "knowledge")
SHOWN = {
    "materialization_chart": ("charts", "severity over time"),
    "materialization_report": ("report", "report"),
}


def main() -> None:
    """Photograph the graph, and each kind of picture that a materialization carries."""
    reader = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    reader.add_argument("address")
    reader.add_argument("batch")
    reader.add_argument("--out", type=Path, default=Path("docs/pictures"))
    reader.add_argument("--chromium", default=chromium.PROGRAM)
    given = reader.parse_args()
    with chromium.launched(given.chromium) as browser:
        page = browser.new_page(base_url=given.address, viewport=WINDOW, locale="en")
        graph(page)
        save(page, given.out / "asset_graph.png")
        for name, (asset, entry) in SHOWN.items():
            page.set_viewport_size(HIGH if asset == "report" else WINDOW)
            materialization(page, asset, given.batch, entry)
            save(page, given.out / f"{name}.png")


def graph(page: Page) -> None:
    """All assets, with their groups open."""
    opened = ",".join(f"global@global:{group}" for group in GROUPS)
    page.goto(f"/asset-groups?{urlencode({'expanded': opened})}")
    page.locator("foreignObject").get_by_text("batch_statistics", exact=True).first.wait_for()
    page.wait_for_timeout(6_000)


def materialization(page: Page, asset: str, batch: str, entry: str) -> None:
    """One entry of the metadata of a batch's materialization, opened."""
    page.goto(f"/assets/{asset}?{urlencode({'view': 'partitions', 'partition': batch})}")
    row = page.locator("tr", has_text=entry).first
    row.get_by_text("Show Markdown").click()
    page.wait_for_timeout(2_000)


def save(page: Page, picture: Path) -> None:
    """The window as it is."""
    page.screenshot(path=picture)
    print(f"{picture}  {picture.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
