"""The Kubernetes manifests: little rights, no secret, and what the launcher takes for granted."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from argus_pipeline.engine import kubernetes
from argus_pipeline.engine.queues import PRIORITY_TAG
from benchmarks.cluster.binaries import find_kubectl

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "deploy" / "kubernetes" / "base"
EXAMPLE = ROOT / "deploy" / "kubernetes" / "overlays" / "example"


def objects(folder: Path) -> list[Mapping[str, Any]]:
    files = (path for path in sorted(folder.glob("*.yaml")) if path.name not in NOT_MANIFESTS)
    return [one for path in files for one in yaml.safe_load_all(path.read_text())]


NOT_MANIFESTS = {"kustomization.yaml", "dagster.yaml", "workspace.yaml"}
ALL = objects(BASE)
DEPLOYMENTS = {one["metadata"]["name"]: one for one in ALL if one["kind"] == "Deployment"}
CONTAINERS = {
    f"{name}/{container['name']}": container
    for name, one in DEPLOYMENTS.items()
    for kind in ("initContainers", "containers")
    for container in one["spec"]["template"]["spec"].get(kind, ())
}


def named(kind: str) -> dict[str, Mapping[str, Any]]:
    return {one["metadata"]["name"]: one for one in ALL if one["kind"] == kind}


def test_every_file_is_in_the_kustomization() -> None:
    listed = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
    assert set(listed) == {path.name for path in BASE.glob("*.yaml")} - NOT_MANIFESTS


def test_no_manifest_makes_a_secret() -> None:
    assert named("Secret") == {}
    settings = named("ConfigMap")[kubernetes.SETTINGS]["data"]
    assert [key for key in settings if "KEY" in key or "PASSWORD" in key or "URL" in key] == []


def test_the_names_that_the_launcher_takes_for_granted_are_there() -> None:
    assert kubernetes.SETTINGS in named("ConfigMap")
    assert kubernetes.RUN_ACCOUNT in named("ServiceAccount")
    made = yaml.safe_load((BASE / "kustomization.yaml").read_text())
    assert [one["name"] for one in made["configMapGenerator"]] == [kubernetes.INSTANCE]
    assert made["generatorOptions"]["disableNameSuffixHash"] is True
    settings = named("ConfigMap")[kubernetes.SETTINGS]["data"]
    urgent = kubernetes.priority_class({PRIORITY_TAG: "1"}, settings)
    assert named("PriorityClass").keys() == {urgent}
    assert settings[kubernetes.NAMESPACE_VARIABLE] == made["namespace"]
    assert settings[kubernetes.IMAGE_VARIABLE] == CONTAINERS["code/code"]["image"]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_no_pod_is_root_and_each_has_the_account_it_needs(name: str) -> None:
    spec = DEPLOYMENTS[name]["spec"]["template"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == kubernetes.USER
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    accounts = {"daemon": "argus-daemon", "pages": "argus-pages"}
    assert spec["serviceAccountName"] == accounts.get(name, "argus-control")
    assert spec["automountServiceAccountToken"] is (name != "pages")


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_is_confined_and_says_what_it_needs(name: str) -> None:
    container = CONTAINERS[name]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]
    assert {"secretRef": {"name": kubernetes.SECRETS}} in container["envFrom"]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_every_deployment_says_whether_it_is_well(name: str) -> None:
    probes = {"startupProbe", "livenessProbe"} | (set() if name == "daemon" else {"readinessProbe"})
    assert probes <= CONTAINERS[f"{name}/{name}"].keys()


def test_there_is_never_a_second_daemon_or_code_server() -> None:
    for name in ("daemon", "code"):
        assert DEPLOYMENTS[name]["spec"]["replicas"] == 1
        assert DEPLOYMENTS[name]["spec"]["strategy"] == {"type": "Recreate"}


def test_what_has_two_pods_keeps_one_of_them() -> None:
    several = {name for name, one in DEPLOYMENTS.items() if one["spec"]["replicas"] > 1}
    assert named("PodDisruptionBudget").keys() == several


def test_only_the_daemon_may_create_jobs_and_no_role_has_more_than_it_needs() -> None:
    roles, bindings = named("Role"), named("RoleBinding")
    creating = {
        name for name, role in roles.items() if any("create" in r["verbs"] for r in role["rules"])
    }
    assert creating == {"argus-launch"}
    assert [one["name"] for one in bindings["argus-launch"]["subjects"]] == ["argus-daemon"]
    rules = [rule for role in roles.values() for rule in role["rules"]]
    assert not any("*" in rule[key] for rule in rules for key in rule)
    resources = {resource for rule in rules for resource in rule["resources"]}
    assert resources == {"jobs", "jobs/status", "pods", "pods/log", "events"}
    assert named("ClusterRole") == named("ClusterRoleBinding") == {}


def test_nothing_comes_in_or_goes_out_unless_a_policy_says_so() -> None:
    policies = named("NetworkPolicy")
    assert policies["nothing"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert len(policies["code"]["spec"]["ingress"]) == 1
    entered = {
        value
        for policy in policies.values()
        if "ingress" in policy["spec"]
        for expression in policy["spec"]["podSelector"].get("matchExpressions", ())
        for value in expression["values"]
    }
    assert entered == {"webserver", "pages"}


def test_no_pod_is_ended_for_the_sake_of_an_urgent_one_nor_it_for_a_usual_one() -> None:
    for one in named("PriorityClass").values():
        assert one["preemptionPolicy"] == "Never"
        assert one["value"] > 0


def test_the_namespace_takes_only_restricted_pods() -> None:
    labels = named("Namespace")["argus"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_example_builds_and_runs_use_the_image_of_the_code_server() -> None:
    kubectl = find_kubectl()
    if kubectl is None:
        pytest.skip("no kubectl with kustomize 5 here: a release's, or `make scale-kubernetes`")
    done = subprocess.run(
        [kubectl, "kustomize", str(EXAMPLE)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    built = list(yaml.safe_load_all(done.stdout))
    assert {one["kind"] for one in built} >= {"Deployment", "Role", "NetworkPolicy", "ConfigMap"}
    maps = {o["metadata"]["name"]: o["data"] for o in built if o["kind"] == "ConfigMap"}
    code = next(o for o in built if o["kind"] == "Deployment" and o["metadata"]["name"] == "code")
    image = code["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == maps["argus-settings"]["ARGUS_IMAGE"]
    assert maps["argus-instance"]["dagster.yaml"] == (BASE / "dagster.yaml").read_text()
    subjects = [s for o in built if o["kind"] == "RoleBinding" for s in o["subjects"]]
    assert {one["namespace"] for one in subjects} == {"argus"}
