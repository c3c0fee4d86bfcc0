"""What became of runs that were lost: when their batches ran again, and what they waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from argus_pipeline.batches.limits import read_limits
from argus_pipeline.engine.queues import LARGE_TAG
from argus_pipeline.run_records import PARTITION_TAG, RETRY_NUMBER_TAG

LIMITS: Final = {"ARGUS_LIMIT_BACK_OFF_SECONDS": "5"}
"""Of the stacks that lose runs: short pauses between attempts."""
BAR_S: Final = 90.0
"""From a loss until the batch runs again."""
_LOOKS_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class RanAgain:
    """A batch whose run was lost.

    Attributes:
        batch: its id.
        seconds: from the loss until it ran again, or came through after all; None where it did not.
        run_id: of the run by which it did, or is to.
        waited_s: what of it does not count: the batch waited on purpose, or for room in a cluster.
        story: when the loss was found and what followed, in seconds after it.
    """

    batch: str
    seconds: float | None
    run_id: str
    waited_s: float
    story: str

    @property
    def problem(self) -> str | None:
        """That it ran again too late."""
        if self.seconds is None:
            return f"{self.batch} did not run again"
        if self.seconds > BAR_S + self.waited_s:
            return f"{self.batch} ran again after {self.seconds:.0f} s"
        return None


def watch(
    instance: DagsterInstance,
    lost: Sequence[DagsterRun],
    longest_s: float,
    is_over: Callable[[], bool] = lambda: False,
) -> Iterator[RanAgain]:
    """Each batch as it runs again, and in the end those that did not.

    Args:
        instance: Dagster's records.
        lost: the runs, lost just now; those that are not of a batch are left alone.
        longest_s: wait no longer.
        is_over: asked meanwhile; nobody waits any more.
    """
    began, moment = time.monotonic(), time.time()
    waiting = {run.tags[PARTITION_TAG]: run for run in lost if PARTITION_TAG in run.tags}
    while waiting and not is_over() and time.monotonic() - began < longest_s:
        for batch, run in list(waiting.items()):
            newest = _newest(instance, batch)
            ran = newest.run_id != run.run_id and newest.status is DagsterRunStatus.STARTED
            if ran or newest.status is DagsterRunStatus.SUCCESS:
                del waiting[batch]
                seconds = time.monotonic() - began
                yield _became(instance, run, newest, moment, seconds)
        time.sleep(_LOOKS_S)
    for batch, run in waiting.items():
        yield _became(instance, run, _newest(instance, batch), moment, None)


def _newest(instance: DagsterInstance, batch: str) -> DagsterRun:
    [newest] = instance.get_runs(RunsFilter(tags={PARTITION_TAG: batch}), limit=1)
    return newest


def _became(
    instance: DagsterInstance,
    lost: DagsterRun,
    newest: DagsterRun,
    moment: float,
    seconds: float | None,
) -> RanAgain:
    # While Dagster has attempts left there is no pause. After that it may be the batch that ends
    # its hosts.
    tried_again = int(lost.tags.get(RETRY_NUMBER_TAG, "0"))
    pause_s = 0.0
    if tried_again >= instance.run_retries_max_retries:
        pause_s = read_limits(LIMITS).back_off(tried_again + 1).total_seconds()
    batch = lost.tags[PARTITION_TAG]
    if newest.run_id == lost.run_id and newest.status is DagsterRunStatus.SUCCESS:
        return RanAgain(batch, seconds, newest.run_id, pause_s, "came through after all")
    said = ["large" if LARGE_TAG in lost.tags else "small", f"attempt {tried_again + 1} was lost"]
    steps = (
        (lost, DagsterEventType.PIPELINE_FAILURE, "found"),
        (newest, DagsterEventType.PIPELINE_ENQUEUED, "queued again"),
        (newest, DagsterEventType.PIPELINE_STARTING, "handed out"),
        (newest, DagsterEventType.PIPELINE_START, "begun"),
    )
    for run, kind, name in steps:
        found = instance.get_records_for_run(run.run_id, of_type=kind, limit=1).records
        said += [f"{name} after {one.timestamp - moment:.0f} s" for one in found]
    if pause_s:
        said.append(f"a pause of {pause_s:.0f} s among it")
    return RanAgain(batch, seconds, newest.run_id, pause_s, ", ".join(said))
