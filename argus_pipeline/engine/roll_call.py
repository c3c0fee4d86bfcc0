"""Which workers answer, and which tasks they have in hand.

Celery's record of a task says that it was started, for ever, when its host is lost. So the workers
are asked: a task is alive while the worker that began it answers and has it in hand.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from celery import Celery

SILENT_S: Final = 30.0
"""How long a worker may be silent before it counts as lost."""
_ANSWER_S: Final = 1.5
_FRESH_S: Final = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answers:
    """What the workers said: by the name of a worker the ids of the tasks that it has in hand."""

    at: float
    tasks: Mapping[str, frozenset[str]]


@dataclass
class RollCall:
    """Asks the workers, at most once in some seconds, and remembers when each was last heard.

    Args:
        ask: asks all workers; raises where the broker is away.
        clock: seconds that never go back.
        silent_s: how long a worker may be silent.
    """

    ask: Callable[[], Mapping[str, frozenset[str]]]
    clock: Callable[[], float] = time.monotonic
    silent_s: float = SILENT_S
    _answers: Answers | None = None
    _heard: dict[str, float] = field(default_factory=dict)

    def why_lost(
        self, task: str, worker: str | None, begun_before_s: float = _FRESH_S
    ) -> str | None:
        """Why a task that was begun is lost, None while it may be well.

        While the broker is away nobody can tell, and nothing counts as lost.

        Args:
            task: its id.
            worker: the name of the worker that began it; None where that is not known.
            begun_before_s: for how long the task is known to have begun: older answers than that
                say nothing about it.
        """
        answers = self._fresh(begun_before_s)
        if answers is None:
            return None
        if any(task in tasks for tasks in answers.tasks.values()):
            return None
        if worker in answers.tasks:
            return f"worker {worker} answers, and no longer has it in hand"
        silent = answers.at - self._heard.setdefault(worker or task, answers.at)
        if silent < self.silent_s:
            return None
        who = f"worker {worker}" if worker else "the worker that has it in hand"
        return f"{who} has not answered for {silent:.0f} s"

    def waits(self, task: str) -> None:
        """Note that a task lies in its queue: nobody has to have it in hand."""
        self._heard[task] = self.clock()

    def _fresh(self, within_s: float) -> Answers | None:
        now = self.clock()
        if self._answers is not None and now - self._answers.at <= min(within_s, _FRESH_S):
            return self._answers
        try:
            tasks = self.ask()
        except Exception as error:  # whatever the client of the broker raises
            _log.warning("the workers cannot be asked: %s: %s", type(error).__name__, error)
            # Silence counts from when the broker is back: then all of them connect anew.
            self._answers = None
            self._heard.clear()
            return None
        at = self.clock()
        self._heard.update(dict.fromkeys(tasks, at))
        self._answers = Answers(at, tasks)
        return self._answers


def asking(app: Celery) -> Callable[[], Mapping[str, frozenset[str]]]:
    """Asks the workers of an app which tasks they have begun and not ended."""

    def ask() -> Mapping[str, frozenset[str]]:
        replies: list[Mapping[str, Any]] = app.control.broadcast(
            "active", reply=True, timeout=_ANSWER_S
        )
        return {
            worker: frozenset(task["id"] for task in tasks if isinstance(task, dict))
            for reply in replies or ()
            for worker, tasks in reply.items()
        }

    return ask
