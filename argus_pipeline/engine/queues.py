"""The queues of Celery, and which one a run or a step waits in. Pure decisions over tags.

A worker looks at its queues in the order that is written here, each time that it has a slot free:
what is urgent overtakes whatever waits, and what was begun goes before what was not.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

LARGE_TAG: Final = "argus/large"
"""Tag of a run whose steps are divided over workers."""
PRIORITY_TAG: Final = "dagster/priority"
"""Dagster starts the run with the highest number first."""


class Queue(StrEnum):
    """A queue of tasks. The first are looked at first."""

    URGENT = "argus.urgent"
    """Runs and shards of P0 batches, and of P1 ones that are tried again (coordinator.py)."""
    SHARDS = "argus.shards"
    """Steps of large batches whose run has begun."""
    RUNS = "argus.runs"
    """Whole runs of small batches, and roll-ups."""
    BULK = "argus.bulk"
    """What can wait: batches of priority P2, and archives."""
    LEADS = "argus.leads"
    """Runs that hand their steps to others and wait for them: these have slots of their own.

    In the same slots, as many leads as there are slots would wait for each other for ever.
    """
    URGENT_LEADS = "argus.leads.urgent"
    """The same of what is urgent."""


WORK: Final = (Queue.URGENT, Queue.SHARDS, Queue.RUNS, Queue.BULK)
"""What the slots of a worker serve, in this order."""
LEADING: Final = (Queue.URGENT_LEADS, Queue.LEADS)
"""What its slots for leads serve."""


def queue_of_run(tags: Mapping[str, str]) -> Queue:
    """Where a run waits for a worker."""
    if LARGE_TAG in tags:
        urgent = _by_priority(tags, Queue.LEADS) is Queue.URGENT
        return Queue.URGENT_LEADS if urgent else Queue.LEADS
    return _by_priority(tags, Queue.RUNS)


def queue_of_steps(tags: Mapping[str, str]) -> Queue:
    """Where the steps of a large run wait; `tags` are the run's."""
    return _by_priority(tags, Queue.SHARDS)


def _by_priority(tags: Mapping[str, str], usual: Queue) -> Queue:
    try:
        priority = int(tags.get(PRIORITY_TAG, "0"))
    except ValueError:
        return usual
    if priority > 0:
        return Queue.URGENT
    # Roll-ups have -5: they wait for batches, but not with archives.
    return Queue.BULK if priority <= -10 else usual
