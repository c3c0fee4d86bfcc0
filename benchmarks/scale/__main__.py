"""The command: `python -m benchmarks.scale`."""

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
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from argus_pipeline.database.engine import create_engine
from argus_pipeline.stack.minio import INSTALL_HINT, find_minio
from benchmarks.chaos.fleet import Fleet, bring
from benchmarks.chaos.judge import Expected, Verdict, asked, judge, quiet, settled, wait_for_none
from benchmarks.chaos.rollups import problems_of_rollups
from benchmarks.chaos.undisturbed import undisturbed
from benchmarks.measuring.ending import clean_up_on_kill
from benchmarks.measuring.saying import say_now
from benchmarks.scale import __doc__ as about
from benchmarks.scale import hosts
from benchmarks.scale.control import Control
from benchmarks.scale.strikes import LEADS, STRIKES, Scene

CASES = 12
"""Kinds of batches: ten simulated, one of many recordings, one large."""
_UPLOADERS = 4
TRUE_REASONS = ("has not answered", "no longer has it in hand", "lost it", "is gone")
"""Of what a batch may be given up for: the worker of its last attempt was struck as well."""


def main() -> int:
    options = _options()
    needed = ("unshare", "ip", "mount", "redis-server")
    lacking = [program for program in needed if not shutil.which(program)]
    if find_minio() is None:
        lacking.append(f"minio ({INSTALL_HINT})")
    if os.geteuid() != 0 or lacking:
        print(f"it takes root on Linux; missing here: {', '.join(lacking)}", file=sys.stderr)
        return 2
    hosts.enter()
    hosts.make_network()
    seed = options.seed if options.seed is not None else random.randrange(1 << 30)
    say_now(
        f"seed {seed}: {options.batches} batches on {options.hosts} hosts, "
        f"{len(STRIKES)} strikes x {options.strikes}"
    )
    clean_up_on_kill()
    folder = Path(tempfile.mkdtemp(prefix="argus-fleet-", dir="/tmp"))
    try:
        fleet = Fleet(folder, CASES - 2, seed)
        reference = undisturbed(fleet, CASES)
        said = _scale(fleet, reference, options, seed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        print(json.dumps(said, indent=1))
    else:
        print("\n".join(f"{name}: {value}" for name, value in said.items()))
    return 1 if said["problems"] else 0


def _scale(
    fleet: Fleet,
    reference: Mapping[int, Mapping[str, str]],
    options: argparse.Namespace,
    seed: int,
) -> dict[str, Any]:
    control = Control(runs_at_once=options.hosts * (options.slots + LEADS) + 2)
    there = [hosts.Host(n, [control.home]) for n in range(1, options.hosts + 1)]
    scene = Scene(control, there, options.slots, random.Random(seed))
    try:
        control.start()
        for host in there:
            scene.boot(host)
        say_now(f"the UI is {control.addresses['ARGUS_UI_URL']} (in this network only)")
        verdict = _play(scene, fleet, reference, options)
        for host in there:
            host.shut_down(30)
    finally:
        scene.over.set()
        for host in there:
            if host.processes():
                with suppress(Exception):
                    host.destroy()
        control.end(keep=options.keep)
    return {
        "seed": seed,
        "batches": options.batches,
        "equal": verdict.equal,
        "given up": verdict.given_up,
        "runs": verdict.attempts,
        "seconds": round(verdict.seconds),
        "strikes": dict.fromkeys(STRIKES, options.strikes),
        "of which met runs that went on": dict(scene.hits),
        "a destroyed host's batches ran elsewhere after (s)": [round(s) for s in scene.elsewhere_s],
        "told": scene.told,
        "problems": verdict.problems,
    }


def _play(
    scene: Scene,
    fleet: Fleet,
    reference: Mapping[int, Mapping[str, str]],
    options: argparse.Namespace,
) -> Verdict:
    control = scene.control
    engine = create_engine(control.addresses["ARGUS_DATABASE_URL"])
    named = [(1 + n // CASES, n % CASES) for n in range(options.batches)]
    # Four attempts may meet four strikes; then it has to say so.
    expected = [
        Expected(fleet.named(turn, case), reference[case], may_give_up=TRUE_REASONS)
        for turn, case in named
    ]
    began = time.monotonic()
    problems: list[str] = []
    striking = threading.Thread(target=_strike, args=(scene, options, problems), daemon=True)
    with ThreadPoolExecutor(_UPLOADERS) as uploaders:
        sent = [
            uploaders.submit(lambda where: bring(control.store, fleet.prepare(*where)), where)
            for where in named
        ]
        striking.start()
        for future in sent:
            if error := future.exception():
                problems.append(f"an upload failed: {error}")
    striking.join()
    patience = max(options.minutes * 60 - (time.monotonic() - began), 300)
    waiting = wait_for_none(lambda: settled(control, expected), patience)
    seconds = time.monotonic() - began
    for watcher in scene.watchers:
        watcher.join()
    problems += scene.problems
    problems += [
        f"{name}: only {scene.hits[name]} of {options.strikes} met runs that went on"
        for name in STRIKES
        if scene.hits[name] < options.strikes
    ]
    left = wait_for_none(lambda: quiet(control), 150)
    verdict = judge(control, engine, expected)
    engine.dispose()
    verdict.seconds = seconds
    problems += [*left, *(f"{one} is not settled" for one in waiting)]
    say_now("the batches are there; the roll-ups over them")
    verdict.problems += [*problems, *asked(lambda: problems_of_rollups(control))]
    return verdict


def _strike(scene: Scene, options: argparse.Namespace, problems: list[str]) -> None:
    """All strikes in an order and at moments of chance, one after the other."""
    order = [name for name in STRIKES for _ in range(options.strikes)]
    scene.dice.shuffle(order)
    for name in order:
        if scene.over.wait(scene.dice.uniform(5, 25)):
            return
        try:
            scene.hits[name] += STRIKES[name](scene)
        except Exception as error:  # of whatever is broken: the others have their turn
            problems.append(f"{name}: {type(error).__name__}: {error}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--batches", type=int, default=200, help="of the fleet (200)")
    parser.add_argument("--hosts", type=int, default=3, help="with a worker each (3)")
    parser.add_argument("--slots", type=int, default=1, help="of each worker (1)")
    parser.add_argument("--strikes", type=int, default=3, help="of each kind (3)")
    parser.add_argument("--minutes", type=float, default=60, help="wait no longer for all (60)")
    parser.add_argument("--seed", type=int, help="of fleet and moments; default: by chance")
    parser.add_argument("--keep", action="store_true", help="leave the folder, for its logs")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
