"""The short forms of `make chaos` and `make scale`: a few batches, and faults while they run."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster import DagsterEventType
from sqlalchemy import Engine

from argus_pipeline.database.engine import create_engine
from argus_pipeline.engine import versions
from argus_pipeline.run_records import WORKER_TAG, runs_of
from benchmarks.chaos.faults import FAULTS, UNDISTURBED
from benchmarks.chaos.fleet import Fleet, Named
from benchmarks.chaos.ground import Ground, eventually
from benchmarks.chaos.judge import wait_for_none
from benchmarks.chaos.outputs import read_outputs
from benchmarks.chaos.rollups import ROLLUPS, failed_rollups
from benchmarks.chaos.turn import Fault, Turn, play

pytestmark = pytest.mark.timeout(1500)
BATCHES = 3


@dataclass
class Undisturbed:
    """The local stack, a fleet that went through it, and what was made of it by index."""

    ground: Ground
    engine: Engine
    fleet: Fleet
    reference: Mapping[int, Mapping[str, str]]


@pytest.fixture(scope="module")
def undisturbed(stack, dagster_instance, tmp_path_factory) -> Iterator[Undisturbed]:
    ground = Ground(stack.home, stack.environment)
    ground.instance = dagster_instance
    fleet = Fleet(tmp_path_factory.mktemp("fleet"), BATCHES, seed=7)
    engine = create_engine(ground.addresses["ARGUS_DATABASE_URL"])
    # With the batch of many recordings, whose parsing is divided.
    whole = Fault("nothing", "nothing", UNDISTURBED.strike, cases=lambda fleet: range(BATCHES + 1))
    turn = Turn(ground, fleet, engine, 0, random.Random(7), {})
    assert play(whole, turn).problems == []
    reference = {
        index: read_outputs(ground.store, engine, fleet.named(0, index))
        for index in range(BATCHES + 1)
    }
    assert all(len(outputs) > 20 for outputs in reference.values())
    yield Undisturbed(ground, engine, fleet, reference)
    engine.dispose()


@pytest.mark.long
def test_nothing_is_lost_when_a_run_worker_and_the_code_server_are_killed(undisturbed) -> None:
    turn = Turn(
        undisturbed.ground,
        undisturbed.fleet,
        undisturbed.engine,
        1,
        random.Random(7),
        undisturbed.reference,
    )
    verdict = play(Fault("both", "both", kill_both), turn)
    print(f"{verdict.attempts} runs, {verdict.seconds:.0f} s, {turn.told}")
    assert verdict.problems == []
    assert verdict.equal == BATCHES


def kill_both(turn: Turn) -> None:
    for name in ("run-worker", "code-server"):
        FAULTS[name].strike(turn)
    assert len([one for one in turn.told if one.startswith("killed")]) == 2


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Ground]:
    if not (shutil.which("redis-server") or shutil.which("valkey-server")):
        pytest.skip("no redis-server here: apt install redis-server")
    home = Path(tempfile.mkdtemp(prefix="argus-workers-", dir="/tmp"))
    environment = {**os.environ, "ARGUS_HOME": str(home), "ARGUS_LIMIT_BACK_OFF_SECONDS": "2"}
    ground = Ground(home, environment)
    began = ground.argus("up", "--engine", "celery", "--workers", "2")
    try:
        assert began.returncode == 0, began.stderr
        yield ground
    finally:
        ended = ground.argus("down")
        shutil.rmtree(home, ignore_errors=True)
    assert ended.returncode == 0, ended.stderr


def test_two_workers_make_the_same_bytes_and_lose_nothing_when_one_is_killed(
    undisturbed, two_workers
) -> None:
    engine = create_engine(two_workers.addresses["ARGUS_DATABASE_URL"])
    turn = Turn(two_workers, undisturbed.fleet, engine, 2, random.Random(7), undisturbed.reference)
    verdict = play(
        Fault("worker", "worker", kill_a_pool, cases=lambda fleet: range(BATCHES + 1)),
        turn,
    )
    engine.dispose()
    print(f"{verdict.attempts} runs, {verdict.seconds:.0f} s, {turn.told}")
    assert turn.told
    assert verdict.problems == []
    assert verdict.equal == BATCHES + 1
    assert not wait_for_none(lambda: failed_rollups(two_workers.instance), 60)
    # Said by the worker itself, at once, and not by the monitoring after its time limit.
    named = [turn.fleet.named(2, index) for index in range(BATCHES + 1)]
    assert any("lost it: WorkerLostError" in why for why in why_failed(two_workers, named))
    # The whole run of a small batch in one worker, the steps of a large one over both.
    many = runs_of(two_workers.instance, turn.fleet.named(2, turn.fleet.many).batch)[0]
    assert ".leads@" in many.dagster_run.tags[WORKER_TAG]
    small = runs_of(two_workers.instance, turn.fleet.named(2, 0).batch)[0]
    assert ".work@" in small.dagster_run.tags[WORKER_TAG]


def test_a_roll_up_counts_as_failed_until_a_newer_run_of_it_came_through() -> None:
    def roll_up(name: str) -> dg.AssetsDefinition:
        @dg.asset(name=name)
        def made(context) -> None:
            if name in context.run.tags:
                raise dg.Failure

        return made

    rollups = [roll_up(name) for name in ROLLUPS]
    with dg.DagsterInstance.ephemeral() as instance:
        assert len(failed_rollups(instance)) == len(rollups)
        seen = []
        for tags in ({}, {"campaign_health": "fails"}, {}):
            dg.materialize(rollups, instance=instance, tags=tags, raise_on_error=False)
            seen.append(failed_rollups(instance))
    assert seen[::2] == [[], []]
    assert any("the newest run of campaign_health is FAILURE" in one for one in seen[1])


def kill_a_pool(turn: Turn) -> None:
    """Kill the processes of a worker, of which one carries out a run."""
    instance = turn.ground.instance

    def begun() -> str | None:
        names = [turn.fleet.named(turn.number, index).batch for index in range(BATCHES)]
        runs = [record.dagster_run for name in names for record in runs_of(instance, name)]
        return next((r.tags[WORKER_TAG] for r in runs if WORKER_TAG in r.tags), None)

    worker = eventually(begun, 120)
    assert worker is not None
    for process in psutil.process_iter(["cmdline"]):
        if worker in " ".join(process.info["cmdline"] or ()).replace("%h", worker.split("@")[1]):
            for child in process.children():
                os.kill(child.pid, signal.SIGKILL)
                turn.told.append(f"killed process {child.pid} of {worker}")
            return


def why_failed(ground: Ground, named: Sequence[Named]) -> list[str]:
    """What Dagster shows of the runs that failed."""
    instance = ground.instance
    events = (
        entry.dagster_event
        for one in named
        for record in runs_of(instance, one.batch)
        for entry in instance.all_logs(record.dagster_run.run_id)
    )
    return [e.message or "" for e in events if e and e.event_type is DagsterEventType.RUN_FAILURE]


def test_who_is_there_and_what_waits_is_shown(two_workers) -> None:
    shown = two_workers.argus("workers", "--json")
    assert shown.returncode == 0, shown.stderr
    names = {worker["name"].partition("@")[0] for worker in json.loads(shown.stdout)["workers"]}
    assert names == {f"worker-{n}.{kind}" for n in (1, 2) for kind in ("work", "leads")}
    told = two_workers.argus("doctor").stdout
    assert "worker-2.work" in told
    assert "***@127.0.0.1" in told


def test_a_worker_of_another_version_refuses_to_work(two_workers) -> None:
    instance = two_workers.instance
    said = instance.run_storage.get_cursor_values({versions._KEY})
    instance.run_storage.set_cursor_values({versions._KEY: json.dumps({"parser": "0.0.1"})})
    try:
        refused = two_workers.argus("worker", "--name", "other")
    finally:
        instance.run_storage.set_cursor_values(said)
    assert refused.returncode == 1
    assert "this worker refuses to work: the control plane has parser 0.0.1" in refused.stderr
