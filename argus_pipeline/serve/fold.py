"""From Dagster's events to changes of stages. Pure: events in, changes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from argus_pipeline.batches.stages import PLAN_STEP, Stage, stage_of
from argus_pipeline.run_tables import RUN_STATES, SHARD, STEP_STATES, Event


@dataclass(frozen=True, slots=True)
class Change:
    """That a run came to another stage, or further in it. `id` is the event that brought it."""

    id: int
    run_id: str
    stage: Stage
    detail: str
    at: datetime | None


@dataclass(slots=True)
class _Run:
    status: str = "QUEUED"
    steps: dict[str, str] = field(default_factory=dict)
    shards: int = 0
    said: tuple[Stage, str] | None = None


class Fold:
    """Follows runs through their events, which it is fed in order and each once."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}

    def knows(self, run_id: str) -> bool:
        """Whether it follows a run from its beginning."""
        return run_id in self._runs

    def feed(self, events: Iterable[Event]) -> list[Change]:
        """The changes that these events bring, in order."""
        changes = []
        for event in events:
            run = self._runs.setdefault(event.run_id, _Run())
            if event.kind in RUN_STATES:
                run.status = RUN_STATES[event.kind]
            elif event.step is not None and event.kind in STEP_STATES:
                run.steps[event.step] = STEP_STATES[event.kind]
            elif event.kind == SHARD and event.step == PLAN_STEP:
                run.shards += 1
                continue  # the step's end says all of them at once
            now = stage_of(run.status, run.steps, run.shards)
            if now != run.said:
                run.said = now
                changes.append(Change(event.id, event.run_id, *now, event.at))
            if now[0].is_final:
                # A run that ended says no more; a process that serves for months would grow by it.
                self._runs[event.run_id] = _Run(run.status, said=now)
        return changes

    def forget(self, most: int = 5000) -> None:
        """Let the oldest runs go, so that a process that serves for long does not grow."""
        while len(self._runs) > most:
            del self._runs[next(iter(self._runs))]
