"""Dagster's launcher of runs as Kubernetes Jobs, with pods by the size of the batch."""

from __future__ import annotations

from datetime import UTC, datetime
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
from argus_pipeline.engine.pods import BEGIN_WITHIN, JOB_WITHIN, why_lost, why_not_begun
from argus_pipeline.errors import Unavailable
from argus_pipeline.patience import patiently
from argus_pipeline.run_records import last_heard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubernetes.client import V1JobStatus

# Meanwhile nothing else could be handed out.
_LAUNCH_WAIT_S: Final = 2.0
_OF_RUNS: Final = "app.kubernetes.io/component=run_worker"


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
                self._instance.report_engine_event(
                    "The API server does not answer. Its Job will be tried again.",
                    context.dagster_run,
                    cls=type(self),
                )
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
        """Whether the pod of a run goes on, or may still begin."""
        try:
            why = self._why_lost(run)
        except Exception as error:  # of the client, of the network, or of the server
            # While nobody can tell, nothing counts as lost.
            return CheckRunHealthResult(
                WorkerStatus.RUNNING, f"the API server cannot be asked: {type(error).__name__}"
            )
        if why is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return self._unless_finished(run, why)

    def _why_lost(self, run: DagsterRun) -> str | None:
        namespace = self.get_container_context_for_run(run).namespace
        job = get_job_name_from_run_id(run.run_id)
        status: V1JobStatus | None = self._api_client.get_job_status(
            namespace=namespace, job_name=job
        )
        if status is not None and status.succeeded:
            # Its process ended well. Should the run not have, its state says so a moment later.
            return "its pod ended, and the run had not"
        why = why_lost(status)
        if run.status is not DagsterRunStatus.STARTING or (status is not None and why is not None):
            return why
        now = datetime.now(UTC)
        silent = now - (last_heard(self._instance, run) or now)
        if status is None:
            return "whoever was to make its Job is gone" if silent > JOB_WITHIN else None
        return None if silent < BEGIN_WITHIN else self._why_not_begun(job, str(namespace), now)

    def _why_not_begun(self, job: str, namespace: str, now: datetime) -> str | None:
        pods = self._api_client.get_pods_in_job(job_name=job, namespace=namespace)
        running = self._api_client.core_api.list_namespaced_pod(
            namespace,
            label_selector=f"{_OF_RUNS},job-name!={job}",
            field_selector="status.phase=Running",
        )
        # Those of a lost host are "running", and to be ended, until it comes back or is taken away.
        others = [pod for pod in running.items if pod.metadata.deletion_timestamp is None]
        why = why_not_begun(pods[0] if pods else None, now, others_at_work=bool(others))
        if why is None:
            return None
        if not pods:
            why = f"{why}. {self._api_client.get_job_debug_info(job, namespace=namespace)}"
        # Else it would begin once there is room, when nobody waits for it any more.
        self._api_client.delete_job(job_name=job, namespace=namespace)
        return why

    def _unless_finished(self, run: DagsterRun, why: str) -> CheckRunHealthResult:
        now = self._instance.get_run_by_id(run.run_id)
        if now is None or now.is_finished:
            # It ended while the API server was asked.
            return CheckRunHealthResult(WorkerStatus.SUCCESS)
        return CheckRunHealthResult(WorkerStatus.FAILED, why)


def _unless_said(ours: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in ours.items() if v is not None and k not in said}
