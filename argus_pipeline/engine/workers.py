"""Which workers there are, as they say themselves, and what waits for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from argus_pipeline.engine.broker import make_app
from argus_pipeline.engine.options import BROKER_VARIABLE
from argus_pipeline.engine.queues import Queue
from argus_pipeline.errors import Unavailable

_ANSWER_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Worker:
    """One part of a worker that answers.

    Attributes:
        name: as Celery and the tag `argus/worker` of a run call it.
        host: where it is.
        since: when it began.
        slots: how many tasks it takes at once.
        runs: the ids of the runs that it has in hand, and the keys of steps of others.
        queues: what it serves, the first before the others.
        versions: of its parts.
    """

    name: str
    host: str
    since: datetime
    slots: int
    runs: Sequence[str]
    queues: Sequence[str]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fleet:
    """The workers that answer, by name, and how many tasks wait in each queue."""

    workers: Sequence[Worker]
    waiting: Mapping[str, int]


def ask_workers(url: str) -> Fleet:
    """Ask all workers at a broker, and the broker for its queues.

    Raises:
        Unavailable: the broker does not answer.
    """
    from kombu.exceptions import KombuError
    from redis.exceptions import RedisError

    app = make_app(url)
    try:
        with app.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, timeout=5)
            client = connection.default_channel.client
            waiting = {queue.value: int(client.llen(queue.value)) for queue in Queue}
        said, active, queues = (
            _gather(app.control.broadcast(question, reply=True, timeout=_ANSWER_S))
            for question in ("argus", "active", "active_queues")
        )
    except (KombuError, RedisError, OSError) as error:
        raise Unavailable(f"the broker does not answer: {error}", where=BROKER_VARIABLE) from error
    workers = [
        Worker(
            name,
            str(own["host"]),
            datetime.fromtimestamp(own["since"], UTC),
            int(own["slots"]),
            [_what(task) for task in active.get(name, ())],
            [queue["name"] for queue in queues.get(name, ())],
            dict(own["versions"]),
        )
        for name, own in sorted(said.items())
        if isinstance(own, dict) and "versions" in own
    ]
    return Fleet(workers, waiting)


def _gather(replies: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    return {name: content for reply in replies or () for name, content in reply.items()}


def _what(task: Mapping[str, Any]) -> str:
    given = task.get("kwargs") or {}
    if "run_id" in given:
        return str(given["run_id"])
    packed = given.get("execute_step_args_packed") or {}
    return ", ".join(map(str, packed.get("step_keys_to_execute") or ["a step"]))
