"""Queues on a real Redis: what is urgent overtakes, and each task is in its own queue only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import dagster as dg
import pytest
from dagster._core.launcher import LaunchRunContext, WorkerStatus
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from redis import Redis as Client

from argus_pipeline.dagster_parts import celery_launcher, steps
from argus_pipeline.dagster_parts.celery_launcher import CeleryLauncher
from argus_pipeline.engine.broker import is_waiting, waiting_tasks
from argus_pipeline.engine.queues import WORK, Queue
from argus_pipeline.engine.roll_call import RollCall, asking
from argus_pipeline.errors import Unavailable
from argus_pipeline.run_records import WORKER_TAG, lost_runs
from argus_pipeline.stack.doctor import check_workers
from argus_pipeline.stack.findings import Level
from argus_pipeline.stack.redis import KEEPALIVE_S, Redis, ping

pytestmark = pytest.mark.skipif(
    not (shutil.which("redis-server") or shutil.which("valkey-server")),
    reason="no redis-server here: apt install redis-server",
)


STARTING = dg.DagsterRunStatus.STARTING


@dg.job
def nothing() -> None: ...


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    folder = tmp_path_factory.mktemp("redis")
    server = Redis(folder, log=folder / "redis.log")
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def app(redis: Redis):
    from argus_pipeline.engine.broker import make_app

    app = make_app(redis.url)
    with app.connection_for_write() as connection:
        for queue in Queue:
            connection.default_channel.queue_purge(queue.value)
    return app


def launcher_at(redis: Redis) -> CeleryLauncher:
    return CeleryLauncher(default_queue="none", broker=redis.url, backend=redis.url)


def received(app, count: int) -> list[str]:
    """The queues of the next messages, as a worker with one slot takes them."""
    found: list[str] = []

    def take(_body: object, message) -> None:
        found.append(message.delivery_info["routing_key"])
        message.ack()

    with app.connection_for_read() as connection:
        queues = [app.amqp.queues[queue.value] for queue in WORK]
        with connection.Consumer(queues, callbacks=[take], prefetch_count=1):
            while len(found) < count:
                connection.drain_events(timeout=10)
    return found


def test_an_urgent_run_overtakes_a_thousand_that_wait(app) -> None:
    for _ in range(1000):
        app.send_task("t", queue=Queue.RUNS.value)
    app.send_task("t", queue=Queue.URGENT.value)
    assert received(app, 2) == [Queue.URGENT, Queue.RUNS]


def test_queues_are_served_in_the_order_in_which_they_are_written(app) -> None:
    for queue in reversed(WORK):
        for _ in range(3):
            app.send_task("t", queue=queue.value)
    assert received(app, 12) == [queue for queue in WORK for _ in range(3)]


def test_a_task_is_in_its_own_queue_only(app) -> None:
    app.send_task("t", queue=Queue.LEADS.value)
    with app.connection_for_read() as connection:
        client = connection.default_channel.client
        assert {q: client.llen(q.value) for q in Queue if client.llen(q.value)} == {Queue.LEADS: 1}


def test_it_is_known_which_tasks_wait_also_one_that_was_fetched_and_not_begun(app) -> None:
    assert waiting_tasks(app) == set()
    first, second = (app.send_task("t", queue=Queue.RUNS.value).id for _ in range(2))
    assert waiting_tasks(app) == {first, second}
    with app.connection_for_read() as connection:
        held = connection.default_channel.basic_get(Queue.RUNS.value, no_ack=False)
        assert held is not None
        assert waiting_tasks(app) == {first, second}
        connection.default_channel.basic_ack(held.delivery_tag)
        assert waiting_tasks(app) == {second}


def test_a_run_that_is_tried_again_waits_though_the_worker_that_lost_it_is_gone(
    app, redis: Redis
) -> None:
    launcher = launcher_at(redis)
    task = app.send_task("t", queue=Queue.RUNS.value).id
    # Dagster gives it the tags of the lost run.
    tags = {WORKER_TAG: "w.work@gone", DAGSTER_CELERY_TASK_ID_TAG: task}
    with dg.DagsterInstance.ephemeral() as instance:
        launcher.register_instance(instance)
        run = instance.create_run_for_job(nothing, tags=tags, status=STARTING)
        health = launcher.check_run_worker_health(run)
    assert (health.status, health.msg) == (WorkerStatus.RUNNING, "waits for a worker")


def test_a_run_that_nobody_hands_out_any_more_is_lost(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = launcher_at(redis)
    with dg.DagsterInstance.ephemeral() as instance:
        launcher.register_instance(instance)
        run = instance.create_run_for_job(nothing, status=STARTING)
        instance.report_engine_event("To be handed out.", run)
        assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
        monkeypatch.setattr(celery_launcher, "_SENT_WITHIN", timedelta(0))
        health = launcher.check_run_worker_health(run)
    assert (health.status, health.msg) == (
        WorkerStatus.FAILED,
        "whoever was to hand it out is gone",
    )


def test_a_run_that_was_made_and_never_queued_is_lost(redis: Redis) -> None:
    now = datetime.now(UTC)
    with dg.DagsterInstance.ephemeral() as instance:
        instance._run_launcher = launcher_at(redis)
        instance._run_launcher.register_instance(instance)
        run = instance.create_run_for_job(nothing)
        assert list(lost_runs(instance, now, 10)) == []
        [(lost, why)] = lost_runs(instance, now + timedelta(minutes=11), 10)
    assert (lost.run_id, "never queued" in why) == (run.run_id, True)


def test_the_id_of_its_task_is_noted_before_a_worker_can_have_it(
    app, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = launcher_at(redis)
    with dg.DagsterInstance.ephemeral() as instance:
        launcher.register_instance(instance)
        run = instance.create_run_for_job(nothing)
        noted, send = [], launcher.celery.send_task

        def send_task(*args: object, **given: object) -> object:
            noted.append(instance.get_run_by_id(run.run_id).tags[DAGSTER_CELERY_TASK_ID_TAG])
            return send(*args, **given)

        monkeypatch.setattr(launcher.celery, "send_task", send_task)
        launcher.launch_run(LaunchRunContext(run, None))
    assert waiting_tasks(app) == set(noted)


def test_a_run_that_was_lost_on_its_way_is_found_though_each_look_has_a_new_launcher(
    app, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher_at(redis)._roll_call, "silent_s", 0.2)
    with dg.DagsterInstance.ephemeral() as instance:
        tags = {DAGSTER_CELERY_TASK_ID_TAG: "popped-and-gone"}
        run = instance.create_run_for_job(nothing, tags=tags, status=STARTING)

        def look() -> WorkerStatus:
            launcher = launcher_at(redis)
            launcher.register_instance(instance)
            return launcher.check_run_worker_health(run).status

        assert look() is WorkerStatus.RUNNING, "it may just be between queue and worker"
        _wait_for(lambda: look() is WorkerStatus.FAILED)


def test_a_step_that_was_lost_on_its_way_to_a_worker_is_noticed(
    app, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_LOOKS_AFTER_S", 0.0)
    sent = app.send_task("t", queue=Queue.SHARDS.value)
    roll_call = RollCall(asking(app), silent_s=0.2)
    looked_after = steps.LookedAfter(sent, roll_call, lambda: is_waiting(app, sent.id))
    for _ in range(3):
        assert not looked_after.ready()
    with app.connection_for_write() as connection:
        # As Redis does for a connection whose host is gone.
        assert connection.default_channel.client.lpop(Queue.SHARDS.value)
    _wait_for(looked_after.ready)
    with pytest.raises(Unavailable, match="the step was lost"):
        looked_after.get()


def test_doctor_warns_of_a_redis_that_gives_tasks_to_hosts_that_are_gone(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGUS_ENGINE", "celery")
    monkeypatch.setenv("ARGUS_BROKER_URL", redis.url)

    def warnings() -> list[str]:
        return [found.what for found in check_workers() if found.level is Level.WARN]

    assert warnings() == []
    client = Client.from_url(redis.url)
    client.config_set("tcp-keepalive", 300)
    try:
        [told] = warnings()
    finally:
        client.config_set("tcp-keepalive", KEEPALIVE_S)
        client.close()
    assert "tcp-keepalive is 300" in told


WORKER = """
from argus_pipeline.engine.broker import make_app
from argus_pipeline.engine.checked_task import CheckedTask
import os, pathlib

app = make_app(os.environ["ARGUS_BROKER_URL"])

@app.task(name="work", base=CheckedTask, ignore_result=True)
def work(name):
    pathlib.Path(name).touch()
"""


def test_a_worker_of_another_version_hands_back_what_it_took_and_stops(
    app, redis: Redis, tmp_path
) -> None:
    from argus_pipeline.engine.checked_task import HEADER, headers

    (tmp_path / "made_worker.py").write_text(WORKER)
    queue = Queue.RUNS.value
    other = {HEADER: {**headers()[HEADER], "parser": "0.0.1"}}
    command = [sys.executable, "-m", "celery", "-A", "made_worker", "worker"]
    more = ["--concurrency", "1", "--queues", queue, "--without-gossip", "--hostname", "w@%h"]
    environment = {**os.environ, "ARGUS_BROKER_URL": redis.url, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen([*command, *more], cwd=tmp_path, env=environment) as worker:
        try:
            send = partial(app.send_task, "work", queue=queue, ignore_result=True)
            send(args=["same"], headers=headers())
            _wait_for((tmp_path / "same").exists)
            refused = send(args=["other"], headers=other)
            assert worker.wait(30) == 0
        finally:
            worker.kill()
    assert waiting_tasks(app) == {refused.id}
    assert not (tmp_path / "other").exists()


def _wait_for(what, seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.1)


def test_nobody_gets_in_without_the_password(redis: Redis) -> None:
    assert ping(redis.url)
    address = redis.url.rpartition("@")[2]
    with pytest.raises(Unavailable, match=r"authenticated|Authentication"):
        ping(f"redis://{address}")


def test_its_password_is_for_its_owner_only(redis: Redis) -> None:
    secret = redis.url.split(":")[2].partition("@")[0]
    held = [path for path in redis.folder.rglob("*") if path.is_file()]
    holders = [path for path in held if secret.encode() in path.read_bytes()]
    assert holders
    assert all(path.stat().st_mode & 0o077 == 0 for path in holders)
    record = redis.running()
    assert record is not None
    import psutil

    assert secret not in " ".join(psutil.Process(record.pid).cmdline())


def test_it_keeps_its_port_and_its_tasks_over_a_restart(redis: Redis, app) -> None:
    app.send_task("t", queue=Queue.BULK.value)
    before = redis.url
    redis.stop()
    redis.start()
    assert redis.url == before
    with app.connection_for_read() as connection:
        assert connection.default_channel.client.llen(Queue.BULK.value) == 1
