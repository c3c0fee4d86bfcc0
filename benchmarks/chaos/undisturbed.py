"""The reference: what an undisturbed run on one machine makes of the fleet."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from argus_pipeline.database.engine import create_engine
from benchmarks.chaos.faults import UNDISTURBED
from benchmarks.chaos.fleet import Fleet
from benchmarks.chaos.ground import Ground
from benchmarks.chaos.outputs import read_outputs
from benchmarks.chaos.turn import Fault, Turn, play
from benchmarks.measuring.saying import say_now


def undisturbed(fleet: Fleet, count: int) -> Mapping[int, Mapping[str, str]]:
    """The outputs of the first `count` cases, by case.

    Raises:
        RuntimeError: not even that is well.
    """
    home = Path(tempfile.mkdtemp(prefix="argus-alone-", dir="/tmp"))
    home.chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ARGUS_", "DAGSTER_"))}
    ground = Ground(home, {**kept, "ARGUS_HOME": str(home)})
    cases = range(count)
    say_now(f"the undisturbed run of {count} batches on one machine")
    try:
        ground.mend()
        engine = create_engine(ground.addresses["ARGUS_DATABASE_URL"])
        turn = Turn(ground, fleet, engine, 0, random.Random(0), {})
        verdict = play(Fault("nothing", "nothing", UNDISTURBED.strike, cases=lambda _: cases), turn)
        if verdict.problems:
            raise RuntimeError(f"the undisturbed run is not well: {verdict.problems}")
        found = {i: read_outputs(ground.store, engine, fleet.named(0, i)) for i in cases}
        engine.dispose()
    finally:
        ground.__dict__.pop("instance", None)
        ground.argus("down")
        shutil.rmtree(home, ignore_errors=True)
    say_now(f"{sum(map(len, found.values()))} outputs in {verdict.seconds:.0f} s")
    return found
