"""The command: `python -m benchmarks.cluster`."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from argus_pipeline.database.engine import create_engine
from argus_pipeline.errors import ArgusError
from benchmarks.chaos.fleet import Fleet, bring
from benchmarks.chaos.judge import Expected, Verdict, asked, judge, quiet, settled, wait_for_none
from benchmarks.chaos.rollups import problems_of_rollups
from benchmarks.chaos.undisturbed import undisturbed
from benchmarks.cluster import __doc__ as about
from benchmarks.cluster import rights, room
from benchmarks.cluster.binaries import ETCD, KUBERNETES, binaries
from benchmarks.cluster.cluster import Cluster
from benchmarks.cluster.strikes import STRIKES, Scene
from benchmarks.measuring.ending import clean_up_on_kill
from benchmarks.measuring.saying import say_now

_UPLOADERS = 2


def main() -> int:
    options = _options()
    if os.geteuid() != 0 or not shutil.which("unshare"):
        print("it takes root on Linux, with util-linux", file=sys.stderr)
        return 2
    try:
        programs = binaries()
    except ArgusError as error:
        print(f"argus: {error}", file=sys.stderr)
        return 2
    seed = options.seed if options.seed is not None else random.randrange(1 << 30)
    say_now(
        f"seed {seed}: {options.batches} batches on {options.nodes} nodes, {', '.join(STRIKES)}"
    )
    clean_up_on_kill()
    folder = Path(tempfile.mkdtemp(prefix="argus-fleet-", dir="/tmp"))
    try:
        fleet = Fleet(folder, options.cases, seed)
        # The simulated ones, that of many recordings, and the large one.
        kinds = options.cases + 2
        reference = (
            dict.fromkeys(range(kinds)) if options.no_reference else undisturbed(fleet, kinds)
        )
        said = _in_a_cluster(fleet, reference, options, seed, Cluster(programs, options.cpu))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        print(json.dumps(said, indent=1))
    else:
        print("\n".join(f"{name}: {value}" for name, value in said.items()))
    return 1 if said["problems"] else 0


def _in_a_cluster(
    fleet: Fleet,
    reference: Mapping[int, Mapping[str, str] | None],
    options: argparse.Namespace,
    seed: int,
    cluster: Cluster,
) -> dict[str, Any]:
    scene = Scene(cluster, random.Random(seed))
    try:
        cluster.start(options.nodes)
        asked, wrong = rights.check(cluster)
        say_now(f"{asked} questions about rights; wrong: {', '.join(wrong) or 'none'}")
        verdict = _play(scene, fleet, reference, options)
    finally:
        cluster.end(keep=options.keep)
    return {
        "seed": seed,
        "kubernetes": f"{KUBERNETES}, etcd {ETCD}",
        "batches": options.batches,
        "equal": verdict.equal,
        "given up": verdict.given_up,
        "runs": verdict.attempts,
        "seconds": round(verdict.seconds),
        "ran again after (s)": {
            what: [round(s) for s in seconds] for what, seconds in scene.again_s.items()
        },
        "rights asked": asked,
        "told": scene.told,
        "problems": [*verdict.problems, *scene.wrong, *wrong],
    }


def _play(
    scene: Scene,
    fleet: Fleet,
    reference: Mapping[int, Mapping[str, str] | None],
    options: argparse.Namespace,
) -> Verdict:
    cluster = scene.cluster
    engine = create_engine(cluster.addresses["ARGUS_DATABASE_URL"])
    kinds = len(reference)
    named = [(1 + n // kinds, n % kinds) for n in range(options.batches)]
    expected = [Expected(fleet.named(turn, case), reference[case]) for turn, case in named]
    began = time.monotonic()
    problems: list[str] = []
    striking = threading.Thread(target=_strike, args=(scene, options.only, problems), daemon=True)
    with ThreadPoolExecutor(_UPLOADERS) as uploaders:
        sent = [
            uploaders.submit(lambda where: bring(cluster.store, fleet.prepare(*where)), where)
            for where in named
        ]
        striking.start()
        for future in sent:
            if error := future.exception():
                problems.append(f"an upload failed: {error}")
    striking.join(options.minutes * 60)
    if striking.is_alive():
        problems.append("the strikes took too long")
    patience = max(options.minutes * 60 - (time.monotonic() - began), 60)
    waiting = wait_for_none(lambda: settled(cluster, expected), patience)
    seconds = time.monotonic() - began
    left = wait_for_none(lambda: _left(cluster), 150)
    verdict = judge(cluster, engine, expected)
    engine.dispose()
    verdict.seconds = seconds
    problems += [*left, *(f"{one} is not settled" for one in waiting)]
    say_now("the batches are there; the roll-ups over them")
    problems += asked(lambda: problems_of_rollups(cluster))
    say_now("runs that will never begin")
    problems += asked(lambda: room.will_not_begin_is_not_said(cluster))
    verdict.problems += problems
    return verdict


def _left(cluster: Cluster) -> Sequence[str]:
    """What is still going on of batches in Dagster, and of what has ended in the cluster."""
    left = quiet(cluster)
    for job in cluster.jobs_at_work():
        run = cluster.instance.get_run_by_id(job.removeprefix("dagster-run-"))
        if run is None or run.is_finished:
            left.append(f"a Job goes on whose run is over: {job}")
    return left


def _strike(scene: Scene, only: Sequence[str], problems: list[str]) -> None:
    for name in only or STRIKES:
        strike = STRIKES[name]
        time.sleep(scene.dice.uniform(1, 8))
        try:
            strike(scene)
        except Exception as error:  # of whatever is broken: the others have their turn
            problems.append(f"{name}: {type(error).__name__}: {error}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cluster",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--batches", type=int, default=24, help="to be uploaded (24)")
    parser.add_argument("--cases", type=int, default=4, help="kinds of simulated batches (4)")
    parser.add_argument("--nodes", type=int, default=2, help="hosts of the cluster (2)")
    parser.add_argument("--cpu", default="1500m", help="of each host, for the scheduler (1500m)")
    parser.add_argument("--minutes", type=float, default=30, help="wait no longer for all (30)")
    parser.add_argument("--seed", type=int, help="of fleet and moments; default: by chance")
    parser.add_argument("--only", action="append", choices=list(STRIKES), help="these strikes")
    parser.add_argument(
        "--no-reference", action="store_true", help="compare with no undisturbed run"
    )
    parser.add_argument("--keep", action="store_true", help="leave the folder, for its logs")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
