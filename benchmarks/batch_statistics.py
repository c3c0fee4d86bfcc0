"""How fast are the statistics of a batch beside DuckDB over the same Parquet, and in what memory?

    python benchmarks/batch_statistics.py [--gb 1] [--rounds 3] [--threads 2] [--memory-gb 10]

The batch is a drive of `argus simulate` (DLT and `.rec`), parsed once; its tables count as those
of as many drives as the size asks for. Contenders take turns, each turn in a process of its own
that measures itself after its imports. Exits with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from peers import duckdb_statistics

BASE_MB = 100
MEMORY_BAR_GB = 2.0
PEER = "duckdb, the same frames"
WAYS = ("argus", PEER, "duckdb, three groupings")


def main() -> int:
    options = _options()
    if options.worker:
        print(json.dumps(_work(options.worker, options.folder, options.copies, options.threads)))
        return 0
    with tempfile.TemporaryDirectory(prefix="argus-bench-", dir=options.work) as folder:
        _say(f"writing and parsing {BASE_MB} MB")
        size = _prepare(Path(folder))
        good = _speed(options, folder, size)
        if options.memory_gb:
            good = _memory(options, folder, size) and good
    return 0 if good else 1


def _speed(options: argparse.Namespace, folder: str, size: int) -> bool:
    copies = max(round(options.gb * 1e9 / size), 1)
    turns: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for turn in range(options.rounds):
        for way in WAYS:
            _say(f"{way}, {turn + 1} of {options.rounds}")
            turns[way].append(_measure(way, folder, copies, options.threads))
    print(f"{copies * size / 1e9:.2f} GB of recordings, {options.threads} threads")
    print(f"{'':26} {'wall s':>8} {'CPU s':>8} {'peak MB':>8} {'messages':>12}  we are")
    best = {way: min(own, key=lambda one: one["cpu"]) for way, own in turns.items()}
    walls = {way: min(one["wall"] for one in own) for way, own in turns.items()}
    ours = best["argus"]
    for way, own in best.items():
        ratio = (
            f"{own['cpu'] / ours['cpu']:.2f} × in CPU, {walls[way] / walls['argus']:.2f} × in wall"
        )
        print(
            f"{way:26} {walls[way]:8.2f} {own['cpu']:8.2f} {own['memory'] / 1e6:8.0f}"
            f" {own['messages']:12,}  {'' if way == 'argus' else ratio}"
        )
    if best[PEER]["messages"] != ours["messages"]:
        print("WRONG: the numbers of messages differ")
        return False
    return best[PEER]["cpu"] >= ours["cpu"]


def _memory(options: argparse.Namespace, folder: str, size: int) -> bool:
    copies = max(round(options.memory_gb * 1e9 / size), 1)
    _say(f"memory over {copies * size / 1e9:.1f} GB")
    found = _measure("argus", folder, copies, options.threads)
    peak = found["memory"] / 1e9
    print(
        f"peak of resident memory over {copies * size / 1e9:.1f} GB of recordings in"
        f" {3 * copies} files: {peak:.2f} GB (bar {MEMORY_BAR_GB} GB), {found['wall']:.1f} s"
    )
    return peak < MEMORY_BAR_GB


def _measure(way: str, folder: str, copies: int, threads: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--worker", way, "--folder", folder]
    command += ["--copies", str(copies), "--threads", str(threads)]
    said = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "POLARS_MAX_THREADS": str(threads)},
    )
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def _work(way: str, folder: Path, copies: int, threads: int) -> dict[str, Any]:
    """One turn: seconds, bytes of memory and the number of messages."""
    work = _argus(folder, copies) if way == "argus" else _duckdb(way, folder, copies, threads)
    before, begun = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    messages = work()
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu, "memory": after.ru_maxrss * 1024, "messages": messages}


def _argus(folder: Path, copies: int) -> Callable[[], int]:
    from argus_pipeline.statistics.batch import compute_statistics
    from argus_pipeline.statistics.sources import RecordingTables

    sources = [
        RecordingTables(
            path.name, path.suffix[1:], {t.stem: str(t) for t in path.glob("*.parquet")}
        )
        for path in _recordings(folder, copies)
    ]

    def work() -> int:
        statistics = compute_statistics(sources, [], firmware="v2.3.1", firmware_from="v2.2.9")
        return int(statistics.total("messages"))

    return work


def _duckdb(way: str, folder: Path, copies: int, threads: int) -> Callable[[], int]:
    tables: dict[str, list[str]] = {}
    for recording in _recordings(folder, copies):
        for path in sorted(recording.glob("*.parquet")):
            tables.setdefault(path.stem, []).append(str(path))
    run = duckdb_statistics.same if way == PEER else duckdb_statistics.counts
    return lambda: run(tables, threads)


def _recordings(folder: Path, copies: int) -> list[Path]:
    return [path for n in range(copies) for path in sorted((folder / "tables").glob(f"{n}-*"))]


def _prepare(folder: Path, most: int = 200) -> int:
    """Tables of one drive, and links to them as if there were many; bytes of the recordings."""
    from argus_pipeline.recordings.decoding import parse_recording
    from argus_pipeline.recordings.source import open_source
    from argus_pipeline.recordings.specifications import specification_files
    from argus_pipeline.simulate.fleet import write_fleet

    write_fleet(folder / "fleet", batches=2, megabytes=BASE_MB)
    story = next((folder / "fleet").glob("02-*"))
    specifications = specification_files([story / "vehicle.odvd"])
    size = 0
    for file in sorted(p for p in story.iterdir() if p.suffix in {".dlt", ".rec"}):
        size += file.stat().st_size
        place = folder / "parsed" / file.name
        place.mkdir(parents=True)
        with open_source(file, place) as source:
            parse_recording(
                source, place, name=file.name, specifications=specifications, formats=["parquet"]
            )
        for n in range(most):
            linked = folder / "tables" / f"{n}-{file.name}"
            linked.mkdir(parents=True)
            for table in place.glob("*.parquet"):
                (linked / table.name).hardlink_to(table)
    return size


def _say(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    reader = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    reader.add_argument("--gb", type=float, default=1.0, help="size of the batch")
    reader.add_argument("--rounds", type=int, default=3)
    reader.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    reader.add_argument("--memory-gb", type=float, default=10.0, help="0: no measure of memory")
    reader.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    for name, kind in (("--worker", str), ("--folder", Path), ("--copies", int)):
        reader.add_argument(name, type=kind, help=argparse.SUPPRESS)
    return reader.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
