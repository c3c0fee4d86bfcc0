"""Dagster's launcher of runs as Kubernetes Jobs, with pods by the size of the batch."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from dagster import DagsterRun, DagsterRunStatus
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
from argus_pipeline.errors import Unavailable
from argus_pipeline.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubernetes.client import V1JobStatus

# Meanwhile nothing else could be handed out.
_LAUNCH_WAIT_S: Final = 2.0
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
            try:
                launch(context)
            except DagsterK8sUnrecoverableAPIError as error:
                if getattr(error.k8s_api_exception, "status", None) != HTTPStatus.CONFLICT:
                    raise
                # It was created, and the answer was lost.
            except (DagsterK8sAPIRetryLimitExceeded, HTTPError) as error:
                _log.warning("the API server is away: %s", error)
                raise Unavailable(f"the API server does not answer: {error}") from error

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
        """Whether the pod of a run goes on, as its Job says."""
        try:
            status = self._job_status(run)
        except Exception as error:  # of the client, of the network, or of the server
            # While nobody can tell, nothing counts as lost.
            return CheckRunHealthResult(
                WorkerStatus.RUNNING, f"the API server cannot be asked: {type(error).__name__}"
            )
        if status is None and run.status is DagsterRunStatus.STARTING:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "its Job may not be there yet")
        why = why_lost(status)
        if why is not None:
            return self._unless_finished(run, why)
        if status is not None and status.succeeded:
            # Its process ended well. Should the run not have, its state says so a moment later.
            return self._unless_finished(run, "its pod ended, and the run had not")
        return CheckRunHealthResult(WorkerStatus.RUNNING)

    def _job_status(self, run: DagsterRun) -> V1JobStatus | None:
        namespace = self.get_container_context_for_run(run).namespace
        status: V1JobStatus | None = self._api_client.get_job_status(
            namespace=namespace, job_name=get_job_name_from_run_id(run.run_id)
        )
        return status

    def _unless_finished(self, run: DagsterRun, why: str) -> CheckRunHealthResult:
        now = self._instance.get_run_by_id(run.run_id)
        if now is None or now.is_finished:
            # It ended while the API server was asked.
            return CheckRunHealthResult(WorkerStatus.SUCCESS)
        return CheckRunHealthResult(WorkerStatus.FAILED, why)


def _unless_said(ours: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in ours.items() if v is not None and k not in said}


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
