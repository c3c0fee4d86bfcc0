"""Dagster's launcher of runs as Kubernetes Jobs, with pods by the size of the batch."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from dagster import DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster_k8s import K8sRunLauncher
from dagster_k8s.client import (
    DagsterK8sAPIRetryLimitExceeded,
    DagsterK8sUnrecoverableAPIError,
)
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import UserDefinedDagsterK8sConfig, get_job_name_from_run_id
from typing_extensions import override
from urllib3.exceptions import HTTPError

from argus_pipeline.engine.kubernetes import priority_class, resources_for
from argus_pipeline.engine.pods import BEGIN_WITHIN, JOB_WITHIN, has_host, why_lost, why_not_begun
from argus_pipeline.errors import Unavailable
from argus_pipeline.patience import patiently
from argus_pipeline.run_records import silent_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubernetes.client import V1JobStatus

# Meanwhile nothing else could be handed out.
_LAUNCH_WAIT_S: Final = 2.0
_MOST_SAID: Final = 4000
_OF_RUNS: Final = "app.kubernetes.io/component=run_worker"
_log = logging.getLogger(__name__)


class KubernetesLauncher(K8sRunLauncher):
    """Creates a Job for each run, and tells a lost pod from an API server that is away.

    The original takes a run for lost when the API server does not answer.
    """

    @override
    def get_container_context_for_run(self, dagster_run: DagsterRun) -> K8sContainerContext:
        """What the run's pod is: by the size and the priority of its batch.

        The run's own tag has the last word.

        Raises:
            Exception: the tag asks for what it may not say, such as another image.
        """
        usual = super().get_container_context_for_run(dagster_run)
        said = K8sContainerContext.create_for_run(dagster_run, None, include_run_tags=True)
        container = {"resources": resources_for(dagster_run.tags)}
        pod = {"priority_class_name": priority_class(dagster_run.tags)}
        more = UserDefinedDagsterK8sConfig(
            container_config=_unless_said(container, said.run_k8s_config.container_config),
            pod_spec_config=_unless_said(pod, said.run_k8s_config.pod_spec_config),
        )
        return usual.merge(K8sContainerContext(run_k8s_config=more))

    @override
    def launch_run(self, context: LaunchRunContext) -> None:
        """Create the Job of a run, and wait for the API server while it is away.

        Raises:
            Unavailable: it was away for too long. For Dagster the run has failed by that.
            Exception: of Kubernetes' client; it has, too.
        """
        launch = super().launch_run

        def create() -> None:
            now = self._instance.get_run_by_id(context.dagster_run.run_id)
            if now is None or now.is_finished:
                return  # A person ended it meanwhile.
            try:
                launch(context)
            except DagsterK8sUnrecoverableAPIError as error:
                if getattr(error.k8s_api_exception, "status", None) != HTTPStatus.CONFLICT:
                    raise
                # It was created, and the answer was lost.
            except (DagsterK8sAPIRetryLimitExceeded, HTTPError) as error:
                # Whoever looks sees that it is not forgotten.
                said = f"the API server does not answer: {error}"
                self._instance.report_engine_event(said, context.dagster_run, cls=type(self))
                raise Unavailable(said) from error

        patiently(create, longest_wait_s=_LAUNCH_WAIT_S)

    @property
    @override
    def supports_resume_run(self) -> bool:
        """A run starts anew with all its steps: finished recordings are kept anyway."""
        return False

    @property
    @override
    def supports_run_worker_crash_recovery(self) -> bool:
        """As above; Dagster would count attempts to resume."""
        return False

    @override
    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the pod of a run goes on, or may still begin.

        The Job of a run that will not begin is deleted: else it would once there is room, when
        nobody waits for it any more.
        """
        namespace = str(self.get_container_context_for_run(run).namespace)
        job = get_job_name_from_run_id(run.run_id)
        starting = run.status is DagsterRunStatus.STARTING
        try:
            status = self._api_client.get_job_status(namespace=namespace, job_name=job)
            why = _why_over(status)
            to_begin = starting and (status is None or why is None)
            if to_begin:
                why = self._why_not_begun(run, status, namespace, job)
            if why is None:
                return CheckRunHealthResult(WorkerStatus.RUNNING)
            now = self._instance.get_run_by_id(run.run_id)
            if now is None or now.status is not run.status:
                # It went on while the API server was asked.
                over = now is None or now.is_finished
                return CheckRunHealthResult(WorkerStatus.SUCCESS if over else WorkerStatus.RUNNING)
            if starting:
                # Of one that has begun, Dagster asks by itself.
                why = f"{why}\n{self._more_of(run)}"
                self._instance.report_engine_event(f"It is lost: {why}", run, cls=type(self))
            if to_begin:
                self._api_client.delete_job(job_name=job, namespace=namespace)
        except Exception as error:  # of the client, of the network, or of the server
            # While nobody can tell, nothing counts as lost.
            said = f"the API server cannot be asked: {type(error).__name__}: {error}"
            _log.warning("run %s: %s", run.run_id, said)
            return CheckRunHealthResult(WorkerStatus.RUNNING, said)
        return CheckRunHealthResult(WorkerStatus.FAILED, why)

    def _why_not_begun(
        self, run: DagsterRun, status: V1JobStatus | None, namespace: str, job: str
    ) -> str | None:
        now = datetime.now(UTC)
        silent = silent_for(self._instance, run, now)
        if status is None:
            gone = "it has no Job: that was deleted, or whoever was to make it is gone"
            return gone if silent > JOB_WITHIN else None
        if silent < BEGIN_WITHIN:
            return None
        others = self._api_client.core_api.list_namespaced_pod(
            namespace,
            label_selector=f"{_OF_RUNS},job-name!={job}",
            field_selector="status.phase!=Succeeded,status.phase!=Failed",
        )
        lately = RunsFilter(statuses=[DagsterRunStatus.SUCCESS], updated_after=now - BEGIN_WITHIN)
        at_work = any(map(has_host, others.items)) or self._instance.get_runs_count(lately) > 0
        pods = self._api_client.get_pods_in_job(job_name=job, namespace=namespace)
        return why_not_begun(pods[0] if pods else None, now, others_at_work=at_work)

    def _more_of(self, run: DagsterRun) -> str:
        """What scheduler, host and Job controller say, in events and logs."""
        try:
            return (self.get_run_worker_debug_info(run) or "")[:_MOST_SAID]
        except Exception as error:  # the same, or where something is missing in what it says
            return f"Nothing more could be asked: {type(error).__name__}: {error}"


def _why_over(status: V1JobStatus | None) -> str | None:
    if status is not None and status.succeeded:
        # Its process ended well. Should the run not have, its state says so a moment later.
        return "its pod ended, and the run had not"
    return why_lost(status)


def _unless_said(ours: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in ours.items() if v is not None and k not in said}
