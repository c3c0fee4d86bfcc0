"""What a run is given in a cluster: names of `deploy/kubernetes`, and its pod's size and rank."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from argus_pipeline.engine.options import Sizes, read_sizes
from argus_pipeline.engine.queues import LARGE_TAG, Queue, queue_of_steps

NAMESPACE_VARIABLE: Final = "ARGUS_KUBERNETES_NAMESPACE"
IMAGE_VARIABLE: Final = "ARGUS_IMAGE"
URGENT_CLASS_VARIABLE: Final = "ARGUS_KUBERNETES_URGENT_CLASS"
"""Priority class of the cluster for the pods of what is urgent."""
KUBECONFIG_VARIABLE: Final = "ARGUS_KUBECONFIG"
"""For a control plane outside of the cluster; inside, a pod's own account is used."""

SETTINGS: Final = "argus-settings"
"""Config map with addresses."""
SECRETS: Final = "argus-secrets"
"""Secret with passwords and keys."""
INSTANCE: Final = "argus-instance"
"""Config map with `dagster.yaml`."""
RUN_ACCOUNT: Final = "argus-run"
"""Service account of the pods of runs: it may do nothing."""
HOME: Final = "/opt/argus/home"
USER: Final = 10001
_TOLERATED_S: Final = {"unreachable": 7, "not-ready": 30}
"""A silent host, after the 50 s that Kubernetes itself waits for it unless set otherwise, and one
that says that it is not ready, which may be a restart. 300 s unless it is said; never less than the
5 s after which Kubernetes takes the mark off a host that is back."""
_SCRATCH: Final = "20Gi"


def launcher_config(environment: Mapping[str, str]) -> dict[str, Any]:
    """The configuration of `KubernetesLauncher`."""
    kubeconfig = environment.get(KUBECONFIG_VARIABLE)
    where: dict[str, Any] = (
        {"load_incluster_config": False, "kubeconfig_file": kubeconfig}
        if kubeconfig
        else {"load_incluster_config": True}
    )
    return {
        **where,
        "job_namespace": {"env": NAMESPACE_VARIABLE},
        "job_image": {"env": IMAGE_VARIABLE},
        "service_account_name": RUN_ACCOUNT,
        "instance_config_map": INSTANCE,
        "dagster_home": HOME,
        "env_config_maps": [SETTINGS],
        "env_secrets": [SECRETS],
        "labels": {"app.kubernetes.io/part-of": "argus"},
        "volumes": [
            {"name": "instance", "configMap": {"name": INSTANCE}},
            {"name": "scratch", "emptyDir": {"sizeLimit": _SCRATCH}},
        ],
        "volume_mounts": [
            {"name": "instance", "mountPath": HOME, "readOnly": True},
            {"name": "scratch", "mountPath": "/tmp"},
        ],
        "resources": small_resources(),
        "security_context": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "run_k8s_config": {
            "pod_spec_config": {
                # A run asks the API server for nothing.
                "automount_service_account_token": False,
                "security_context": {
                    "runAsNonRoot": True,
                    "runAsUser": USER,
                    "runAsGroup": USER,
                    "fsGroup": USER,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "tolerations": [
                    {
                        "key": f"node.kubernetes.io/{state}",
                        "operator": "Exists",
                        "effect": "NoExecute",
                        "tolerationSeconds": seconds,
                    }
                    for state, seconds in _TOLERATED_S.items()
                ],
            },
            "pod_template_spec_metadata": {
                # What ends a run for the sake of fewer hosts costs more than the host.
                "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
            },
            "job_spec_config": {"ttl_seconds_after_finished": 3600},
        },
        # What the tag dagster-k8s/config of a run may say: never another image, account or mount.
        "only_allow_user_defined_k8s_config_fields": {
            "container_config": {"resources": True},
            "pod_spec_config": {
                "affinity": True,
                "node_selector": True,
                "priority_class_name": True,
                "tolerations": True,
            },
            "pod_template_spec_metadata": {},
            "job_metadata": {},
            "job_spec_config": {},
            "namespace": False,
        },
        "only_allow_user_defined_env_vars": [],
    }


def small_resources() -> dict[str, Any]:
    """Of a run that takes one process: a small batch, a roll-up, or many batches in turn."""
    return {
        "requests": {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": "2Gi"},
        # No limit of CPU: what is idle may be used.
        "limits": {"memory": "3Gi", "ephemeral-storage": _SCRATCH},
    }


def resources_for(tags: Mapping[str, str], sizes: Sizes | None = None) -> dict[str, Any] | None:
    """What the pod of a run asks for where that is more than the usual; `tags` are the run's."""
    if LARGE_TAG not in tags:
        return None
    processes = (sizes or read_sizes()).large_cpus
    return {
        "requests": {
            "cpu": str(processes),
            "memory": f"{1 + processes}Gi",
            "ephemeral-storage": "10Gi",
        },
        # The run's own process, and as many that parse.
        "limits": {"memory": f"{2 * (1 + processes)}Gi", "ephemeral-storage": _SCRATCH},
    }


def priority_class(
    tags: Mapping[str, str], environment: Mapping[str, str] | None = None
) -> str | None:
    """The priority class of a run's pod; None for the cluster's usual one.

    Of the pods that wait for room, the urgent ones get it first. There is none for what can wait:
    the scheduler would end such a pod for any usual one. Large or small makes no difference here,
    so it goes by the queue that the steps would have.

    Args:
        tags: the run's.
        environment: where the class is named; the process's own by default.
    """
    if queue_of_steps(tags) is not Queue.URGENT:
        return None
    given = os.environ if environment is None else environment
    return given.get(URGENT_CLASS_VARIABLE) or None
