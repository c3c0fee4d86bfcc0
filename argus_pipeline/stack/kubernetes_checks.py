"""What `argus doctor` asks of a cluster, where runs are Kubernetes Jobs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final

from argus_pipeline.engine.kubernetes import (
    IMAGE_VARIABLE,
    KUBECONFIG_VARIABLE,
    NAMESPACE_VARIABLE,
)
from argus_pipeline.stack.findings import Finding, fail, ok, warn

_NEEDED: Final = (
    *((verb, "batch", "jobs") for verb in ("create", "get", "list", "delete")),
    ("get", "batch", "jobs/status"),
    *((verb, "", "pods") for verb in ("get", "list", "delete")),
    ("get", "", "pods/log"),
    ("list", "", "events"),
)
_TOO_MUCH: Final = (("get", "", "secrets"), ("create", "", "pods/exec"))
_ANSWER_S: Final = 10


def check_cluster() -> Iterator[Finding]:
    """The API server, and what this process may do there."""
    for variable, example in ((NAMESPACE_VARIABLE, "argus"), (IMAGE_VARIABLE, "argus:0.1.0")):
        if not os.environ.get(variable):
            yield fail("cluster", f"{variable} is not set", f"Set it, such as to {example}")
            return
    try:
        from kubernetes import client, config
    except ImportError:
        yield fail(
            "cluster", "dagster-k8s is not installed", "pip install 'argus-pipeline[kubernetes]'"
        )
        return
    try:
        kubeconfig = os.environ.get(KUBECONFIG_VARIABLE)
        if kubeconfig:
            config.load_kube_config(kubeconfig)
        else:
            config.load_incluster_config()
        version = client.VersionApi().get_code(_request_timeout=_ANSWER_S)
    except config.ConfigException as error:
        yield fail(
            "cluster",
            f"this is no pod with a service account: {error}",
            f"Outside of the cluster, name a kubeconfig with {KUBECONFIG_VARIABLE}",
        )
        return
    except Exception as error:  # of the client or of the network, in many kinds
        yield fail(
            "cluster",
            f"the API server does not answer: {type(error).__name__}",
            "Look at the network policy, or at the address in the kubeconfig",
        )
        return
    namespace = os.environ[NAMESPACE_VARIABLE]
    yield ok("cluster", f"Kubernetes {version.git_version}, namespace {namespace}")
    api = client.AuthorizationV1Api()
    missing = [_text(right) for right in _NEEDED if not _may(api, namespace, *right)]
    if missing:
        yield fail(
            "rights",
            f"this account may not {', '.join(missing)}",
            "Webserver and code server create no Jobs; the daemon's account needs all of them "
            "(deploy/kubernetes/base/accounts.yaml)",
        )
    else:
        yield ok("rights", "runs can be started, looked after and ended")
    for right in _TOO_MUCH:
        if _may(api, namespace, *right):
            yield warn("rights", f"this account may {_text(right)}", "It does not need to")


def resource_attributes(namespace: str, verb: str, group: str, resource: str) -> dict[str, str]:
    """What an access review asks about; `resource` may name a part of it, such as `pods/log`."""
    name, _, part = resource.partition("/")
    return {
        "namespace": namespace,
        "verb": verb,
        "group": group,
        "resource": name,
        "subresource": part,
    }


def _may(api: Any, namespace: str, verb: str, group: str, resource: str) -> bool:
    asked = resource_attributes(namespace, verb, group, resource)
    answer = api.create_self_subject_access_review(
        {"spec": {"resourceAttributes": asked}}, _request_timeout=_ANSWER_S
    )
    return bool(answer.status.allowed)


def _text(right: tuple[str, str, str]) -> str:
    return f"{right[0]} {right[2]}"
