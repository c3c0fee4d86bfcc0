"""Argus in the cluster of the test: its manifests, its stores, Dagster, and the nodes."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import psycopg
import yaml
from dagster_k8s.job import get_job_name_from_run_id
from kubernetes import client

from argus_pipeline.engine.kubernetes import INSTANCE, SECRETS, SETTINGS
from argus_pipeline.settings import Settings
from argus_pipeline.stack import dagster_processes as dagster
from argus_pipeline.stack import processes
from argus_pipeline.stack.dagster_processes import DagsterProcesses
from argus_pipeline.stack.ports import HOST, free_ports
from argus_pipeline.stack.postgres import SUPERUSER, PostgresServer
from argus_pipeline.storage.object_store import ObjectStore
from benchmarks.chaos.ground import ROOT, Ground
from benchmarks.chaos.lost_runs import LIMITS
from benchmarks.cluster.binaries import Binaries
from benchmarks.cluster.control_plane import ControlPlane
from benchmarks.cluster.node import Node
from benchmarks.measuring.saying import say_now

NAMESPACE: Final = "argus"
BUCKET: Final = "argus"
BASE: Final = ROOT / "deploy" / "kubernetes" / "base"
EXAMPLE: Final = ROOT / "deploy" / "kubernetes" / "overlays" / "example"
DAEMON: Final = "argus-daemon"
CONTROL: Final = "argus-control"
_TOKEN_S: Final = 6 * 3600


class OverTcp(PostgresServer):
    """The stack's own Postgres, which pods reach by TCP on 127.0.0.1."""

    def __init__(self, folder: Path, port: int, *, log: Path) -> None:
        super().__init__(folder, log=log)
        self._port = port

    def start(self) -> Any:
        """Start it so that 127.0.0.1 may ask it, with a password."""
        if not (self.data / "PG_VERSION").exists():
            super().start()
            self.stop()
            with (self.data / "pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {HOST}/32 scram-sha-256\n")
        return super().start()

    def connect(self, database: str = SUPERUSER) -> psycopg.Connection[tuple[object, ...]]:
        """As the original; its socket is named by the port."""
        return psycopg.connect(
            host=str(self.socket_folder),
            port=self._port,
            user=SUPERUSER,
            password=self._password(),
            dbname=database,
            connect_timeout=2,
            autocommit=True,
        )

    def tcp_url(self, database: str, driver: str) -> str:
        """A URL. It contains the password."""
        return (
            f"postgresql+{driver}://{SUPERUSER}:{self._password()}@{HOST}:{self._port}/{database}"
        )

    def _options(self) -> list[str]:
        return [*super()._options(), "-c", f"listen_addresses={HOST}", "-c", f"port={self._port}"]


class Cluster(Ground):
    """Started by `start`; `end` stops all of it and removes its folder."""

    def __init__(self, programs: Binaries, cpu: str) -> None:
        home = Path(tempfile.mkdtemp(prefix="argus-cluster-", dir="/tmp"))
        home.chmod(0o755)  # Postgres passes through as another user
        super().__init__(home, {})
        (home / "logs").mkdir()
        self.plane = ControlPlane(home / "plane", programs)
        self.nodes: list[Node] = []
        self._cpu = cpu
        self._made = 0
        self.postgres = OverTcp(
            home / "postgres", free_ports(1)[0], log=home / "logs" / "postgres.log"
        )

    @cached_property
    def settings(self) -> Settings:
        """Of the store."""
        return self.stack.seaweedfs.settings(BUCKET)

    @cached_property
    def store(self) -> ObjectStore:
        """The bucket."""
        return ObjectStore(self.settings)

    @property
    def dagster(self) -> DagsterProcesses:
        """Dagster's control plane: local processes with the rights of the daemon's account."""
        return self.stack.dagster(self.environment)

    def start(self, nodes: int) -> None:
        """Start everything.

        Raises:
            RuntimeError, ArgusError: something does not come up, or the API server refuses it.
        """
        self.plane.start()
        say_now("the API server answers")
        self.postgres.start()
        self.postgres.ensure_database("argus")
        self.stack.seaweedfs.start()
        self.store.ensure_bucket()
        self._apply()
        self._prepare()
        for _ in range(nodes):
            self.add_node()
        self._start_dagster()

    def add_node(self) -> Node:
        """A new host joins the cluster."""
        self._made += 1
        image = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": "/tmp",
            "ARGUS_ROOT": str(ROOT),
            "ARGUS_HOME": "/tmp/argus",
            "HAYSTACK_TELEMETRY_ENABLED": "false",
        }
        name = f"node-{self._made}"
        node = Node(
            name, self.plane.client(), self.home / "nodes" / name, image, ROOT, cpu=self._cpu
        )
        node.start()
        self.nodes.append(node)
        return node

    def mend(self) -> None:
        """Start again what does not run of Dagster's control plane."""
        self._start_dagster()

    def token(self, account: str) -> str:
        """A token of a service account, as its pods have one."""
        core = client.CoreV1Api(self.plane.client())
        asked = {"spec": {"expirationSeconds": _TOKEN_S}}
        given = core.create_namespaced_service_account_token(account, NAMESPACE, asked)
        return str(given.status.token)

    def jobs_at_work(self) -> list[str]:
        """The Jobs that have a pod at work."""
        batch = client.BatchV1Api(self.plane.client())
        return [
            job.metadata.name
            for job in batch.list_namespaced_job(NAMESPACE).items
            if job.status.active
        ]

    def pods_without_host(self) -> set[str]:
        """The Jobs whose pod waits for room."""
        core = client.CoreV1Api(self.plane.client())
        waiting = core.list_namespaced_pod(NAMESPACE, field_selector="spec.nodeName=")
        return {pod.metadata.labels.get("job-name", "") for pod in waiting.items}

    def waited_for_room(self, run_id: str) -> float:
        """Seconds from when the pod of a run was made until it had a host; 0 where it has none."""
        core = client.CoreV1Api(self.plane.client())
        job = f"job-name={get_job_name_from_run_id(run_id)}"
        return sum(
            (condition.last_transition_time - pod.metadata.creation_timestamp).total_seconds()
            for pod in core.list_namespaced_pod(NAMESPACE, label_selector=job).items
            for condition in pod.status.conditions or ()
            if condition.type == "PodScheduled" and condition.status == "True"
        )

    def end(self, *, keep: bool = False) -> None:
        """Stop everything, and remove its folder unless it is to be kept."""
        self.__dict__.pop("instance", None)
        if self.environment:
            self.dagster.stop()
        for node in self.nodes:
            node.lose()
        self.plane.stop()
        self.stack.seaweedfs.stop()
        self.postgres.stop()
        if not keep:
            shutil.rmtree(self.home, ignore_errors=True)

    # --- its parts --------------------------------------------------------------------------------

    def _apply(self) -> None:
        """Apply the manifests, with an overlay as an operator would write it."""
        self.plane.kubectl("apply", "-f", str(BASE / "namespace.yaml"))
        # The real server's own validation, of what nobody here will run.
        self.plane.kubectl("apply", "--dry-run=server", "-k", str(EXAMPLE))
        say_now("the example overlay is valid for the API server")
        overlay = self.home / "overlay"
        overlay.mkdir()
        (overlay / "kustomization.yaml").write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "kustomize.config.k8s.io/v1beta1",
                    "kind": "Kustomization",
                    "namespace": NAMESPACE,
                    "resources": [os.path.relpath(BASE, overlay)],
                    "patches": [{"path": "settings.yaml"}],
                }
            )
        )
        data = {
            "ARGUS_S3_ENDPOINT": str(self.settings.s3_endpoint),
            "ARGUS_S3_BUCKET": BUCKET,
            "ARGUS_LARGE_BATCH_CPUS": "1",
            **LIMITS,
        }
        (overlay / "settings.yaml").write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": SETTINGS},
                    "data": data,
                }
            )
        )
        self.plane.kubectl("apply", "-k", str(overlay))
        core = client.CoreV1Api(self.plane.client())
        core.create_namespaced_secret(
            NAMESPACE, {"metadata": {"name": SECRETS}, "stringData": self._secrets()}
        )
        applied = core.read_namespaced_config_map(SETTINGS, NAMESPACE)
        self._applied: Mapping[str, str] = dict(applied.data)
        if "dagster.yaml" not in core.read_namespaced_config_map(INSTANCE, NAMESPACE).data:
            raise RuntimeError(f"the config map {INSTANCE} has no dagster.yaml")

    def _secrets(self) -> dict[str, str]:
        return {
            "ARGUS_DATABASE_URL": self.postgres.tcp_url("argus", "psycopg"),
            "ARGUS_DAGSTER_DATABASE_URL": self.postgres.tcp_url("argus", "psycopg2"),
            "ARGUS_S3_ACCESS_KEY": str(self.settings.s3_access_key),
            "ARGUS_S3_SECRET_KEY": str(self.settings.s3_secret_key),
        }

    def _prepare(self) -> None:
        """What the init container of the code server runs, with what it is given."""
        kubeconfig = self.home / "daemon.kubeconfig"
        self.plane.write_kubeconfig(kubeconfig, self.token(DAEMON))
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("ARGUS_", "DAGSTER_"))
        }
        self.environment = {
            **inherited,
            **self._applied,
            **self._secrets(),
            "ARGUS_HOME": str(self.home),
            "ARGUS_ROOT": str(ROOT),
            "ARGUS_KUBECONFIG": str(kubeconfig),
            "DAGSTER_HOME": str(self.home / "dagster"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        self.dagster.prepare()
        pods = yaml.safe_load_all((BASE / "code.yaml").read_text())
        code = next(one for one in pods if one["kind"] == "Deployment")
        container = code["spec"]["template"]["spec"]["initContainers"][0]
        own = {one["name"]: one["value"] for one in container["env"]}
        done = subprocess.run(
            container["command"],
            env={**self.environment, **own},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=900,
        )
        if done.returncode:
            raise RuntimeError(f"the init container failed:\n{done.stdout}\n{done.stderr}")
        say_now("the init container's command has made tables, roles and bucket")

    def _start_dagster(self) -> None:
        ours = self.dagster
        ours.prepare()
        if ours.record(dagster.CODE_SERVER) is None:
            ours.wait_for_code_server(ours.start_code_server())
        if ours.record(dagster.DAEMON) is None:
            ours.start_daemon()

    def restart_daemon(self) -> None:
        """Kill it, and start it again."""
        record = self.dagster.record(dagster.DAEMON)
        if record is not None:
            processes.stop(record, patience_s=0)
        self._start_dagster()


def new_name() -> str:
    """A name that nothing has."""
    return f"t{secrets.token_hex(4)}"
