"""The command: `python -m benchmarks.chaos`."""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from argus_pipeline.database.engine import create_engine
from benchmarks.chaos import __doc__ as about
from benchmarks.chaos.faults import FAULTS, UNDISTURBED
from benchmarks.chaos.fleet import Fleet
from benchmarks.chaos.outputs import read_outputs
from benchmarks.chaos.own_ground import OwnGround
from benchmarks.chaos.rollups import problems_of_rollups
from benchmarks.chaos.table import Played, table
from benchmarks.chaos.turn import Fault, Turn, play
from benchmarks.measuring.ending import clean_up_on_kill
from benchmarks.measuring.saying import say_now


def main() -> int:
    options = _options()
    known = {UNDISTURBED.name: UNDISTURBED, **FAULTS}
    chosen = [known[name] for name in options.fault or FAULTS]
    seed = options.seed if options.seed is not None else random.randrange(1 << 30)
    say_now(
        f"seed {seed}, {len(chosen)} faults x {options.rounds} rounds x {options.strikes} strikes, "
        f"{options.batches} batches"
    )
    began = time.monotonic()
    clean_up_on_kill()
    ground = OwnGround(seed, work=options.work)
    try:
        say_now(f"starting the stack in {ground.home}")
        ground.start()
        say_now(f"it runs, with {ground.store_name}; the UI is {ground.addresses['ARGUS_UI_URL']}")
        played, skipped, left_out = _play_all(ground, chosen, options, seed, began)
        wrong = problems_of_rollups(ground)
    finally:
        say_now("stopping the stack")
        ground.end(keep=options.keep)
    text = table(played, skipped)
    lost = [problem for one in played for problem in one.verdict.problems]
    if options.json:
        content = {
            "seed": seed,
            "minutes": round((time.monotonic() - began) / 60, 1),
            "rounds": [one.to_dict() for one in played],
            "not tried": skipped,
            "rounds left out": left_out,
            "roll-ups": wrong,
        }
        print(json.dumps(content, indent=1))
    else:
        print(f"\n{text}\nroll-ups: {'; '.join(wrong) or 'made, and the same when made anew'}")
        if left_out:
            print(f"{left_out} rounds were left out, since the time was over")
    return 1 if lost or wrong else 0


def _play_all(
    ground: OwnGround, chosen: Sequence[Fault], options: argparse.Namespace, seed: int, began: float
) -> tuple[list[Played], dict[str, str], int]:
    fleet = Fleet(ground.home / "uploads", options.batches, seed)
    engine = create_engine(ground.addresses["ARGUS_DATABASE_URL"])
    dice = random.Random(seed)
    played: list[Played] = []
    skipped = {fault.name: why for fault in chosen if (why := fault.skip(ground))}
    reference: Mapping[int, Mapping[str, str]] = {}

    def one(fault: Fault, number: int) -> None:
        turn = Turn(ground, fleet, engine, number, dice, reference, options.strikes)
        verdict = play(fault, turn)
        told = tuple(turn.told)
        played.append(Played(fault.name, fault.title, number, turn.strikes, told, verdict))
        say_now(played[-1].line())

    cases = sorted({index for fault in chosen for index in fault.cases(fleet)})
    say_now(f"the undisturbed run of {len(cases)} batches, which is the reference")
    one(replace(UNDISTURBED, cases=lambda fleet: cases), 0)
    reference = {
        index: read_outputs(ground.store, engine, fleet.named(0, index)) for index in cases
    }
    if not played[0].verdict.problems:
        played.clear()
    say_now(f"{sum(map(len, reference.values()))} outputs")
    rounds = [f for _ in range(options.rounds) for f in chosen if f.name not in skipped]
    left_out = 0
    for number, fault in enumerate(rounds, 1):
        if time.monotonic() - began > options.minutes * 60:
            left_out = len(rounds) - number + 1
            break
        one(fault, number)
    engine.dispose()
    return played, skipped, left_out


def _options() -> argparse.Namespace:
    names = [UNDISTURBED.name, *FAULTS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--fault", action="append", choices=names, help="by default all")
    parser.add_argument("--strikes", type=int, default=5, help="of a fault in one round (5)")
    parser.add_argument("--rounds", type=int, default=1, help="of each fault (1)")
    parser.add_argument("--batches", type=int, default=10, help="of the fleet (10)")
    parser.add_argument("--minutes", type=float, default=90, help="begin no round after that (90)")
    parser.add_argument("--seed", type=int, help="of fleet and moments; default: by chance")
    parser.add_argument("--work", type=Path, help="where the stack's folder goes (/tmp)")
    parser.add_argument("--keep", action="store_true", help="leave that folder, for its logs")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
