"""Whether the pod of a run does its work, by what the API server says of it. Pure decisions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from kubernetes.client import V1Pod, V1PodCondition

JOB_WITHIN: Final = timedelta(minutes=5)
"""How long a run without a Job may be silent: each try to make one is noted, and one may take three
minutes."""
BEGIN_WITHIN: Final = timedelta(minutes=10)
"""How long a run may be silent that has a Job and has not begun, before anybody looks why; and how
long its pod may have had a host, which may have to fetch the image."""
ROOM_WITHIN: Final = timedelta(hours=12)
"""How long a pod waits for room at the most: it may be too large for any host."""


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

    A pod waits for room on a host while other runs are at work and will make some. Where none is,
    nothing changes by waiting.

    Args:
        pod: the run's, None where its Job has none.
        now: the present time.
        others_at_work: whether other runs have a host, or had one lately.
    """
    if pod is None:
        return "its Job has no pod"
    placed = _placed(pod)
    if placed is None or placed.status != "True":
        said = placed.message if placed is not None else "the scheduler has not looked at it"
        waited = now - pod.metadata.creation_timestamp
        if waited > ROOM_WITHIN:
            hours = waited.total_seconds() / 3600
            return f"its pod has found no room on a host for {hours:.0f} hours: {said}"
        if others_at_work:
            return None
        return f"its pod finds no room on a host, and no other run will make any: {said}"
    since = now - placed.last_transition_time
    if since < BEGIN_WITHIN:
        return None
    minutes = since.total_seconds() / 60
    return (
        f"its pod has been on {pod.spec.node_name} for {minutes:.0f} minutes, and the run has not "
        f"begun{_waits_for(pod)}"
    )


def has_host(pod: V1Pod) -> bool:
    """Whether a pod is at work on a host, or soon will be.

    Those of a lost host are to be ended, and stay so until it comes back or is taken away.
    """
    return pod.spec.node_name is not None and pod.metadata.deletion_timestamp is None


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
