"""Draws the pictures of docs/charts.md anew, from simulated batches and a simulated fleet.

    python tools/pictures.py [--out docs/pictures]

Each chart is drawn of the batch that has something to show in it, and the page of the campaign is
photographed whole. Needs Chromium (CHROMIUM names another one).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import chromium
import polars as pl
import vl_convert

from argus_pipeline.batches.manifest import BatchFile, Manifest
from argus_pipeline.charts import CHARTS, ChartContext, RenderedChart, adoption, rate_ratios, render
from argus_pipeline.charts.png import recompressed
from argus_pipeline.fleet.campaign import campaign_health, health_frame
from argus_pipeline.fleet.comparison import compare_firmware
from argus_pipeline.fleet.reported import reported
from argus_pipeline.fleet.rules import default_rules
from argus_pipeline.fleet.sums import sum_cells
from argus_pipeline.recordings.local import find_inputs, parse_files
from argus_pipeline.recordings.parsing import make_result
from argus_pipeline.recordings.result import RecordingResult, TableOutput
from argus_pipeline.recordings.specifications import specification_files
from argus_pipeline.recordings.tables import PARQUET
from argus_pipeline.report.campaign import campaign_charts, compared, render_campaign
from argus_pipeline.simulate.counts import FaultModel, FleetModel, simulate_cells
from argus_pipeline.simulate.fleet import write_fleet
from argus_pipeline.statistics.batch import BatchStatistics, compute_statistics
from argus_pipeline.statistics.sources import recording_tables
from argus_pipeline.upload.options import BatchOptions, read_batch_file

# Which batch of the simulated fleet a chart is drawn of, by the beginning of its folder's name.
OF_BATCH = {
    "severity_over_time": "04",
    "top_codes": "04",
    "codes_by_ecu": "04",
    "signals_around_events": "03",
    "restarts": "04",
}
CAMPAIGN = "2026-q4-simulated"
FLEET = FleetModel(
    vehicles=600,
    hours=6.0,
    faults=[
        FaultModel("E214", 0.05, 2.5),
        FaultModel("C0035", 0.3),
        FaultModel("P0A80", 0.4, 0.4),
        FaultModel("U0100", 0.1),
        FaultModel("B1342", 0.002),
        FaultModel("E977", 0.0001, 400.0),
    ],
    dispersion=0.3,
)


def main() -> None:
    """Draw everything."""
    reader = argparse.ArgumentParser(description="Draw the pictures of docs/charts.md anew")
    reader.add_argument("--out", type=Path, default=Path("docs/pictures"))
    out = reader.parse_args().out
    with tempfile.TemporaryDirectory(prefix="argus-pictures-") as scratch:
        fleet = Path(scratch) / "fleet"
        write_fleet(fleet, seed=1)
        for prefix in sorted(set(OF_BATCH.values())):
            [folder] = fleet.glob(f"{prefix}-*")
            statistics, _ = batch_of(folder, Path(scratch) / "tables" / prefix)
            options = read_batch_file(folder)
            context = ChartContext(
                f"20261120T060000Z-{options.vehicle}-1f2e",
                *(options.vehicle, options.platform, options.firmware, options.firmware_from),
            )
            for name in (name for name, of in OF_BATCH.items() if of == prefix):
                write(out / f"{name}.png", render(CHARTS[name](statistics, context)))
    draw_fleet(out)


def draw_fleet(out: Path) -> None:
    """The charts of a campaign, and its page."""
    cells = simulate_cells(FLEET, seed=1)
    sums, rules = sum_cells(cells), default_rules()
    comparison = compare_firmware(sums, rules.comparison)
    told = reported(cells, rules.campaign.update_failures)
    health = campaign_health(CAMPAIGN, told, sums, comparison, rules.campaign)
    row = health_frame([health]).row(0, named=True)
    own = compared(row, comparison)
    # The model lets a vehicle run both versions on one day; here the update spreads over two weeks.
    earlier = pl.when(pl.col("firmware") == "v2.2.9").then(12).otherwise(0)
    cells = cells.with_columns(pl.col("day") - pl.duration(days=earlier))
    line = [f"campaign {CAMPAIGN} · J7 · v2.2.9 → v2.3.1"]
    write(out / "rate_ratios.png", render(rate_ratios(own, line)))
    write(out / "adoption.png", render(adoption(cells, line)))
    photograph(render_campaign(row, own, campaign_charts(row, own, cells)), out / "campaign.png")


def photograph(page: str, picture: Path) -> None:
    """A page from its top to its end."""
    with chromium.launched() as browser:
        shown = browser.new_page(viewport={"width": 880, "height": 1200})
        shown.set_content(page)
        picture.write_bytes(recompressed(shown.screenshot(full_page=True)))
    print(f"{picture}  {picture.stat().st_size:,} bytes")


def batch_of(folder: Path, tables: Path) -> tuple[BatchStatistics, list[RecordingResult]]:
    """Parse a batch and compute its statistics."""
    inputs = find_inputs([folder])
    specifications = specification_files(inputs.specifications, inputs.catalogues)
    parsed = parse_files(inputs.recordings, tables, specifications=specifications, jobs=2)
    results = [
        make_result(
            one.path.name,
            "",
            one.parsed,
            tuple(
                TableOutput(t.name, t.rows, "", "", str(t.files[PARQUET]), "", t.columns)
                for t in one.parsed.tables
            ),
        )
        for one in parsed
    ]
    sources = recording_tables(results, lambda table: table.parquet_key)
    options = read_batch_file(folder)
    statistics = compute_statistics(
        sources, results, firmware=options.firmware, firmware_from=options.firmware_from
    )
    return statistics, results


def manifest_of(
    batch: str, options: BatchOptions, results: Sequence[RecordingResult], created: datetime
) -> Manifest:
    """The manifest of such a batch, as an upload would have made it."""
    return Manifest(
        batch=batch,
        vehicle=options.vehicle,
        platform=options.platform,
        firmware=options.firmware,
        firmware_from=options.firmware_from,
        campaign=options.campaign,
        created=created,
        files=tuple(BatchFile(one.recording, one.size, "0" * 64) for one in results),
    )


def write(path: Path, chart: RenderedChart) -> None:
    """A picture that is sharp and small."""
    path.write_bytes(recompressed(vl_convert.svg_to_png(chart.svg.decode(), scale=1.25)))
    print(f"{path}  {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
