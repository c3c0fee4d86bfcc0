"""Runs as Kubernetes Jobs: what their pods ask for, and when one counts as lost.

What a real API server says to all of this: `make scale-kubernetes`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.launcher import WorkerStatus
from dagster._serdes import ConfigurableClassData
from dagster_k8s.job import construct_dagster_k8s_job
from kubernetes.client import (
    ApiClient,
    V1JobStatus,
    V1ObjectMeta,
    V1Pod,
    V1PodCondition,
    V1PodList,
    V1PodSpec,
    V1PodStatus,
)

from argus_pipeline.dagster_parts import kubernetes_launcher
from argus_pipeline.dagster_parts.kubernetes_launcher import KubernetesLauncher
from argus_pipeline.engine.kubernetes import launcher_config, resources_for
from argus_pipeline.engine.options import Sizes
from argus_pipeline.engine.queues import LARGE_TAG, PRIORITY_TAG
from argus_pipeline.stack.ports import free_ports

CLUSTER = {"server": f"http://127.0.0.1:{free_ports(1)[0]}"}


@pytest.fixture
def launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesLauncher]:
    """One whose API server nobody runs."""
    path = tmp_path / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "clusters": [{"name": "c", "cluster": CLUSTER}],
                "users": [{"name": "c", "user": {"token": "t"}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
            }
        )
    )
    monkeypatch.setenv("ARGUS_KUBERNETES_NAMESPACE", "somewhere")
    monkeypatch.setenv("ARGUS_IMAGE", "argus:test")
    data = ConfigurableClassData(
        "argus_pipeline.dagster_parts.kubernetes_launcher",
        "KubernetesLauncher",
        yaml.safe_dump(launcher_config({"ARGUS_KUBECONFIG": str(path)})),
    )
    with DagsterInstance.ephemeral() as instance:
        made = data.rehydrate(as_type=KubernetesLauncher)
        made.register_instance(instance)
        yield made


def pod_of(launcher: KubernetesLauncher, tags: dict[str, str]) -> dict[str, object]:
    context = launcher.get_container_context_for_run(DagsterRun(job_name="j", tags=tags))
    job = construct_dagster_k8s_job(
        context.get_k8s_job_config(None, launcher),
        args=["dagster"],
        job_name="dagster-run-1",
        user_defined_k8s_config=context.run_k8s_config,
    )
    assert context.namespace == "somewhere"
    made: dict[str, object] = ApiClient().sanitize_for_serialization(job)["spec"]["template"]
    return made


def container_of(launcher: KubernetesLauncher, tags: dict[str, str]) -> dict[str, object]:
    return pod_of(launcher, tags)["spec"]["containers"][0]  # type: ignore[index]


def test_a_large_batch_gets_a_pod_of_its_size(launcher: KubernetesLauncher) -> None:
    usual = container_of(launcher, {})["resources"]
    large = container_of(launcher, {LARGE_TAG: "true"})["resources"]
    assert usual["requests"]["cpu"] == "500m"  # type: ignore[index]
    assert large == resources_for({LARGE_TAG: "true"})
    assert resources_for({LARGE_TAG: "true"}, Sizes(large_cpus=9))["requests"]["cpu"] == "9"  # type: ignore[index]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, None),
        ({PRIORITY_TAG: "1"}, "soon"),
        ({PRIORITY_TAG: "1", LARGE_TAG: "true"}, "soon"),
        ({PRIORITY_TAG: "-5"}, None),
        ({PRIORITY_TAG: "-10"}, None),
    ],
)
def test_of_the_pods_that_wait_for_room_the_urgent_ones_go_first(
    launcher: KubernetesLauncher,
    monkeypatch: pytest.MonkeyPatch,
    tags: dict[str, str],
    expected: str | None,
) -> None:
    assert "priorityClassName" not in pod_of(launcher, tags)["spec"]  # type: ignore[operator]
    monkeypatch.setenv("ARGUS_KUBERNETES_URGENT_CLASS", "soon")
    assert pod_of(launcher, tags)["spec"].get("priorityClassName") == expected  # type: ignore[attr-defined]
    asked = {"dagster-k8s/config": json.dumps({"pod_spec_config": {"priority_class_name": "own"}})}
    assert pod_of(launcher, tags | asked)["spec"]["priorityClassName"] == "own"  # type: ignore[index]


def test_what_a_person_asks_for_a_run_has_the_last_word(launcher: KubernetesLauncher) -> None:
    asked = {"container_config": {"resources": {"requests": {"memory": "64Gi"}}}}
    tags = {LARGE_TAG: "true", "dagster-k8s/config": json.dumps(asked)}
    assert container_of(launcher, tags)["resources"]["requests"]["memory"] == "64Gi"  # type: ignore[index]


@pytest.mark.parametrize(
    "asked",
    [
        {"container_config": {"image": "of.a.stranger/miner"}},
        {"container_config": {"command": ["sh"]}},
        {"container_config": {"security_context": {"privileged": True}}},
        {"pod_spec_config": {"service_account_name": "argus-daemon"}},
        {"pod_spec_config": {"host_network": True}},
        {"pod_spec_config": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}},
    ],
)
def test_a_runs_tag_cannot_ask_for_another_image_account_or_mount(
    launcher: KubernetesLauncher, asked: dict[str, object]
) -> None:
    run = DagsterRun(job_name="j", tags={"dagster-k8s/config": json.dumps(asked)})
    with pytest.raises(Exception, match="violated the allowed list"):
        launcher.get_container_context_for_run(run)


def test_the_pod_of_a_run_has_no_token_and_no_rights_on_its_host(
    launcher: KubernetesLauncher,
) -> None:
    spec = pod_of(launcher, {})["spec"]
    assert spec["automountServiceAccountToken"] is False  # type: ignore[index]
    assert spec["securityContext"]["runAsNonRoot"] is True  # type: ignore[index]
    context = container_of(launcher, {})["securityContext"]
    assert context == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def test_passwords_come_by_reference(launcher: KubernetesLauncher) -> None:
    container = container_of(launcher, {})
    assert {"secretRef": {"name": "argus-secrets"}} in container["envFrom"]  # type: ignore[operator]
    assert not [one for one in container["env"] if "PASSWORD" in one["name"]]  # type: ignore[attr-defined]


def test_nothing_counts_as_lost_while_the_api_server_is_away(
    launcher: KubernetesLauncher,
) -> None:
    health = launcher.check_run_worker_health(DagsterRun(job_name="j"))
    assert health.status is WorkerStatus.RUNNING
    assert "cannot be asked" in str(health.msg)


class Answers:
    """What the API server says of one run; the real one is asked by `make scale-kubernetes`."""

    def __init__(self, status: V1JobStatus | None, pod: V1Pod | None, others: list[V1Pod]) -> None:
        self.status, self.pod, self.others = status, pod, others
        self.deleted: list[str] = []
        self.core_api = self

    def get_job_status(self, namespace: str, job_name: str) -> V1JobStatus | None:
        return self.status

    def get_pods_in_job(self, job_name: str, namespace: str) -> list[V1Pod]:
        return [self.pod] if self.pod else []

    def list_namespaced_pod(self, namespace: str, **selectors: str) -> V1PodList:
        return V1PodList(items=self.others)

    def get_pod_names_in_job(self, job_name: str, namespace: str) -> list[str]:
        raise RuntimeError("no events")

    def delete_job(self, job_name: str, namespace: str) -> None:
        self.deleted.append(job_name)


def a_pod(host: str | None = None, *, ending: bool = False) -> V1Pod:
    now = datetime.now(UTC)
    placed = V1PodCondition(
        type="PodScheduled",
        status="True" if host else "False",
        message=None if host else "0/1 nodes are available: 1 Insufficient cpu.",
        last_transition_time=now - timedelta(hours=1),
    )
    return V1Pod(
        metadata=V1ObjectMeta(creation_timestamp=now, deletion_timestamp=now if ending else None),
        spec=V1PodSpec(containers=[], node_name=host),
        status=V1PodStatus(conditions=[placed]),
    )


HOUR = timedelta(hours=1)
ACTIVE = V1JobStatus(active=1)
NO_POD = V1JobStatus()


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (Answers(ACTIVE, a_pod(), [a_pod("node-1")]), None),
        (Answers(ACTIVE, a_pod(), []), "Insufficient cpu"),
        # Pods of a lost host stay, and of those that wait themselves none makes room.
        (Answers(ACTIVE, a_pod(), [a_pod("node-1", ending=True), a_pod()]), "Insufficient cpu"),
        (Answers(ACTIVE, a_pod("node-1"), []), "and the run has not begun"),
        (Answers(NO_POD, None, [a_pod("node-1")]), "its Job has no pod"),
        (Answers(None, None, [a_pod("node-1")]), "it has no Job"),
    ],
)
def test_a_run_that_is_silent_and_has_not_begun_is_looked_into(
    launcher: KubernetesLauncher,
    monkeypatch: pytest.MonkeyPatch,
    answers: Answers,
    why: str | None,
) -> None:
    monkeypatch.setattr(launcher, "_api_client", answers)
    instance = launcher._instance
    run = instance.add_run(DagsterRun(job_name="j", status=DagsterRunStatus.STARTING))
    instance.report_engine_event("handed out", run)
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    assert answers.deleted == []
    for name in ("BEGIN_WITHIN", "JOB_WITHIN"):
        monkeypatch.setattr(kubernetes_launcher, name, timedelta(0))
    health = launcher.check_run_worker_health(run)
    if why is None:
        assert health.status is WorkerStatus.RUNNING
        return
    assert health.status is WorkerStatus.FAILED
    assert why in str(health.msg)
    # The reason is there before what it was read from is gone.
    assert why in instance.all_logs(run.run_id)[-1].message
    assert len(answers.deleted) == 1


def test_a_pod_waits_while_others_came_through_a_moment_ago(
    launcher: KubernetesLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answers(ACTIVE, a_pod(), [])
    monkeypatch.setattr(launcher, "_api_client", answers)
    instance = launcher._instance
    run = instance.add_run(DagsterRun(job_name="j", status=DagsterRunStatus.STARTING))
    instance.add_run(DagsterRun(job_name="j", status=DagsterRunStatus.SUCCESS))
    monkeypatch.setattr(kubernetes_launcher, "silent_for", lambda *_: HOUR)
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    assert answers.deleted == []


def test_a_pod_that_failed_before_its_run_began_stays_for_whoever_looks(
    launcher: KubernetesLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answers(V1JobStatus(failed=1), a_pod("node-1"), [])
    monkeypatch.setattr(launcher, "_api_client", answers)
    run = launcher._instance.add_run(DagsterRun(job_name="j", status=DagsterRunStatus.STARTING))
    health = launcher.check_run_worker_health(run)
    assert health.status is WorkerStatus.FAILED
    assert "its pod failed" in str(health.msg)
    assert answers.deleted == []


def test_a_run_that_was_canceled_while_it_was_asked_after_is_left_alone(
    launcher: KubernetesLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answers(V1JobStatus(failed=1), None, [])
    monkeypatch.setattr(launcher, "_api_client", answers)
    instance = launcher._instance
    asked = instance.add_run(DagsterRun(job_name="j", status=DagsterRunStatus.STARTING))
    instance.report_run_canceling(asked)
    assert launcher.check_run_worker_health(asked).status is WorkerStatus.RUNNING
    assert answers.deleted == []
