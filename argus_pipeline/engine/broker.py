"""The Celery app that launcher, executor and workers share: how tasks travel over Redis."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from argus_pipeline.engine.queues import Queue

if TYPE_CHECKING:
    from celery import Celery

RESULTS_KEPT_S: Final = 3600


def configuration(url: str) -> dict[str, Any]:
    """Celery's settings, each with its reason."""
    return {
        "broker_url": url,
        "result_backend": url,
        "task_default_queue": Queue.RUNS.value,
        # Early acknowledgement: a task that is delivered a second time is a run that Dagster
        # ignores, so its loss would never show. Lost runs are requested again by Dagster.
        "task_acks_late": False,
        "task_track_started": True,
        "result_expires": RESULTS_KEPT_S,
        # Nothing waits at a worker that is busy, where no other can take it.
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        # Never give up: a broker that is away for an hour is no reason to restart workers by hand.
        "broker_connection_max_retries": None,
        "broker_connection_retry_on_startup": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "broker_transport_options": {
            # The queues in the order that the worker names them, and not in turn.
            "queue_order_strategy": "priority",
            "priority_steps": [0],
            "health_check_interval": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            # What a worker had fetched and not begun when its host was lost.
            "visibility_timeout": 300,
        },
        "redis_backend_health_check_interval": 10,
        "redis_socket_connect_timeout": 5,
        "redis_retry_on_timeout": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
    }


def waiting_tasks(app: Celery) -> set[str]:
    """The ids of the tasks that lie in the queues, or were fetched and not begun.

    Few: Dagster hands out only so many runs at once.

    Raises:
        kombu.exceptions.OperationalError, redis.exceptions.RedisError: the broker is away.
    """
    with app.connection_for_read() as connection:
        client = connection.default_channel.client
        waiting = [json.loads(m) for queue in Queue for m in client.lrange(queue.value, 0, -1)]
        # Each with the names of its exchange and its queue behind it.
        fetched = [json.loads(m)[0] for m in client.hvals("unacked")]
    return {message["headers"]["id"] for message in [*waiting, *fetched]}


def is_waiting(app: Celery, task: str) -> bool:
    """Whether a task lies in a queue; true, too, while the broker is away and nobody can tell."""
    from kombu.exceptions import KombuError
    from redis.exceptions import RedisError

    try:
        return task in waiting_tasks(app)
    except (KombuError, RedisError, OSError):
        return True


def make_app(url: str) -> Celery:
    """A Celery app at a broker. It connects when it is first used."""
    from celery import Celery
    from kombu.entity import Exchange
    from kombu.entity import Queue as Bound

    app = Celery("argus", set_as_current=False)
    app.config_from_object(configuration(url))
    # With the usual exchange for all, a task would reach every queue.
    app.conf.task_queues = [Bound(q.value, Exchange(q.value), routing_key=q.value) for q in Queue]
    return app
