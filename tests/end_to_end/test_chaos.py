"""The short form of `make chaos`: three batches, and two faults while they run."""

from __future__ import annotations

import random

import pytest

from argus_pipeline.database.engine import create_engine
from benchmarks.chaos.faults import FAULTS, UNDISTURBED
from benchmarks.chaos.fleet import Fleet
from benchmarks.chaos.ground import Ground
from benchmarks.chaos.outputs import read_outputs
from benchmarks.chaos.turn import Fault, Turn, play

pytestmark = pytest.mark.end_to_end
BATCHES = 3


def test_nothing_is_lost_when_a_run_worker_and_the_code_server_are_killed(
    stack, dagster_instance, tmp_path
) -> None:
    ground = Ground(stack.home, stack.environment)
    ground.instance = dagster_instance
    fleet = Fleet(tmp_path, BATCHES, seed=7)
    engine = create_engine(ground.addresses["ARGUS_DATABASE_URL"])
    dice, reference = random.Random(7), {}
    undisturbed = Fault("none", "none", UNDISTURBED.strike)
    for number, fault in enumerate((undisturbed, FAULTS["run-worker"], FAULTS["code-server"])):
        turn = Turn(ground, fleet, engine, number, dice, reference)
        verdict = play(fault, turn)
        print(f"{fault.name}: {verdict.attempts} runs, {verdict.seconds:.0f} s, {turn.told}")
        assert verdict.problems == []
        assert verdict.equal == BATCHES
        if number == 0:
            reference = {
                index: read_outputs(ground.store, engine, fleet.named(0, index))
                for index in range(BATCHES)
            }
            assert all(len(outputs) > 20 for outputs in reference.values())
    engine.dispose()
