"""Whether the pod of a run does its work, by what the API server says of it. Pure decisions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from kubernetes.client import V1Pod, V1PodCondition

JOB_WITHIN: Final = timedelta(minutes=2)
"""From the last try to make the Job of a run, each of which is noted, until there is one."""
BEGIN_WITHIN: Final = timedelta(minutes=10)
"""From when its pod has a host until a run begins: an image may have to be fetched."""


def why_lost(status: Any) -> str | None:
    """Why the pod of a Job does no more work, None where it may.

    Args:
        status: the Job's, or None where there is no Job any more.
    """
    if status is None:
        return "its Job was deleted"
    if status.active or status.succeeded:
        return None
    if status.failed:
        return "its pod failed, or was lost with its host"
    if status.terminating:
        # A lost host never confirms that the pod has ended.
        return "its pod was ended: evicted, preempted, or lost with its host"
    return None


def why_not_begun(pod: V1Pod | None, now: datetime, *, others_at_work: bool) -> str | None:
    """Why a run that was handed out `BEGIN_WITHIN` ago will not begin, None where it still may.

    A pod waits for room on a host for as long as it takes, while others of Argus are at work and
    will make room. Where none is, nothing changes by waiting.

    Args:
        pod: the run's, None where its Job has none.
        now: the present time.
        others_at_work: whether pods of other runs are running.
    """
    if pod is None:
        return "its Job has no pod"
    placed = _placed(pod)
    if placed is None or placed.status != "True":
        if others_at_work:
            return None
        said = placed.message if placed is not None else "the scheduler has not looked at it"
        return f"its pod finds no room on a host, and no other run will make any: {said}"
    since = now - placed.last_transition_time
    if since < BEGIN_WITHIN:
        return None
    minutes = since.total_seconds() / 60
    return (
        f"its pod has been on {pod.spec.node_name} for {minutes:.0f} minutes, and the run has not "
        f"begun{_waits_for(pod)}"
    )


def _placed(pod: V1Pod) -> V1PodCondition | None:
    conditions = pod.status.conditions or ()
    return next((one for one in conditions if one.type == "PodScheduled"), None)


def _waits_for(pod: V1Pod) -> str:
    waiting = [
        one.state.waiting
        for one in pod.status.container_statuses or ()
        if one.state is not None and one.state.waiting is not None
    ]
    return "".join(f": {one.reason}: {one.message or 'no more is said'}" for one in waiting)
