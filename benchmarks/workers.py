"""What a run costs: Dagster's default launcher, warm Celery workers, and many batches in one run.

    python benchmarks/workers.py [--batches N] [--rounds N] [--json]

Three figures, each of small batches of one recording, from stacks that this script starts:

    runs a minute        the same batches queued at once: the default launcher, and two warm workers
    in bulk              CPU seconds a batch of one run over all of them, beside the same work
                         without Dagster: the difference is what Dagster takes
    in a run of its own  CPU seconds a batch of the two engines, all processes counted

CPU is counted by a control group around all of it, which takes root; the bars hold on a machine
that does nothing else.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from argus_pipeline.stack import dagster_processes as dagster  # noqa: E402
from argus_pipeline.storage import keys  # noqa: E402
from argus_pipeline.upload import client  # noqa: E402
from argus_pipeline.upload.files import find_files  # noqa: E402
from argus_pipeline.upload.options import BatchOptions  # noqa: E402
from benchmarks.chaos.ground import Ground  # noqa: E402
from benchmarks.chaos.judge import quiet, wait_for_none  # noqa: E402
from benchmarks.measuring.cgroup import Group, counted  # noqa: E402
from benchmarks.measuring.ending import clean_up_on_kill  # noqa: E402
from benchmarks.measuring.saying import say_now  # noqa: E402
from benchmarks.measuring.table import Section, show  # noqa: E402

SAMPLE: Final = ROOT / "tests" / "data" / "dlt" / "golden.dlt"
RUNS_RATIO: Final = 2.2
BULK_OVERHEAD_S: Final = 0.3
_PATIENCE_S: Final = 900.0


def main() -> int:
    options = _options()
    clean_up_on_kill()
    with counted("argus-workers") as group:
        return _measure(options, group)


def _measure(options: argparse.Namespace, group: Group) -> int:
    runs = Section("runs", "small batches queued at once", ("", "runs a minute", "CPU s a run"))
    bulk = Section("bulk", "many batches in one run", ("", "CPU s a batch", "wall s a batch"))
    rates: dict[str, list[float]] = {"local": [], "celery": []}
    for turn in range(options.rounds):
        for engine in rates:
            with started_stack(engine) as ground:
                # The first runs load what later ones find warm.
                run_batches(ground, group, 4, f"{turn}-warm")
                rate, cpu = run_batches(ground, group, options.batches, f"{turn}-runs")
                say_now(f"{engine}: {rate:.1f} runs a minute, {cpu:.2f} CPU s each")
                rates[engine].append(rate)
                runs.rows.append((_NAMES[engine], f"{rate:.1f}", f"{cpu:.2f}"))
                if engine == "celery" and turn == options.rounds - 1:
                    _bulk(ground, group, options.batches, bulk)
    ratio = median(rates["celery"]) / median(rates["local"])
    runs.notes.append(f"warm workers make {ratio:.2f} x the runs (to reach: {RUNS_RATIO} x)")
    runs.figures.append({"runs a minute": rates, "ratio": ratio})
    if ratio < RUNS_RATIO:
        runs.wrong.append("too few runs a minute")
    sections = [runs, bulk]
    return show(sections, as_json=options.json)


_NAMES: Final = {"local": "a process for each run", "celery": "two warm workers of one slot"}


@contextmanager
def started_stack(engine: str, workers: int = 2) -> Iterator[Ground]:
    """A stack of its own, with so many workers where the engine is Celery."""
    home = Path(tempfile.mkdtemp(prefix="argus-bench-", dir="/tmp"))
    home.chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ARGUS_", "DAGSTER_"))}
    ground = Ground(home, {**kept, "ARGUS_HOME": str(home), "ARGUS_ENGINE": engine})
    say_now(f"starting a stack with the engine {engine}")
    try:
        more = ("--workers", str(workers)) if engine == "celery" else ()
        done = ground.argus("up", "--engine", engine, *more)
        if done.returncode:
            raise RuntimeError(f"`argus up` failed:\n{done.stderr}")
        yield ground
    finally:
        ground.__dict__.pop("instance", None)
        ground.argus("down")
        shutil.rmtree(home, ignore_errors=True)


def _batches(count: int, name: str) -> Sequence[client.Batch]:
    now = datetime.now(UTC)
    files = find_files([SAMPLE]).files
    return [
        client.prepare(
            files,
            BatchOptions(f"BENCH{number:05d}", f"P{name}", "v1"),
            batch=f"{now:%Y%m%dT%H%M%SZ}-{name}-{number:04d}",
        )
        for number in range(count)
    ]


def run_batches(ground: Ground, group: Group, count: int, name: str) -> tuple[float, float]:
    """Upload small batches at once and wait for their reports.

    Returns:
        Runs a minute from the first start to the last end, and CPU seconds of the group each.
    """
    from dagster import DagsterRunStatus, RunsFilter

    batches = _batches(count, name)
    busy = group.cpu_s()
    for batch in batches:
        client.upload(ground.store, batch)
    wanted = {batch.id for batch in batches}
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        there = {info.key.split("/")[1] for info in ground.store.list(keys.REPORTS)}
        if wanted <= there:
            break
        time.sleep(0.5)
    wait_for_none(lambda: quiet(ground), 60)
    busy = group.cpu_s() - busy
    records = ground.instance.get_run_records(
        RunsFilter(job_name="batch", statuses=[DagsterRunStatus.SUCCESS]), limit=count
    )
    own = [r for r in records if r.dagster_run.tags.get("dagster/partition") in wanted]
    if len(own) != count:
        raise RuntimeError(f"{len(own)} of {count} runs ended well")
    # From when the first was handed out: what it takes to start a process belongs to a run.
    first = min(r.create_timestamp.timestamp() for r in own)
    last = max(r.end_time or 0 for r in own)
    return count / (last - first) * 60, busy / count


def _bulk(ground: Ground, group: Group, count: int, section: Section) -> None:
    """One run over many batches beside the same work without Dagster, both in this process."""
    from dagster._core.storage.tags import (
        ASSET_PARTITION_RANGE_END_TAG,
        ASSET_PARTITION_RANGE_START_TAG,
        EXTERNALLY_MANAGED_ASSETS_TAG,
    )

    os.environ.update(ground.addresses)
    # Nothing else takes CPU, and no sensor takes the batches first.
    for name in (dagster.DAEMON, dagster.WEBSERVER):
        ground.stack.dagster().stop_one(name)
    ground.stack.workers.stop()
    from argus_pipeline.definitions import defs

    job = defs.resolve_job_def("batch")
    measured: dict[str, tuple[float, float]] = {}
    for name, size in (("warm", 4), ("bulk", count)):
        batches = _uploaded(ground, size, name)
        names = [batch.id for batch in batches]
        ground.instance.add_dynamic_partitions("batch", names)
        tags = {
            ASSET_PARTITION_RANGE_START_TAG: names[0],
            ASSET_PARTITION_RANGE_END_TAG: names[-1],
            EXTERNALLY_MANAGED_ASSETS_TAG: "true",
        }
        with _timed(group, measured, name, size):
            result = job.execute_in_process(instance=ground.instance, tags=tags)
        if not result.success:
            section.wrong.append("the run of many batches failed")
    for name, size in (("direct-warm", 4), ("direct", count)):
        batches = _uploaded(ground, size, name)
        with _timed(group, measured, name, size):
            _directly(ground, batches)
    for name, title in (("bulk", "one run of many"), ("direct", "called directly")):
        cpu, wall = measured[name]
        section.rows.append((title, f"{cpu:.2f}", f"{wall:.2f}"))
    overhead = measured["bulk"][0] - measured["direct"][0]
    section.notes.append(
        f"Dagster takes {overhead:.2f} CPU s a batch, with the metadata that it shows "
        f"(to reach: at most {BULK_OVERHEAD_S})"
    )
    section.figures.append({"CPU s a batch": {k: v[0] for k, v in measured.items()}})
    if overhead > BULK_OVERHEAD_S:
        section.wrong.append("Dagster takes too much")


def _uploaded(ground: Ground, count: int, name: str) -> Sequence[client.Batch]:
    batches = _batches(count, name)
    for batch in batches:
        client.upload(ground.store, batch)
    return batches


@contextmanager
def _timed(
    group: Group, found: dict[str, tuple[float, float]], name: str, count: int
) -> Iterator[None]:
    busy, began = group.cpu_s(), time.monotonic()
    yield
    found[name] = ((group.cpu_s() - busy) / count, (time.monotonic() - began) / count)


def _directly(ground: Ground, batches: Sequence[client.Batch]) -> None:
    """What the assets do for a batch, without Dagster around it and its metadata."""
    from argus_pipeline import settings
    from argus_pipeline.batches.integrity import verify
    from argus_pipeline.batches.manifest import parse_manifest
    from argus_pipeline.charts import (
        ChartContext,
        draw_charts,
        read_drawings,
        stored_charts_that_matter,
        write_charts,
    )
    from argus_pipeline.database.engine import create_engine, session
    from argus_pipeline.database.records import (
        replace_event_counts,
        upsert_batch,
        upsert_recordings,
    )
    from argus_pipeline.diagnosis.pipeline import (
        load_diagnosis,
        make_case,
        save_diagnosis,
        supervise,
    )
    from argus_pipeline.fleet.baseline import read_baseline
    from argus_pipeline.fleet.changes import announce
    from argus_pipeline.knowledge.embedding import embedder_from
    from argus_pipeline.recordings.finished import read_results, remove_dropped
    from argus_pipeline.recordings.parsing import load_specifications, parse_to_bucket
    from argus_pipeline.report.language import language_from
    from argus_pipeline.report.writing import write_report
    from argus_pipeline.statistics.at_hand import tables_at_hand
    from argus_pipeline.statistics.batch import compute_statistics
    from argus_pipeline.statistics.code_patterns import code_patterns
    from argus_pipeline.statistics.event_rows import event_rows
    from argus_pipeline.statistics.storage import read_statistics, write_statistics

    configured = settings.load(ground.addresses)
    store, engine = ground.store, create_engine(configured.require_database_url())
    embedder, language = embedder_from(configured), language_from(configured)
    for batch in batches:
        data, etag = store.get_with_etag(batch.manifest_key)
        manifest = parse_manifest(data, key=batch.manifest_key)
        assert not verify(store, manifest, batch.manifest_key)
        with session(engine) as opened:
            upsert_batch(opened, manifest, etag)
        prefix = batch.manifest_key.removesuffix(keys.MANIFEST_NAME)
        specifications = load_specifications(store, manifest, prefix)
        parsed = [
            parse_to_bucket(
                store, manifest.batch, file, prefix + file.name, specifications, threads=4
            )
            for file in manifest.recordings
        ]
        remove_dropped(store, manifest)
        with session(engine) as opened:
            upsert_recordings(opened, manifest.batch, parsed)
        results = read_results(store, manifest)
        with tables_at_hand(store, manifest.batch, results) as (tables, options):
            statistics = compute_statistics(
                tables,
                results,
                storage_options=options,
                patterns=code_patterns(),
                firmware=manifest.firmware,
                firmware_from=manifest.firmware_from,
            )
        write_statistics(store, manifest.batch, statistics)
        announce(store, manifest.batch)
        with session(engine) as opened:
            replace_event_counts(opened, manifest.batch, event_rows(statistics))
        read = read_statistics(store, manifest.batch)
        write_charts(store, manifest.batch, draw_charts(read, ChartContext.of(manifest)))
        case = make_case(
            manifest, read_results(store, manifest), read, read_baseline(store, manifest)
        )
        save_diagnosis(engine, supervise(case, engine, embedder, None).diagnosis, embedder)
        shown = stored_charts_that_matter(store, manifest.batch)
        found = load_diagnosis(engine, manifest.batch)
        write_report(store, found, read_drawings(store, manifest.batch, shown), language)
    engine.dispose()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batches", type=int, default=40, help="of each figure (40)")
    parser.add_argument("--rounds", type=int, default=1, help="of both engines in turn (1)")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
