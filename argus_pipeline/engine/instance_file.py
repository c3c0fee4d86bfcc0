"""Dagster's `dagster.yaml` for an engine: the root's own file with what the engine changes."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from typing import Any, Final

from argus_pipeline.engine import kubernetes
from argus_pipeline.engine.options import BROKER_VARIABLE, Engine, whole

RUNS_VARIABLE: Final = "ARGUS_RUNS_AT_ONCE"
CELERY_RUNS: Final = 16
"""Runs that Dagster hands out at once, unless it is said: enough for two workers of four slots, and
few enough that what is urgent waits in Dagster's queue, where it overtakes, and not behind them."""
KUBERNETES_RUNS: Final = 32
"""The cluster decides how many of them find room; what is urgent overtakes in Dagster's queue."""
POOL_SLOTS: Final = 256
_START_S: Final = 86_400
_KUBERNETES_LOOKS_S: Final = 5
_USUAL_RUNS: Final = {Engine.CELERY: CELERY_RUNS, Engine.KUBERNETES: KUBERNETES_RUNS}


def instance_config(
    base: Mapping[str, Any], engine: Engine, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The content of `dagster.yaml` for an engine.

    Args:
        base: the content of the root's file, which is right for one machine.
        engine: what carries out runs.
        environment: where `ARGUS_RUNS_AT_ONCE` may stand, and `ARGUS_KUBECONFIG`; by default the
            process's own.
    """
    given = os.environ if environment is None else environment
    config = copy.deepcopy(dict(base))
    runs = config["concurrency"]["runs"]
    usual = _USUAL_RUNS.get(engine, runs["max_concurrent_runs"])
    runs["max_concurrent_runs"] = whole(RUNS_VARIABLE, usual, given)
    if engine is Engine.CELERY:
        broker = {"env": BROKER_VARIABLE}
        config["run_launcher"] = {
            "module": "argus_pipeline.dagster_parts.celery_launcher",
            "class": "CeleryLauncher",
            "config": {"broker": broker, "backend": broker},
        }
    if engine is Engine.KUBERNETES:
        config["run_launcher"] = {
            "module": "argus_pipeline.dagster_parts.kubernetes_launcher",
            "class": "KubernetesLauncher",
            "config": kubernetes.launcher_config(given),
        }
        # Each time a question to the API server for each run.
        config["run_monitoring"]["poll_interval_seconds"] = _KUBERNETES_LOOKS_S
    if engine is not Engine.LOCAL:
        # A run may wait for a slot of a worker, or for room on a host, for as long as it takes. One
        # that waits nowhere is found by the recovery sensor, which asks the launcher.
        config["run_monitoring"]["start_timeout_seconds"] = _START_S
        # A pool is for what a host can bear, and these are many hosts. The same number everywhere:
        # a run whose host has another default than the pool fails (pools.py).
        config["concurrency"]["pools"]["default_limit"] = POOL_SLOTS
        # Files of the host where a step ran would be found by nobody; Dagster's events are in its
        # database, and a worker's own lines in the worker's log.
        config["compute_logs"] = {
            "module": "dagster._core.storage.noop_compute_log_manager",
            "class": "NoOpComputeLogManager",
        }
    return config
