"""The cells of a batch whose recordings lie in a folder: no pipeline, no store."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from argus_pipeline.batches.manifest import BatchFile, Manifest
from argus_pipeline.fleet.cells import batch_cells
from argus_pipeline.recordings.decoding import parse_recording
from argus_pipeline.recordings.parsing import make_result
from argus_pipeline.recordings.result import TableOutput
from argus_pipeline.recordings.source import open_source
from argus_pipeline.recordings.specifications import specification_files
from argus_pipeline.statistics.batch import compute_statistics
from argus_pipeline.statistics.sources import RecordingTables
from argus_pipeline.upload.options import BATCH_FILE


def folder_cells(folder: Path, scratch: Path) -> pl.DataFrame:
    """Parse the recordings of a simulated batch and make its cells, as the pipeline does.

    Args:
        folder: of the batch, with its `batch.json`.
        scratch: an empty folder for the tables.
    """
    said = json.loads((folder / BATCH_FILE).read_text("utf-8"))
    manifest = Manifest(
        batch=folder.name,
        vehicle=said["vehicle"],
        platform=said["platform"],
        firmware=said["firmware"],
        firmware_from=said.get("firmware_from"),
        campaign=said.get("campaign"),
        created=datetime(2026, 11, 20, tzinfo=UTC),
        files=tuple(
            BatchFile(path.name, path.stat().st_size, "0" * 64)
            for path in sorted(folder.iterdir())
            if path.name != BATCH_FILE
        ),
    )
    specifications = specification_files([folder / f.name for f in manifest.specifications])
    tables, results = [], []
    for file in manifest.recordings:
        out = scratch / file.name
        out.mkdir(parents=True)
        with open_source(folder / file.name, out) as source:
            parsed = parse_recording(
                source, out, name=file.name, specifications=specifications, formats=["parquet"]
            )
        if parsed.format:
            paths = {table.name: str(table.files["parquet"]) for table in parsed.tables}
            tables.append(RecordingTables(file.name, parsed.format, paths))
        outputs = (TableOutput(t.name, t.rows, "", "", "", "", t.columns) for t in parsed.tables)
        results.append(make_result(file.name, "", parsed, tuple(outputs)))
    found = compute_statistics(
        tables, results, firmware=manifest.firmware, firmware_from=manifest.firmware_from
    )
    return batch_cells(
        manifest, found.exposures, found.fault_counts, ecus=found.lifecycles["ecu"].n_unique()
    )
