"""What strikes while the batches run, one after the other."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final

from dagster import DagsterRun, DagsterRunStatus, RunsFilter
from kubernetes import client

from benchmarks.chaos import lost_runs
from benchmarks.chaos.ground import eventually
from benchmarks.cluster import room
from benchmarks.cluster.cluster import NAMESPACE, Cluster
from benchmarks.cluster.node import Node
from benchmarks.measuring.saying import say_now

_BUSY_S: Final = 120.0
_AGAIN_S: Final = 400.0
_AWAY_S: Final = 45.0
"""Longer than Dagster's run monitoring takes to ask four times."""


@dataclass
class Scene:
    """What the strikes have at hand; `told` says what they did, `again_s` how long it took until
    the batches that ran on a lost pod or host ran again."""

    cluster: Cluster
    dice: random.Random
    told: list[str] = field(default_factory=list)
    again_s: dict[str, list[float]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Note what was done."""
        self.told.append(text)
        say_now(text)

    def some_node(self) -> Node:
        """A node by chance, if possible one that has a pod at work on a run that has begun."""
        deadline = time.monotonic() + _BUSY_S
        while time.monotonic() < deadline:
            busy = [node for node in self.cluster.nodes if self.runs_on(node)]
            if busy:
                return self.dice.choice(busy)
            time.sleep(0.2)
        return self.dice.choice(self.cluster.nodes)

    def some_run(self, struck: Callable[[Node, DagsterRun], bool]) -> tuple[Node, DagsterRun]:
        """Strike a run by chance that goes on; another one where it had just ended.

        Raises:
            RuntimeError: for minutes no run went on.
        """
        deadline = time.monotonic() + _BUSY_S
        while time.monotonic() < deadline:
            node = self.some_node()
            for run in self.runs_on(node):
                if struck(node, run):
                    return node, run
            time.sleep(0.2)
        raise RuntimeError("no run went on that could be struck")

    def runs_on(self, node: Node) -> Sequence[DagsterRun]:
        """The runs that have begun there."""
        jobs = {pod.rsplit("-", 1)[0] for pod in node.running()}
        going_on = self.cluster.instance.get_runs(
            RunsFilter(statuses=[DagsterRunStatus.STARTED]), limit=100
        )
        return [run for run in going_on if f"dagster-run-{run.run_id}" in jobs]

    def time_again(self, what: str, lost: Sequence[DagsterRun]) -> None:
        """Wait until each of these batches runs again, or had come through.

        How long its pod waits until another run makes room is a matter of how large the cluster is.
        """
        for found in lost_runs.watch(self.cluster.instance, lost, _AGAIN_S):
            room_s = self.cluster.waited_for_room(found.run_id)
            story = f"{found.story}, {room_s:.0f} s of it for room" if room_s else found.story
            again = replace(found, waited_s=found.waited_s + room_s, story=story)
            self.say(f"{what}: {again.batch}: {again.story}")
            if again.seconds is not None:
                self.again_s.setdefault(what, []).append(again.seconds)
            if again.problem:
                self.wrong.append(f"{what}: {again.problem}")


def kill_pod(scene: Scene) -> None:
    """Kill the container of a run."""
    node, run = scene.some_run(lambda node, run: node.kill(run.run_id))
    scene.say(f"killed the pod of a run on {node.name}")
    scene.time_again("a pod killed", [run])


def evict_pod(scene: Scene) -> None:
    """Evict a run's pod by the API, as whoever empties a host does."""
    core = client.CoreV1Api(scene.cluster.plane.client())

    def evict(node: Node, run: DagsterRun) -> bool:
        name = next((pod for pod in node.running() if run.run_id in pod), None)
        if name is None:
            return False
        eviction = {"metadata": {"name": name, "namespace": NAMESPACE}}
        try:
            core.create_namespaced_pod_eviction(name, NAMESPACE, eviction)
        except client.ApiException as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return False
        return True

    node, run = scene.some_run(evict)
    scene.say(f"evicted the pod of a run from {node.name}")
    scene.time_again("a pod evicted", [run])


def lose_node(scene: Scene) -> None:
    """Lose a host and all that runs there; another joins the cluster."""
    node = scene.some_node()
    runs = scene.runs_on(node)
    if not runs:
        scene.wrong.append("a host lost: no run went on there")
    pods = node.lose()
    scene.cluster.nodes.remove(node)
    scene.say(f"lost {node.name} with {pods} pods, {len(runs)} runs of them begun")
    scene.cluster.add_node()
    scene.time_again("a host lost", runs)


def ask_about_waiting(scene: Scene) -> None:
    """Ask after the runs whose pods wait for room, while others are at work: none is lost."""
    eventually(scene.cluster.pods_without_host, _BUSY_S)
    waiting, wrong = room.waiting_counts_as_lost(scene.cluster)
    scene.wrong += wrong if waiting else ["waiting for room: no run did"]
    scene.say(f"asked after {waiting} runs that wait for room")


def restart_api_server(scene: Scene) -> None:
    """Kill the API server, and start it again after a while: no run may count as lost."""
    node = scene.some_node()
    before = {run.run_id for run in scene.runs_on(node)}
    if not before:
        scene.wrong.append("the API server away: no run went on")
    scene.cluster.plane.stop_api_server()
    time.sleep(_AWAY_S)
    scene.cluster.plane.start_api_server()
    lost = [
        run_id
        for run_id in before
        if (run := scene.cluster.instance.get_run_by_id(run_id)) is not None
        and run.status is DagsterRunStatus.FAILURE
    ]
    scene.wrong += [f"run {run_id} was taken for lost" for run_id in lost]
    scene.say(f"the API server was away for {_AWAY_S:.0f} s while {len(before)} runs went on")


def restart_daemon(scene: Scene) -> None:
    """Kill Dagster's daemon, and start it again."""
    scene.cluster.restart_daemon()
    scene.say("restarted the daemon")


STRIKES: Final[dict[str, Callable[[Scene], None]]] = {
    "a pod killed": kill_pod,
    "those that wait asked after": ask_about_waiting,
    "a pod evicted": evict_pod,
    "a host lost": lose_node,
    "the API server away for 45 s": restart_api_server,
    "the daemon restarted": restart_daemon,
}
