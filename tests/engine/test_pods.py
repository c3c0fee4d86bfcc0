"""What the API server says of a pod, and what that means for its run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from kubernetes.client import (
    V1ContainerState,
    V1ContainerStateWaiting,
    V1ContainerStatus,
    V1JobStatus,
    V1ObjectMeta,
    V1Pod,
    V1PodCondition,
    V1PodSpec,
    V1PodStatus,
)

from argus_pipeline.engine.pods import why_lost, why_not_begun

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
FULL = "0/3 nodes are available: 3 Insufficient cpu."


@pytest.mark.parametrize(
    ("status", "lost"),
    [
        (None, "deleted"),
        (V1JobStatus(active=1), None),
        (V1JobStatus(active=1, failed=1), None),
        (V1JobStatus(failed=1), "failed"),
        (V1JobStatus(terminating=1), "evicted"),
        (V1JobStatus(), None),  # its pod is not made yet
        (V1JobStatus(succeeded=1), None),
    ],
)
def test_a_pod_is_lost_when_its_job_has_none_at_work_any_more(
    status: V1JobStatus | None, lost: str | None
) -> None:
    why = why_lost(status)
    assert why is None if lost is None else lost in str(why)


def pod(placed: bool, *, minutes: float = 30, waiting: str | None = None) -> V1Pod:
    condition = V1PodCondition(
        type="PodScheduled",
        status="True" if placed else "False",
        message=None if placed else FULL,
        last_transition_time=NOW - timedelta(minutes=minutes),
    )
    state = V1ContainerState(waiting=V1ContainerStateWaiting(reason=waiting)) if waiting else None
    container = V1ContainerStatus(
        image="argus", image_id="", name="dagster", ready=False, restart_count=0, state=state
    )
    return V1Pod(
        metadata=V1ObjectMeta(creation_timestamp=NOW - timedelta(minutes=minutes)),
        spec=V1PodSpec(containers=[], node_name="node-1" if placed else None),
        status=V1PodStatus(conditions=[condition], container_statuses=[container]),
    )


def test_a_pod_waits_for_room_while_other_runs_will_make_some() -> None:
    assert why_not_begun(pod(placed=False), NOW, others_at_work=True) is None


def test_where_nothing_will_make_room_it_is_said_what_the_scheduler_says() -> None:
    assert FULL in str(why_not_begun(pod(placed=False), NOW, others_at_work=False))
    unseen = pod(placed=False)
    unseen.status = V1PodStatus()
    assert "not looked at" in str(why_not_begun(unseen, NOW, others_at_work=False))


def test_a_pod_that_is_too_large_for_any_host_does_not_wait_for_ever() -> None:
    why = why_not_begun(pod(placed=False, minutes=13 * 60), NOW, others_at_work=True)
    assert f"no room on a host for 13 hours: {FULL}" in str(why)


def test_a_pod_that_just_got_its_host_may_still_fetch_its_image() -> None:
    fetching = pod(placed=True, minutes=9, waiting="ContainerCreating")
    assert why_not_begun(fetching, NOW, others_at_work=False) is None


def test_a_pod_that_does_not_begin_on_its_host_is_said_to_wait_for_what_it_does() -> None:
    stuck = pod(placed=True, minutes=11, waiting="ImagePullBackOff")
    why = str(why_not_begun(stuck, NOW, others_at_work=True))
    assert "on node-1 for 11 minutes" in why
    assert "ImagePullBackOff" in why


def test_a_job_without_a_pod_waits_for_nothing_that_would_come() -> None:
    assert why_not_begun(None, NOW, others_at_work=True) == "its Job has no pod"
