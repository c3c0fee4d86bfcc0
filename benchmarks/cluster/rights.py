"""What the service accounts may do and must not, asked of the real API server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kubernetes import client
from kubernetes.client.rest import ApiException

from argus_pipeline.stack.kubernetes_checks import resource_attributes
from benchmarks.cluster.cluster import CONTROL, DAEMON, NAMESPACE, Cluster

_LAUNCH: Final = {("create", "batch", "jobs")}
_LOOK_AFTER: Final = {
    *((verb, "batch", "jobs") for verb in ("get", "list", "delete")),
    ("get", "batch", "jobs/status"),
    *((verb, "", "pods") for verb in ("get", "list", "delete")),
    ("get", "", "pods/log"),
    ("list", "", "events"),
}
MAY: Final = {
    DAEMON: _LAUNCH | _LOOK_AFTER,
    CONTROL: _LOOK_AFTER,
    "argus-run": set(),
    "argus-pages": set(),
    "default": set(),
}
_VERBS: Final = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
_ASKED: Final = (
    *(("batch", name) for name in ("jobs", "jobs/status", "cronjobs")),
    *(
        ("", name)
        for name in (
            *("pods", "pods/log", "pods/exec", "pods/attach", "pods/portforward", "pods/eviction"),
            *("secrets", "configmaps", "events", "services", "serviceaccounts"),
            *("serviceaccounts/token", "nodes", "namespaces", "persistentvolumeclaims"),
        )
    ),
    ("apps", "deployments"),
    ("rbac.authorization.k8s.io", "roles"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("networking.k8s.io", "networkpolicies"),
)


def check(cluster: Cluster) -> tuple[int, list[str]]:
    """How many questions were asked, and what is wrong."""
    asked, wrong = 0, []
    api = client.AuthorizationV1Api(cluster.plane.client())
    for account, may in MAY.items():
        for namespace in (NAMESPACE, "default"):
            for group, resource in _ASKED:
                for verb in _VERBS:
                    asked += 1
                    allowed = _allowed(api, account, verb, group, resource, namespace)
                    wanted = namespace == NAMESPACE and (verb, group, resource) in may
                    if allowed != wanted:
                        word = "may" if allowed else "may not"
                        wrong.append(f"{account} {word} {verb} {resource} in {namespace}")
    tries = list(_tries(cluster))
    return asked + len(tries), wrong + [text for text in tries if text]


def _allowed(
    api: client.AuthorizationV1Api,
    account: str,
    verb: str,
    group: str,
    resource: str,
    namespace: str,
) -> bool:
    asked = resource_attributes(namespace, verb, group, resource)
    user = f"system:serviceaccount:{NAMESPACE}:{account}"
    groups = [
        "system:serviceaccounts",
        f"system:serviceaccounts:{NAMESPACE}",
        "system:authenticated",
    ]
    body = {"spec": {"user": user, "groups": groups, "resourceAttributes": asked}}
    return bool(api.create_subject_access_review(body).status.allowed)


def _tries(cluster: Cluster) -> Iterator[str]:
    """The same with real requests and the daemon's own token: empty where it is as it must be."""
    core = client.CoreV1Api(cluster.plane.client(cluster.token(DAEMON)))
    batch = client.BatchV1Api(core.api_client)
    yield _refused("read a secret", lambda: core.read_namespaced_secret("argus-secrets", NAMESPACE))
    yield _refused("list secrets", lambda: core.list_namespaced_secret(NAMESPACE))
    yield _refused("list Jobs elsewhere", lambda: batch.list_namespaced_job("default"))
    yield _refused("list nodes", core.list_node)
    yield _refused(
        "execute in a pod",
        lambda: core.connect_post_namespaced_pod_exec("any", NAMESPACE, command="id"),
    )
    yield "" if batch.list_namespaced_job(NAMESPACE).kind else "cannot list its own Jobs"
    # Pod security: the real admission refuses what is not restricted, whoever asks.
    admin = client.CoreV1Api(cluster.plane.client())
    container = {"name": "a", "image": "a", "securityContext": {"runAsUser": 0}}
    body = {"metadata": {"name": "a"}, "spec": {"containers": [container]}}
    yield _refused(
        "start a pod that is root",
        lambda: admin.create_namespaced_pod(NAMESPACE, body, dry_run="All"),
    )


def _refused(what: str, attempt: object) -> str:
    try:
        attempt()  # type: ignore[operator]
    except ApiException as error:
        return "" if error.status == 403 else f"{what}: {error.status} {error.reason}"
    return f"could {what}"
