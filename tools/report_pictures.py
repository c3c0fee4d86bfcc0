"""Draws the pictures of the report anew, from simulated batches and a database of their own.

    python tools/report_pictures.py [--out docs/pictures] [--pages FOLDER] [--chromium PROGRAM]

The report of a known code is photographed in both languages; the pages of all batches, in both
languages and as Markdown, are kept in FOLDER for whoever wants to look at them.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pictures import batch_of, manifest_of
from sqlalchemy import Engine

from argus_pipeline.charts import ChartContext, charts_that_matter, draw_charts
from argus_pipeline.database.engine import create_engine, session
from argus_pipeline.database.migrate import migrate
from argus_pipeline.database.records import upsert_batch
from argus_pipeline.diagnosis.feedback import confirm
from argus_pipeline.diagnosis.model import Diagnosis
from argus_pipeline.diagnosis.pipeline import make_case, save_diagnosis, supervise
from argus_pipeline.knowledge.embedding import LocalEmbedder
from argus_pipeline.knowledge.files import read_articles, starter_articles
from argus_pipeline.knowledge.store import import_articles
from argus_pipeline.report.html import render_html
from argus_pipeline.report.language import Language
from argus_pipeline.report.markdown import render_markdown
from argus_pipeline.simulate.fleet import write_fleet
from argus_pipeline.stack.postgres import PostgresServer
from argus_pipeline.upload.options import read_batch_file

BATCHES = 8
# The batch with a known code whose second vehicle had the same before, and what its head shows.
SHOWN, WIDTH, HEIGHT = "08", 1000, 1900
PICTURES = {Language.ENGLISH: "report.png", Language.CHINESE: "report-zh.png"}


def main() -> None:
    """Diagnose every batch of a fleet, write its pages, and photograph one."""
    reader = argparse.ArgumentParser(description="Draw the pictures of the report anew")
    reader.add_argument("--out", type=Path, default=Path("docs/pictures"))
    reader.add_argument("--pages", type=Path)
    reader.add_argument("--chromium", default="chromium")
    given = reader.parse_args()
    with tempfile.TemporaryDirectory(prefix="argus-report-", dir="/tmp") as name:
        scratch = Path(name)
        pages = given.pages or scratch / "pages"
        pages.mkdir(parents=True, exist_ok=True)
        fleet = scratch / "fleet"
        write_fleet(fleet, batches=BATCHES, seed=1)
        with database(scratch / "postgres") as engine:
            import_articles(engine, read_articles([starter_articles()]).articles, LocalEmbedder())
            for number, folder in enumerate(sorted(p for p in fleet.iterdir() if p.is_dir())):
                write_pages(engine, folder, scratch / "tables" / folder.name, number, pages)
        for language, picture in PICTURES.items():
            [page] = pages.glob(f"{SHOWN}-*.{language}.html")
            photograph(given.chromium, page, given.out / picture)


@contextmanager
def database(folder: Path) -> Iterator[Engine]:
    """A Postgres of our own, migrated."""
    server = PostgresServer(folder, durable=False)
    try:
        server.start()
        server.ensure_database("report")
        migrate(server.url("report"))
        engine = create_engine(server.url("report"))
        yield engine
        engine.dispose()
    finally:
        server.stop()


def write_pages(engine: Engine, folder: Path, tables: Path, number: int, pages: Path) -> None:
    """Diagnose a batch of the fleet as the pipeline does, and write its report."""
    options = read_batch_file(folder)
    statistics, results = batch_of(folder, tables)
    day, hour = 20261120 + number // 4, 6 + 3 * (number % 4)
    batch = f"{day}T{hour:02d}0000Z-{options.vehicle}-1f2e"
    manifest = manifest_of(batch, options, results, datetime(2026, 11, 20, tzinfo=UTC))
    with session(engine) as opened:
        upsert_batch(opened, manifest, "etag")
    found = supervise(make_case(manifest, results, statistics), engine, LocalEmbedder()).diagnosis
    save_diagnosis(engine, found, LocalEmbedder())
    if number == 1:
        confirm(engine, manifest.batch, author="workshop", note="the tone ring was replaced")
    context = ChartContext(manifest.batch, *vehicle_of(found))
    drawn = draw_charts(statistics, context)
    charts = {name: drawn[name].svg for name in charts_that_matter(statistics.frames())}
    for language in Language:
        path = pages / f"{folder.name}.{language}.html"
        path.write_text(render_html(found, charts, language), "utf-8")
        markdown = render_markdown(found, charts, language)
        path.with_suffix(".md").write_text(markdown, "utf-8")
    print(f"{folder.name}: {found.verdict.text} ({found.label.value})")


def vehicle_of(found: Diagnosis) -> tuple[str, str, str, str | None]:
    """What a chart says of the vehicle."""
    return found.vehicle, found.platform, found.firmware, found.firmware_from


def photograph(chromium: str, page: Path, picture: Path) -> None:
    """The head of a page as a browser shows it."""
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={picture.resolve()}"]
    subprocess.run([*command, page.resolve().as_uri()], check=True, capture_output=True)
    print(f"{picture}  {picture.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
