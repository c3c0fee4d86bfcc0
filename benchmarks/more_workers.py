"""Do twice the workers do twice the work? 1, 2, 4 and 8, each with the same share of a core.

    python benchmarks/more_workers.py [--share S] [--batches N] [--json]

One stack, to which Celery workers of one slot are added. Each number of them takes N batches for
each worker, once every worker has made its first ones. A control group holds each worker with all
its processes to `--share` of a core, so that the machine is never what they wait for. What is not
held is what they share: Postgres, the store, Redis, and Dagster's daemon and code server. It takes
root.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import psutil

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.chaos.ground import Ground, eventually  # noqa: E402
from benchmarks.measuring.cgroup import Group  # noqa: E402
from benchmarks.measuring.ending import clean_up_on_kill  # noqa: E402
from benchmarks.measuring.saying import say_now  # noqa: E402
from benchmarks.measuring.table import Section, show  # noqa: E402
from benchmarks.workers import run_batches, started_stack  # noqa: E402

COUNTS: Final = (1, 2, 4, 8)
LINEAR: Final = 0.85
_PARTS: Final = 2
"""Of a worker: one for runs, and one for leads."""
_START_S: Final = 300.0


def main() -> int:
    options = _options()
    clean_up_on_kill()
    section = Section(
        "workers",
        f"runs of small batches, each worker held to {options.share:.2f} of a core",
        ("workers", "runs a minute", "a worker", "of linear", "CPU s a run, workers", "others"),
    )
    with ExitStack() as stack:
        os.environ["ARGUS_RUNS_AT_ONCE"] = str(2 * COUNTS[-1])
        others = stack.enter_context(_group("argus-others"))
        others.add(os.getpid())
        ground = stack.enter_context(started_stack("celery", workers=1))
        groups = [stack.enter_context(_group(f"argus-worker{n}")) for n in range(COUNTS[-1])]
        first = 0.0
        for count in COUNTS:
            _have_workers(ground, groups[:count])
            run_batches(ground, others, 4 * count, f"warm{count}")
            for group in groups:
                group.limit(options.share)
            before = sum(group.cpu_s() for group in groups)
            batches = options.batches * count
            rate, cpu_others = run_batches(ground, others, batches, f"of{count}")
            cpu = (sum(group.cpu_s() for group in groups) - before) / batches
            for group in groups:
                group.limit(None)
            first = first or rate
            linear = rate / count / first
            cells = (str(count), f"{rate:.1f}", f"{rate / count:.2f}", f"{linear:.2f}")
            section.rows.append((*cells, f"{cpu:.2f}", f"{cpu_others:.2f}"))
            section.figures.append({"workers": count, "runs a minute": rate, "of linear": linear})
            say_now(f"{count} workers: {rate:.1f} runs a minute, {linear:.2f} of linear")
    section.notes.append(f"to reach: {LINEAR} of linear at {COUNTS[-1]} workers")
    if linear < LINEAR:
        section.wrong.append("more workers do too little more work")
    return show([section], as_json=options.json)


@contextmanager
def _group(name: str) -> Iterator[Group]:
    group = Group(f"{name}-{os.getpid()}")
    try:
        yield group
    finally:
        group.remove()


def _have_workers(ground: Ground, groups: Sequence[Group]) -> None:
    """Start what is missing of one worker for each group, and put each into its own."""
    done = ground.argus("up", "--engine", "celery", "--workers", str(len(groups)))
    if done.returncode:
        raise RuntimeError(f"`argus up` failed:\n{done.stderr}")

    def all_answer() -> bool:
        told = json.loads(ground.argus("workers", "--json").stdout or "{}")
        return len(told.get("workers", ())) == len(groups) * _PARTS

    if not eventually(all_answer, _START_S, 2.0):
        raise RuntimeError(f"{len(groups)} workers do not answer")
    for record, group in zip(ground.stack.workers.records(), groups, strict=True):
        parent = psutil.Process(record.pid)
        for process in (parent, *parent.children(recursive=True)):
            group.add(process.pid)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--share", type=float, default=0.1, help="of a core, each worker (0.1)")
    parser.add_argument("--batches", type=int, default=8, help="for each worker (8)")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
