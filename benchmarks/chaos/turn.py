"""One round: the fleet is uploaded, a fault strikes at random moments, everything is judged."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from sqlalchemy import Engine

from benchmarks.chaos.fleet import Fleet, bring
from benchmarks.chaos.ground import Ground
from benchmarks.chaos.judge import Expected, Verdict, judge, quiet, settled, wait_for_none
from benchmarks.chaos.own_ground import OwnGround

SETTLED_S: Final = 420.0
# Slots of a run that ended badly are freed by Dagster after half a minute.
QUIET_S: Final = 150.0
_UPLOADERS: Final = 4


@dataclass(slots=True)
class Turn:
    """What a fault has at hand in one round.

    `reference` holds the outputs of the undisturbed run by the case's index; it is empty in that
    run itself. The fault strikes `strikes` times, and `strike` counts them from 0. `told` collects
    what is worth saying of this round, `wrong` what must not be.
    """

    ground: Ground
    fleet: Fleet
    engine: Engine
    number: int
    dice: random.Random
    reference: Mapping[int, Mapping[str, str]]
    strikes: int = 1
    strike: int = 0
    told: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def expected(self, index: int) -> Expected:
        """A batch that has to come out as it did undisturbed."""
        return Expected(self.fleet.named(self.number, index), self.reference.get(index))

    def some_time(self, least: float, most: float) -> float:
        """Wait for a random time, and say how long that was."""
        seconds = self.dice.uniform(least, most)
        time.sleep(seconds)
        return seconds


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break the stack.

    Attributes:
        name: for the command line.
        title: for the table.
        strike: breaks it; called again and again while the fleet is uploaded and runs, and after
            each time everything that does not run is started.
        most: how often it can strike in one round.
        cases: which batches of the fleet run, by index; all the simulated ones by default.
        expect: how a batch may end where that is not as usual.
        own: indexes of the batches that `strike` uploads itself.
        after: what a person would do once all is settled; the batches are waited for again.
        skip: why it cannot be tried here, or None.
    """

    name: str
    title: str
    strike: Callable[[Turn], None]
    most: Callable[[Fleet], int] = lambda fleet: 100
    cases: Callable[[Fleet], Sequence[int]] = lambda fleet: range(fleet.count)
    expect: Callable[[Turn, int], Expected] = lambda turn, index: turn.expected(index)
    own: Callable[[Turn], Sequence[int]] = lambda turn: ()
    after: Callable[[Turn], None] | None = None
    skip: Callable[[OwnGround], str | None] = lambda ground: None


def play(fault: Fault, turn: Turn) -> Verdict:
    """Play one round and judge it. It takes no longer than its limits allow."""
    began = time.monotonic()
    ground, fleet = turn.ground, turn.fleet
    turn.strikes = min(turn.strikes, fault.most(fleet))
    indexes = list(fault.cases(fleet))
    batches = [fault.expect(turn, index) for index in indexes]
    theirs = [index for index in indexes if index not in fault.own(turn)]
    with ThreadPoolExecutor(_UPLOADERS) as uploaders:
        sent = [uploaders.submit(_upload, turn, index) for index in theirs]
        for number in range(turn.strikes):
            turn.strike = number
            for step in (partial(fault.strike, turn), ground.mend):
                try:
                    step()
                except Exception as error:  # of whatever is broken: the others have their turn
                    turn.wrong.append(f"{type(error).__name__}: {error}")
        problems = _problems(sent)
    waiting = wait_for_none(lambda: settled(ground, batches), SETTLED_S)
    if fault.after is not None:
        fault.after(turn)
        waiting = wait_for_none(lambda: settled(ground, batches), SETTLED_S)
    seconds = time.monotonic() - began
    left = wait_for_none(lambda: quiet(ground), QUIET_S)
    verdict = judge(ground, turn.engine, batches)
    verdict.seconds = seconds
    verdict.problems += [
        *turn.wrong,
        *problems,
        *left,
        *(f"{one} is not settled" for one in waiting),
    ]
    return verdict


def _upload(turn: Turn, index: int) -> None:
    bring(turn.ground.door, turn.fleet.prepare(turn.number, index))


def _problems(sent: Sequence[Future[None]]) -> list[str]:
    errors = [future.exception() for future in sent]
    return [f"an upload failed: {error}" for error in errors if error is not None]
