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
    reference = {}

    def play_it(fault: Fault, number: int) -> None:
        turn = Turn(ground, fleet, engine, number, random.Random(7), reference)
        verdict = play(fault, turn)
        print(f"{fault.title}: {verdict.attempts} runs, {verdict.seconds:.0f} s, {turn.told}")
        assert verdict.problems == []
        assert verdict.equal == BATCHES

    play_it(UNDISTURBED, 0)
    for index in range(BATCHES):
        reference[index] = read_outputs(ground.store, engine, fleet.named(0, index))
        assert len(reference[index]) > 20
    play_it(Fault("both", "both", kill_both), 1)
    engine.dispose()


def kill_both(turn: Turn) -> None:
    for name in ("run-worker", "code-server"):
        FAULTS[name].strike(turn)
    assert len([one for one in turn.told if one.startswith("killed")]) == 2
