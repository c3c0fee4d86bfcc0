"""What `argus serve` takes of a reader's time and of a machine, at 100,000 batches.

    python benchmarks/serve.py [--section NAME …] [--batches N] [--listeners N] [--json]

An archive is made by SQL (Postgres, Dagster's tables, a store), one process serves it, and the load
comes from this process over 127.0.0.1:

report      the page and the JSON of a report, again and for the first time, in server time; the
            peer is Starlette alone, which hands out the same bytes
burst       100 readers ask for a report at the moment when it appears; queries are counted in
            Postgres's own log
listeners   1,000 listeners to the fleet's progress, of whom a fifth leaves and comes back: memory,
            delay after Dagster recorded an event, events lost or twice
lists       lists, filters and pages, each asked for once, so that nothing is kept of it
page        what a browser fetches for a report

Exits 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import dagster as dg
import httpx

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from argus_pipeline.database.engine import create_engine  # noqa: E402
from argus_pipeline.run_records import PARTITION_TAG  # noqa: E402
from benchmarks.measuring.ending import clean_up_on_kill  # noqa: E402
from benchmarks.measuring.saying import quantile, say_now  # noqa: E402
from benchmarks.measuring.table import Section, machine  # noqa: E402
from benchmarks.serving.archive import Archive, archive, event, new_report  # noqa: E402
from benchmarks.serving.listeners import Listener  # noqa: E402
from benchmarks.serving.server import Served, server  # noqa: E402

CACHED_MS, FIRST_MS = 1.0, 20.0
READERS, READERS_P99_MS = 100, 100.0
MEMORY_MB, EVENT_S = 200.0, 1.0
LIST_P95_MS = 50.0
PAGE_BYTES = 1_500_000
_EVENTS: Final = 40


def main() -> int:
    clean_up_on_kill()
    options = _options()
    sections = []
    with tempfile.TemporaryDirectory(prefix="argus-bench-", dir="/tmp") as folder:
        say_now(f"making an archive of {options.batches:,} batches")
        with archive(Path(folder), options.batches) as made:
            for name in options.section or SECTIONS:
                say_now(name)
                with server(made) as served:
                    sections.append(SECTIONS[name](made, served, options))
    if options.json:
        print(json.dumps({"machine": machine(), "sections": [s.to_dict() for s in sections]}))
    else:
        print("  ".join(f"{name}: {value}" for name, value in machine().items() if value))
        for section in sections:
            print(section.text())
    return 1 if any(section.wrong for section in sections) else 0


def report(made: Archive, served: Served, _: argparse.Namespace) -> Section:
    """Again and for the first time, in the server's own time."""
    section = Section(
        "report",
        "a report, server time in ms",
        ("", "requests", "median", "p99", "bytes", "to the peer"),
    )
    paths = {"page": "/batches/{}", "JSON": "/api/v1/batches/{}/report"}
    with httpx.Client(base_url=served.address) as client:
        client.get(f"/batches/{made.reports[-1]}")  # templates are compiled with the first page
        for name, path in paths.items():
            # Each batch once; that one was read by no other section.
            first = [_timed(client, path.format(batch)) for batch in made.reports[1:100]]
            again = [_timed(client, path.format(made.reports[1])) for _ in range(1000)]
            body = client.get(path.format(made.reports[1])).content
            with _bare(body) as address, httpx.Client(base_url=address) as peer:
                whole = [_whole(peer, "/") for _ in range(1000)]
                ours = [_whole(client, path.format(made.reports[1])) for _ in range(1000)]
            for kind, times, bar in (("first", first, FIRST_MS), ("cached", again, CACHED_MS)):
                middle = statistics.median(times)
                section.rows.append(
                    (f"{name}, {kind}", str(len(times)), f"{middle:.2f}",
                     f"{quantile(times, 0.99):.2f}", f"{len(body):,}", "")
                )  # fmt: skip
                section.figures.append({"name": name, "kind": kind, "median_ms": middle})
                if middle > bar:
                    section.wrong.append(f"{name}, {kind}: {middle:.2f} ms, bar {bar:g} ms")
            ratio = statistics.median(ours) / statistics.median(whole)
            for kind, times, cell in (
                ("over the network", ours, f"{ratio:.2f} ×"), ("Starlette alone", whole, "1"),
            ):  # fmt: skip
                section.rows.append(
                    (f"{name}, {kind}", str(len(times)), f"{statistics.median(times):.2f}",
                     f"{quantile(times, 0.99):.2f}", f"{len(body):,}", cell)
                )  # fmt: skip
    return section


def burst(made: Archive, served: Served, _: argparse.Namespace) -> Section:
    """100 readers at the moment when a report appears."""
    section = Section(
        "burst",
        f"{READERS} readers at the moment when a report appears, ms as they see it",
        ("", "queries for the diagnosis", "median", "p99", "longest"),
    )
    engine = create_engine(made.url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ALTER SYSTEM SET log_min_duration_statement = 0")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    waiting = _without_report(engine, 6)
    for turn, batch in enumerate(waiting):
        path = f"/batches/{batch}" if turn % 2 else f"/api/v1/batches/{batch}/report"
        times, statuses, queries = asyncio.run(_at_once(made, served, engine, batch, path))
        if turn < 2:
            continue  # the first of each compiles templates
        name = "page" if turn % 2 else "JSON"
        section.rows.append(
            (name, str(queries), f"{statistics.median(times):.1f}", f"{quantile(times, 0.99):.1f}",
             f"{max(times):.1f}")
        )  # fmt: skip
        section.figures.append({"name": name, "queries": queries, "p99_ms": quantile(times, 0.99)})
        if statuses != {200}:
            section.wrong.append(f"{name}: statuses {sorted(statuses)}")
        if queries != 1:
            section.wrong.append(f"{name}: {queries} queries, one is to be")
        if quantile(times, 0.99) > READERS_P99_MS:
            section.wrong.append(f"{name}: p99 {quantile(times, 0.99):.0f} ms")
    engine.dispose()
    return section


async def _at_once(
    made: Archive, served: Served, engine: Any, batch: str, path: str
) -> tuple[list[float], set[int], int]:
    """Milliseconds of each reader, the statuses, and the queries for the diagnosis."""
    parts = urlsplit(served.address)
    many = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(READERS)]

    async def read(place: int, wanted: str) -> tuple[float, int]:
        reader, writer = many[place]
        begun = time.perf_counter()
        writer.write(f"GET {wanted} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None
        await reader.readexactly(int(length[1]))
        return (time.perf_counter() - begun) * 1e3, int(head.split(b" ", 2)[1])

    await asyncio.gather(*(read(place, "/health") for place in range(READERS)))
    before = made.log.stat().st_size
    await asyncio.to_thread(new_report, engine, batch, made.reports[0])
    found = await asyncio.gather(*(read(place, path) for place in range(READERS)))
    for _, writer in many:
        writer.close()
    await asyncio.sleep(0.5)
    with made.log.open("rb") as log:
        log.seek(before)
        entries = log.read().decode("utf-8", "replace").split("duration: ")
    # Each statement is logged as it is parsed, bound and executed.
    queries = sum(
        " execute " in one[:40] and "argus.diagnoses.content" in one and "INSERT" not in one
        for one in entries
    )
    return [ms for ms, _ in found], {status for _, status in found}, queries


def listeners(made: Archive, served: Served, options: argparse.Namespace) -> Section:
    """Many listeners, of whom some leave and come back."""
    section = Section(
        "listeners",
        f"{options.listeners:,} listeners to the fleet's progress",
        ("", "figure"),
    )
    instance = dg.DagsterInstance.from_config(str(made.home))
    with httpx.Client(base_url=served.address) as client:
        client.get("/health")
    alone = served.megabytes
    many, delays, memory = asyncio.run(_listen(served, instance, options.listeners))
    instance.dispose()
    wanted = [place for place, _ in delays]
    lost = sum(len(set(wanted) - {place for place, _ in one.got}) for one in many)
    twice = sum(len(one.got) - len({place for place, _ in one.got}) for one in many)
    stored = dict(delays)
    stayed = [one for one in many if not one.url.endswith("#back")]
    seconds = [at - stored[place] for one in stayed for place, at in one.got if place in stored]
    section.rows.extend([
        ("memory before anybody listens, MB", f"{alone:.0f}"),
        ("memory with all of them, MB", f"{memory:.0f}"),
        ("changes told", f"{len(wanted)} to each, {sum(len(one.got) for one in many):,} in all"),
        ("after Dagster recorded it, s: median, p99, longest",
         f"{statistics.median(seconds):.2f}, {quantile(seconds, 0.99):.2f}, {max(seconds):.2f}"),
        ("lost, also by those who left and came back", str(lost)),
        ("told twice", str(twice)),
    ])  # fmt: skip
    section.figures.append({"memory_mb": memory, "longest_s": max(seconds), "lost": lost})
    if memory > MEMORY_MB:
        section.wrong.append(f"{memory:.0f} MB, bar {MEMORY_MB:g} MB")
    if max(seconds) > EVENT_S:
        section.wrong.append(f"{max(seconds):.2f} s after the event, bar {EVENT_S:g} s")
    if lost or twice:
        section.wrong.append(f"{lost} lost, {twice} twice")
    return section


async def _listen(
    served: Served, instance: dg.DagsterInstance, count: int
) -> tuple[list[Listener], list[tuple[int, float]], float]:
    """The listeners, when each event was stored by its id, and the memory with all connected."""
    many = [Listener(f"{served.address}/api/v1/fleet/progress") for _ in range(count)]
    for start in range(0, count, 50):
        await asyncio.gather(*(one.connect() for one in many[start : start + 50]))
    await asyncio.sleep(2)
    memory = served.megabytes
    leaving = many[: count // 5]
    for one in leaving:
        one.url += "#back"
    stored: list[tuple[int, float]] = []

    async def happen(events: int, name: str) -> None:
        for number in range(events):
            run = dg.DagsterRun(
                job_name="batch",
                run_id=str(uuid.uuid4()),
                tags={PARTITION_TAG: f"20261123T101500Z-{name}-{number:04x}"},
            )
            place = await asyncio.to_thread(_begin, instance, run)
            stored.append((place, time.time()))
            await asyncio.sleep(random.uniform(0.05, 0.4))

    await happen(_EVENTS // 4, "all")
    await asyncio.sleep(1.5)
    await asyncio.gather(*(one.leave() for one in leaving))
    await happen(_EVENTS // 2, "without")
    for start in range(0, len(leaving), 50):
        await asyncio.gather(*(one.connect() for one in leaving[start : start + 50]))
    await happen(_EVENTS // 4, "again")
    await asyncio.sleep(3)
    memory = max(memory, served.megabytes)
    await asyncio.gather(*(one.leave() for one in many))
    return many, stored, memory


def _begin(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int:
    instance.add_run(run)
    event(instance, run.run_id, dg.DagsterEventType.RUN_START)
    [record] = instance.get_records_for_run(run.run_id).records
    return int(record.storage_id)


def lists(made: Archive, served: Served, options: argparse.Namespace) -> Section:
    """Every filter, many values and pages of each, nothing twice."""
    section = Section(
        "lists",
        f"lists and pages at {options.batches:,} batches, ms as a reader sees them",
        ("", "requests", "median", "p95", "longest"),
    )
    every: list[float] = []
    with httpx.Client(base_url=served.address, timeout=60) as client:
        # A server that has been up for a moment: it knows what followed the runs that failed.
        for _ in range(4):
            client.get("/batches")
            client.get("/")
            time.sleep(3)
        for name, paths in _questions(client):
            times = []
            for path in paths:
                times.append(_whole(client, path))
                if name.startswith("the fleet"):
                    time.sleep(2.2)  # or it is kept
            every += times
            section.rows.append(
                (name, str(len(times)), f"{statistics.median(times):.1f}",
                 f"{quantile(times, 0.95):.1f}", f"{max(times):.1f}")
            )  # fmt: skip
            section.figures.append({"name": name, "p95_ms": quantile(times, 0.95)})
            if quantile(times, 0.95) > LIST_P95_MS:
                section.wrong.append(f"{name}: p95 {quantile(times, 0.95):.0f} ms")
    section.rows.append(
        ("all", str(len(every)), f"{statistics.median(every):.1f}", f"{quantile(every, 0.95):.1f}",
         f"{max(every):.1f}")
    )  # fmt: skip
    return section


def _questions(client: httpx.Client) -> Iterator[tuple[str, list[str]]]:
    api = "/api/v1/batches?"
    walk, cursor = [], ""
    for _ in range(20):
        page = client.get(f"{api}limit=50{cursor}").json()
        cursor = f"&cursor={page['next']}"
        walk.append(f"{api}limit=49{cursor}")
    yield "the newest, page after page", walk
    yield "of a vehicle", [f"{api}vehicle=SIM{n:06d}" for n in range(0, 2000, 100)]
    yield "of a platform", [f"{api}platform=J{n}&limit={m}" for n in range(8) for m in (50, 49, 48)]
    yield "of a firmware", [f"{api}firmware=v2.{n}.0" for n in range(20)]
    yield "of a campaign", [f"{api}campaign=campaign-{3 * n}" for n in range(13)]
    yield "with a code that every batch has", [f"{api}code=C0035&limit={n}" for n in range(30, 50)]
    yield "with a rare code", [f"{api}code=P{n:04d}" for n in range(0, 2000, 100)]
    yield "with a code that none has", [f"{api}code=B{n:04d}" for n in range(20)]
    for verdict in ("likely cause", "unknown"):
        yield f"verdict {verdict}", [f"{api}verdict={verdict}&limit={n}" for n in range(30, 50)]
    for stage in ("done", "parsing", "verifying", "failed", "given up", "queued"):
        yield f"stage {stage}", [f"{api}stage={stage}&limit={n}" for n in range(40, 50)]
    yield (
        "of a day",
        [f"{api}since=2026-{m:02d}-{d:02d}&until=2026-{m:02d}-{d + 1:02d}"
         for m in (8, 9, 10) for d in (3, 9, 20)],
    )  # fmt: skip
    yield (
        "firmware, code and verdict",
        [f"{api}firmware=v2.{n}.0&code=C0035&verdict=unknown" for n in range(20)],
    )
    yield "the list as a page", [f"/batches?firmware=v2.{n}.0&platform=J1" for n in range(20)]
    yield "the fleet as a page", ["/"] * 12


def page(made: Archive, served: Served, _: argparse.Namespace) -> Section:
    """What a browser fetches for a report."""
    section = Section("page", "a report in a browser, bytes", ("", "bytes"))
    with httpx.Client(base_url=served.address) as client:
        found = client.get(f"/batches/{made.reports[0]}")
        parts = {"the text": len(found.content)}
        for address in _addresses(found.text):
            answer = client.get(address)
            answer.raise_for_status()
            parts[address.partition("?")[0].rpartition("/")[2]] = len(answer.content)
    parts["all"] = sum(parts.values())
    section.rows.extend((name, f"{size:,}") for name, size in parts.items())
    section.figures.append(parts)
    if parts["all"] > PAGE_BYTES:
        section.wrong.append(f"{parts['all']:,} bytes, bar {PAGE_BYTES:,}")
    if not any(name.endswith(".svg") and name != "icon.svg" for name in parts):
        section.wrong.append("there was no chart")
    return section


SECTIONS: Final[dict[str, Callable[[Archive, Served, argparse.Namespace], Section]]] = {
    "report": report, "burst": burst, "listeners": listeners, "lists": lists, "page": page,
}  # fmt: skip


def _addresses(html: str) -> list[str]:
    return [
        found.replace("&amp;", "&")
        for found in re.findall(r'(?:src|href)="([^"#]+)"', html)
        if "/static/" in found or "/charts/" in found
    ]


def _without_report(engine: Any, count: int) -> list[str]:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT b.batch FROM argus.batches b LEFT JOIN argus.diagnoses d USING (batch)"
            f" WHERE d.batch IS NULL ORDER BY b.registered_at LIMIT {count}"
        )
        return [row[0] for row in rows]


@contextmanager
def _bare(body: bytes) -> Iterator[str]:
    """Starlette on the same server, which hands out these bytes and does nothing else."""
    code = (
        "import sys, uvicorn, socket\n"
        "from starlette.applications import Starlette\n"
        "from starlette.responses import Response\n"
        "from starlette.routing import Route\n"
        "body = sys.stdin.buffer.read()\n"
        "async def home(request): return Response(body, media_type='text/html')\n"
        "sock = socket.socket(); sock.bind(('127.0.0.1', 0))\n"
        "print('http://127.0.0.1:%d' % sock.getsockname()[1], flush=True)\n"
        "app = Starlette(routes=[Route('/', home)])\n"
        "config = uvicorn.Config(app, log_level='error', access_log=False, ws='none')\n"
        "uvicorn.Server(config).run(sockets=[sock])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(body)
        process.stdin.close()
        address = process.stdout.readline().decode().strip()
        for _ in range(100):
            try:
                httpx.get(address)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _timed(client: httpx.Client, path: str) -> float:
    """Milliseconds in the server, as it says."""
    found = client.get(path)
    found.raise_for_status()
    return float(found.headers["server-timing"].rpartition("=")[2])


def _whole(client: httpx.Client, path: str) -> float:
    """Milliseconds for a reader on the same machine."""
    begun = time.perf_counter()
    found = client.get(path)
    took = (time.perf_counter() - begun) * 1e3
    found.raise_for_status()
    return took


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--section", action="append", choices=sorted(SECTIONS))
    parser.add_argument("--batches", type=int, default=100_000)
    parser.add_argument("--listeners", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
