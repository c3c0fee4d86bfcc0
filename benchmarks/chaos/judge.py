"""Was anything lost? What has to hold after each round, whatever broke."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dagster import DagsterRunStatus, RunsFilter
from sqlalchemy import Engine

from argus_pipeline.batches import given_up
from argus_pipeline.run_records import JOB, MANIFEST_ETAG_TAG, PARTITION_TAG, runs_of
from argus_pipeline.storage import keys
from benchmarks.chaos import workers
from benchmarks.chaos.fleet import Named
from benchmarks.chaos.ground import Ground
from benchmarks.chaos.outputs import differences, read_outputs

if TYPE_CHECKING:
    from dagster import DagsterInstance

_UNFINISHED: Final = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
_SHOWN: Final = 4
_LONG_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Expected:
    """A batch of a round and how it may end.

    Attributes:
        named: the batch.
        reference: its outputs undisturbed, or None where it has no counterpart.
        may_give_up: words of the only reasons for which it may be given up; none means never.
        check: more that has to hold, as problems; asked once it is done.
    """

    named: Named
    reference: Mapping[str, str] | None
    may_give_up: Sequence[str] = ()
    check: Callable[[Ground], Sequence[str]] | None = None


@dataclass(slots=True)
class Verdict:
    """What came of one round. It is well when there are no `problems`."""

    equal: int = 0
    given_up: int = 0
    attempts: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def settled(ground: Ground, batches: Sequence[Expected]) -> list[str]:
    """The batches that are neither done nor given up."""
    instance, store = ground.instance, ground.store
    listed = set(given_up.list_given_up(store))
    waiting = []
    for one in batches:
        runs = runs_of(instance, one.named.batch)
        going_on = any(not record.dagster_run.is_finished for record in runs)
        came_through = bool(runs) and runs[0].dagster_run.status is DagsterRunStatus.SUCCESS
        if going_on or not (came_through or one.named.batch in listed):
            waiting.append(one.named.batch)
    return waiting


def quiet(ground: Ground, *, all_of_it: bool = False) -> list[str]:
    """What is still going on or taken: runs, slots of pools, processes.

    Roll-ups follow the batches again and again. One that goes on is nothing to wait for unless
    `all_of_it` is asked for; one that goes on for long is stuck.
    """
    instance, now = ground.instance, time.time()
    found, others = [], 0
    for record in instance.get_run_records(RunsFilter(statuses=_UNFINISHED), limit=20):
        run = record.dagster_run
        age = now - record.create_timestamp.timestamp()
        if all_of_it or run.job_name == JOB or age > _LONG_S:
            name = run.tags.get(PARTITION_TAG) or run.job_name
            found.append(f"run {run.run_id} of {name} is {run.status.value} for {age:.0f} s")
        else:
            others += 1
    found += slots(instance)
    if not others:
        found += [f"a worker is left: {one.pid}" for one in workers.run_workers(ground.stack)]
    return found + [f"a process is left: {one}" for one in workers.strays(ground.stack)]


def slots(instance: DagsterInstance) -> list[str]:
    """The slots of pools that are taken, and steps that wait for one."""
    storage = instance.event_log_storage
    found = []
    for pool in storage.get_concurrency_keys():
        info = storage.get_concurrency_info(pool)
        found += [f"a slot of pool {pool} is taken by run {s.run_id}" for s in info.claimed_slots]
        found += [f"a step of run {s.run_id} waits for pool {pool}" for s in info.pending_steps]
    return found


def judge(ground: Ground, engine: Engine, batches: Sequence[Expected]) -> Verdict:
    """Look at everything that is left of a round, once it is settled and quiet."""
    verdict = Verdict()
    for one in batches:
        _judge_batch(ground, engine, one, verdict)
    uploads = ground.store.client.list_multipart_uploads(Bucket=ground.store.bucket)
    verdict.problems += [
        f"an unfinished multipart upload is left: {upload['Key']}"
        for upload in uploads.get("Uploads", ())
    ]
    return verdict


def _judge_batch(ground: Ground, engine: Engine, one: Expected, verdict: Verdict) -> None:
    batch = one.named.batch
    runs = runs_of(ground.instance, batch)
    verdict.attempts += len(runs)
    came_through = Counter(
        record.dagster_run.tags.get(MANIFEST_ETAG_TAG)
        for record in runs
        if record.dagster_run.status is DagsterRunStatus.SUCCESS
    )
    if any(times > 1 for times in came_through.values()):
        verdict.problems.append(f"{batch} came through {max(came_through.values())} times")
    record = given_up.read_given_up(ground.store, batch)
    if record is not None:
        verdict.given_up += 1
        verdict.reasons.append(record.reason)
        if not any(word in record.reason for word in one.may_give_up):
            verdict.problems.append(f"{batch} was given up: {record.reason}")
        return
    if not came_through:
        verdict.problems.append(f"{batch} is lost: neither done nor given up ({len(runs)} runs)")
        return
    more = list(one.check(ground)) if one.check else []
    if one.reference is not None:
        more += differences(one.reference, read_outputs(ground.store, engine, one.named))
    if ground.store.head(keys.report(batch, "json")) is None:
        more.append("no report")
    if not more:
        verdict.equal += 1
        return
    beyond = f" and {len(more) - _SHOWN} more" if len(more) > _SHOWN else ""
    verdict.problems.append(f"{batch}: {'; '.join(more[:_SHOWN])}{beyond}")


def asked(what: Callable[[], Sequence[str]]) -> Sequence[str]:
    """The problems that it finds, or that it cannot be asked: the others are told all the same."""
    try:
        return what()
    except Exception as error:  # of any of the parts that are being broken
        return [f"cannot be asked: {type(error).__name__}: {error}"]


def wait_for_none(what: Callable[[], Sequence[str]], seconds: float) -> Sequence[str]:
    """Ask until nothing is left or the time is over; the last answer.

    An answer that cannot be had, since the database was just killed, counts as one that is not
    there yet.
    """
    until = time.monotonic() + seconds
    while True:
        left = asked(what)
        if not left or time.monotonic() > until:
            return left
        time.sleep(1.0)
