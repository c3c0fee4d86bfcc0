"""Pods that find no room on a host: which wait for it, and which never get any."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from dagster import DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import MAX_RETRIES_TAG
from dagster_k8s.job import get_job_name_from_run_id

from argus_pipeline.dagster_parts import kubernetes_launcher
from benchmarks.chaos.ground import eventually
from benchmarks.cluster.cluster import Cluster

if TYPE_CHECKING:
    from argus_pipeline.dagster_parts.kubernetes_launcher import KubernetesLauncher

_HANDED_OUT_S: Final = 60.0
_SCHEDULED_S: Final = 5.0
_TOO_LARGE: Final = {"container_config": {"resources": {"requests": {"cpu": "500"}}}}


def waiting_counts_as_lost(cluster: Cluster) -> tuple[int, list[str]]:
    """How many runs wait for room while others are at work, and those that count as lost by it."""
    waiting = cluster.pods_without_host()
    handed_out = cluster.instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTING]))
    runs = [run for run in handed_out if get_job_name_from_run_id(run.run_id) in waiting]
    with _long_after(cluster) as launcher:
        found = [launcher.check_run_worker_health(run) for run in runs]
    return len(runs), [
        f"a run that waited for room counts as lost: {one.msg}"
        for one in found
        if one.status is WorkerStatus.FAILED
    ]


def will_not_begin_is_not_said(cluster: Cluster) -> list[str]:
    """What is wrong with runs that will never begin, while no other is at work; empty is well."""
    return [*_too_large(cluster), *_without_job(cluster)]


def _too_large(cluster: Cluster) -> list[str]:
    asked = {"dagster-k8s/config": json.dumps(_TOO_LARGE)}
    run = _added(cluster, DagsterRunStatus.QUEUED, asked)
    job = get_job_name_from_run_id(run.run_id)
    if not eventually(lambda: job in cluster.jobs_at_work(), _HANDED_OUT_S):
        return ["a run that is too large was not handed out"]
    time.sleep(_SCHEDULED_S)
    said = _said(cluster, run)
    wrong = [] if "Insufficient cpu" in said else [f"of a run that is too large it says {said}"]
    if not eventually(lambda: job not in cluster.jobs_at_work(), _HANDED_OUT_S):
        wrong.append("the Job of a run that is too large was left")
    return wrong


def _without_job(cluster: Cluster) -> list[str]:
    run = _added(cluster, DagsterRunStatus.STARTING, {})
    cluster.instance.report_engine_event("Its Job is to be made.", run)
    said = _said(cluster, run)
    return [] if "is gone" in said else [f"of a run whose Job nobody makes it says {said}"]


def _added(cluster: Cluster, status: DagsterRunStatus, tags: Mapping[str, str]) -> DagsterRun:
    """A run like one that there was, of no batch, and not to be tried again."""
    [like] = cluster.instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.SUCCESS]), limit=1)
    given = {**tags, MAX_RETRIES_TAG: "0"}
    run = like._replace(run_id=str(uuid.uuid4()), status=status, tags=given)
    return cluster.instance.add_run(run)


def _said(cluster: Cluster, run: DagsterRun) -> str:
    """Why a run counts as lost; it has failed then."""
    now = cluster.instance.get_run_by_id(run.run_id)
    assert now is not None

    def lost() -> str | None:
        health = launcher.check_run_worker_health(now)
        return health.msg if health.status is WorkerStatus.FAILED else None

    with _long_after(cluster) as launcher:
        # A pod of a schedule may be at work.
        said = eventually(lost, _HANDED_OUT_S, 2.0)
    cluster.instance.report_run_failed(now, said)
    return said or "nothing"


@contextmanager
def _long_after(cluster: Cluster) -> Iterator[KubernetesLauncher]:
    """The launcher, to which all runs look as if they had been silent for long."""
    with patch.dict(os.environ, cluster.environment):
        launcher = cluster.instance.run_launcher
    assert isinstance(launcher, kubernetes_launcher.KubernetesLauncher)
    with (
        patch.object(kubernetes_launcher, "BEGIN_WITHIN", timedelta(0)),
        patch.object(kubernetes_launcher, "JOB_WITHIN", timedelta(0)),
    ):
        yield launcher
