"""Reading the diagnosis of a batch while 100 readers do: in the database, and in all.

    python benchmarks/report_reading.py [--batches N] [--json]

100 readers in 4 processes read diagnoses of random batches through the engine of Argus. Paced, each
pauses for about a second between two, as people and pages do; in the burst nobody pauses, so that
time in a queue is most of it. What Postgres itself spends is its own log of durations. The peer is
psycopg with the same statement and a connection for each reader, without SQLAlchemy and the check
of a connection before use.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psycopg
from measuring.clock import of_others
from measuring.contest import say
from measuring.ending import clean_up_on_kill
from measuring.table import Section, machine
from sqlalchemy import Engine, text

from argus_pipeline.database.engine import create_engine, session
from argus_pipeline.database.migrate import migrate
from argus_pipeline.database.records import diagnosis_content
from argus_pipeline.stack.postgres import PostgresServer

READERS, PROCESSES, READS = 100, 4, 10
PAUSE_S = 1.0
DATABASE_MEDIAN_MS, P99_MS = 1.0, 20.0
COLUMNS = ("", "reads", "median ms", "p99 ms", "in the database: median ms", "p99 ms", "we are")
# A diagnosis of usual size, about 12 KB: some forty pieces of evidence.
CONTENT = {
    "schema": 1,
    "evidence": [{"id": f"E{n}", "text": f"piece {n} " * 30} for n in range(40)],
}
_DURATION = re.compile(r"duration: ([0-9.]+) ms .*SELECT argus\.diagnoses\.content")
_SELECT = "SELECT argus.diagnoses.content FROM argus.diagnoses WHERE argus.diagnoses.batch = %s"


def fill(engine: Engine, batches: int) -> None:
    """Batches with a diagnosis each."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO argus.batches (batch, vehicle, platform, firmware, priority, created,"
                " manifest_etag, files, bytes, tags) SELECT 'b' || n, 'v', 'J7', 'v2.3.1', 'P1',"
                " now(), 'e', 1, 1, '{}' FROM generate_series(1, :n) n"
            ),
            {"n": batches},
        )
        connection.execute(
            text(
                "INSERT INTO argus.diagnoses (batch, verdict, label, top_codes, content)"
                " SELECT 'b' || n, 'verdict', 'evidence_only', '[]', CAST(:content AS jsonb)"
                " FROM generate_series(1, :n) n"
            ),
            {"n": batches, "content": json.dumps(CONTENT)},
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE argus.diagnoses"))
        connection.execute(text("ALTER DATABASE bench SET log_min_duration_statement = 0"))


def readers(name: str, url: str, batches: int, pause: float, seed: int) -> list[float]:
    """One process with its share of the readers, a thread each: seconds of every read."""
    share = READERS // PROCESSES
    engine = create_engine(url)
    times: list[list[float]] = [[] for _ in range(share)]
    ready = threading.Barrier(share)

    def reader(place: int) -> None:
        random = np.random.default_rng(seed * 1000 + place)
        bare = url.replace("postgresql+psycopg://", "postgresql://")
        plain = psycopg.connect(bare, autocommit=True) if name == "psycopg" else None

        def read() -> object:
            batch = f"b{random.integers(1, batches + 1)}"
            if plain is not None:
                return plain.execute(_SELECT, (batch,)).fetchone()
            with session(engine) as opened:
                return diagnosis_content(opened, batch)

        read()
        ready.wait()
        for _ in range(READS):
            time.sleep(random.exponential(pause) if pause else 0)
            begun = time.perf_counter()
            found = read()
            times[place].append(time.perf_counter() - begun)
            assert found is not None
        if plain is not None:
            plain.close()

    threads = [threading.Thread(target=reader, args=(place,)) for place in range(share)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.dispose()
    return [seconds for of_one in times for seconds in of_one]


def measure(section: Section, name: str, pause: float, url: str, log: Path, batches: int) -> None:
    """One line: what readers waited, and what the database spent."""
    say(f"{name}, {'paced' if pause else 'burst'}")
    start = log.stat().st_size
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        jobs = [pool.apply_async(readers, (name, url, batches, pause, n)) for n in range(PROCESSES)]
        seconds = [one for job in jobs for one in job.get()]
    with log.open("rb") as stream:
        stream.seek(start)
        durations = [
            float(ms) for ms in _DURATION.findall(stream.read().decode("utf-8", "replace"))
        ]
    median, p99 = np.quantile(seconds, (0.5, 0.99)) * 1e3
    inside = np.quantile(durations, (0.5, 0.99)) if durations else (float("nan"),) * 2
    kind = "paced" if pause else "burst"
    ours = next((f for f in section.figures if f["kind"] == kind), None)
    ratio = f"{median / ours['median_ms']:.2g} ×" if ours else ""
    section.rows.append(
        (f"{name}, {kind}", str(len(seconds)), f"{median:.2f}", f"{p99:.1f}", f"{inside[0]:.2f}",
         f"{inside[1]:.2f}", ratio)
    )  # fmt: skip
    section.figures.append(
        {"name": name, "kind": kind, "median_ms": float(median), "p99_ms": float(p99),
         "database_median_ms": float(inside[0]), "database_p99_ms": float(inside[1])}
    )  # fmt: skip
    if name == "argus" and pause:
        if not inside[0] <= DATABASE_MEDIAN_MS:
            section.wrong.append(f"median in the database above {DATABASE_MEDIAN_MS:g} ms")
        if p99 > P99_MS:
            section.wrong.append(f"p99 above {P99_MS:g} ms")


def main() -> int:
    clean_up_on_kill()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--batches", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    title = f"{READERS} readers, {options.batches:,} diagnoses"
    section = Section("reading", title, COLUMNS)
    others = of_others()
    with tempfile.TemporaryDirectory(prefix="argus-bench-", dir="/tmp") as folder:
        log = Path(folder) / "postgres.log"
        server = PostgresServer(Path(folder) / "postgres", log=log, durable=False)
        server.start()
        try:
            server.ensure_database("bench")
            url = server.url("bench")
            migrate(url)
            engine = create_engine(url)
            fill(engine, options.batches)
            engine.dispose()
            for pause in (PAUSE_S, 0.0):
                for name in ("argus", "psycopg"):
                    measure(section, name, pause, url, log, options.batches)
        finally:
            server.stop()
    section.notes.append(f"the machine was busy with other things to {others() * 100:.0f} %")
    if options.json:
        print(json.dumps({"machine": machine(), **section.to_dict()}, indent=1))
    else:
        print(json.dumps(machine()), section.text(), sep="\n")
    return 1 if section.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
