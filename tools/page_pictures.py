"""Photographs the pages of a running `argus serve`: light, dark and on a phone.

    python tools/page_pictures.py http://127.0.0.1:3100 [--out docs/pictures/pages] [--look NAME …]

The batch, the campaign and the firmwares that are shown are the first that the server names; while
a batch is on its way its page is photographed, too. Needs Chromium (CHROMIUM names another one).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import chromium
import httpx
from playwright.sync_api import Browser

DESKTOP, PHONE = {"width": 1180, "height": 860}, {"width": 390, "height": 844}
LOOKS: Mapping[str, Mapping[str, Any]] = {
    "light": {"viewport": DESKTOP, "color_scheme": "light"},
    "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light", "device_scale_factor": 2},
}


def main() -> None:
    """Photograph every page in every look."""
    reader = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    reader.add_argument("address")
    reader.add_argument("--out", type=Path, default=Path("docs/pictures/pages"))
    reader.add_argument("--look", action="append", choices=sorted(LOOKS))
    reader.add_argument("--chromium", default=chromium.PROGRAM)
    given = reader.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    pages = find_pages(given.address)
    with chromium.launched(given.chromium) as browser:
        for look in given.look or LOOKS:
            for name, path in pages.items():
                photograph(browser, given.address + path, given.out / f"{name}-{look}.png", look)


def find_pages(address: str) -> dict[str, str]:
    """The pages that are worth a picture, by name."""
    with httpx.Client(base_url=f"{address}/api/v1") as api:
        now = api.get("/fleet").json()
        done = api.get("/batches", params={"verdict": "likely cause"}).json()["batches"]
        rows = api.get("/firmware_comparison").json()["rows"]
        pages = {"fleet": "/", "batches": "/batches", "search": "/search?q=C0035"}
        if done:
            batch = done[0]["batch"]
            pages["report"] = f"/batches/{quote(batch)}"
            evidence = api.get(f"/batches/{batch}/report").json()["evidence"]
            places = [
                one
                for piece in evidence
                for one in piece["references"]
                if one["table"] and one["offset"] is not None
            ]
            if places:
                pages["messages"] = f"/batches/{quote(batch)}/messages?{urlencode(places[0])}"
        if now["campaigns"]:
            pages["campaign"] = f"/campaigns/{quote(now['campaigns'][0]['campaign'])}"
        if rows:
            names = ("platform", "firmware_before", "firmware_after")
            platform, before, after = (rows[0][name] for name in names)
            values = {"platform": platform, "before": before, "after": after}
            pages["compare"] = f"/compare?{urlencode(values)}"
        going = [one for one in now["going_on"] if one["stage"] != "queued"]
        if going:
            pages["arriving"] = f"/batches/{quote(going[0]['batch'])}"
    return pages


def photograph(browser: Browser, url: str, picture: Path, look: str) -> None:
    """The first screen of a page, once its images are there."""
    window = browser.new_context(locale="en", **LOOKS[look])
    page = window.new_page()
    page.goto(url)
    page.wait_for_function("[...document.images].every(image => image.complete)")
    page.screenshot(path=picture)
    window.close()
    print(f"{picture}  {picture.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
