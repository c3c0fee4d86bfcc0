"""The sample recordings as results and statistics, by the real parser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from diagnosis.made import BATCH, START

from argus_pipeline.batches.manifest import BatchFile, Manifest
from argus_pipeline.recordings.decoding import parse_recording
from argus_pipeline.recordings.parsing import make_result
from argus_pipeline.recordings.result import RecordingResult, TableOutput
from argus_pipeline.recordings.source import open_source
from argus_pipeline.recordings.specifications import specification_files
from argus_pipeline.statistics.batch import BatchStatistics, compute_statistics
from argus_pipeline.statistics.sources import RecordingTables


@dataclass(frozen=True)
class Recorded:
    manifest: Manifest
    results: list[RecordingResult]
    statistics: BatchStatistics


def recorded(folder: Path, files: Sequence[Path], specification: Path | None = None) -> Recorded:
    specifications = specification_files([specification] if specification else [])
    results, sources = [], []
    for file in files:
        place = folder / file.name
        place.mkdir(parents=True)
        with open_source(file, place) as source:
            parsed = parse_recording(source, place, name=file.name, specifications=specifications)
        tables = tuple(
            TableOutput(t.name, t.rows, f"{t.name}.csv", "c", f"{t.name}.parquet", "p", t.columns)
            for t in parsed.tables
        )
        results.append(make_result(file.name, "0" * 64, parsed, tables))
        if parsed.format and parsed.tables:
            paths = {t.name: str(t.files["parquet"]) for t in parsed.tables}
            sources.append(RecordingTables(file.name, parsed.format, paths))
    manifest = Manifest(
        batch=BATCH,
        vehicle="LFV3A23C0K3000001",
        platform="J7",
        firmware="v2.3.1",
        firmware_from="v2.2.9",
        campaign="2026-q4-brakes",
        created=START,
        files=tuple(BatchFile(file.name, file.stat().st_size, "0" * 64) for file in files),
    )
    return Recorded(manifest, results, compute_statistics(sources, results))
