"""Parse, statistics and charts of a batch of recordings, from files to files: one process.

python -m measuring.whole_batch OUT FILE…   prints the number of messages

As in the pipeline, a recording's CSV is gone from the disk once it would have been uploaded.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from argus_pipeline.charts import ChartContext, draw_charts
from argus_pipeline.recordings.decoding import parse_recording
from argus_pipeline.recordings.parsing import make_result
from argus_pipeline.recordings.result import RecordingResult, TableOutput
from argus_pipeline.recordings.source import open_source
from argus_pipeline.recordings.tables import CSV, PARQUET
from argus_pipeline.statistics.accounting import check_totals
from argus_pipeline.statistics.batch import compute_statistics
from argus_pipeline.statistics.sources import recording_tables
from argus_pipeline.statistics.storage import to_parquet


def parse(path: Path, out: Path) -> RecordingResult:
    """CSV and Parquet of one recording, as the pipeline writes them."""
    folder = out / path.name
    folder.mkdir(parents=True)
    with open_source(path, folder) as source:
        parsed = parse_recording(source, folder, name=path.name)
    tables = []
    for table in parsed.tables:
        table.files[CSV].unlink()
        key = str(table.files[PARQUET])
        tables.append(TableOutput(table.name, table.rows, "", "", key, "", table.columns))
    return make_result(path.name, "", parsed, tuple(tables))


def main() -> None:
    """Write statistics and charts below the first argument."""
    out, *recordings = map(Path, sys.argv[1:])
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        results = list(threads.map(lambda path: parse(path, out), recordings))
    sources = recording_tables(results, lambda table: table.parquet_key)
    statistics = compute_statistics(sources, results)
    if wrong := check_totals(statistics, results):
        raise SystemExit("; ".join(map(str, wrong)))
    for name, frame in statistics.frames().items():
        (out / f"{name}.parquet").write_bytes(to_parquet(frame))
    context = ChartContext("benchmark", "BENCH", "J7", "v2.3.1")
    for name, chart in draw_charts(statistics, context).items():
        for suffix, data in chart.files().items():
            (out / f"{name}.{suffix}").write_bytes(data)
    print(statistics.total("messages"))


if __name__ == "__main__":
    main()
