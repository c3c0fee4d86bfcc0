"""etcd, the API server, the scheduler and the controllers, on 127.0.0.1, below one folder."""

from __future__ import annotations

import os
import secrets
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from argus_pipeline.stack import processes
from argus_pipeline.stack.files import write_private
from argus_pipeline.stack.ports import HOST, free_ports
from argus_pipeline.stack.processes import Command, ProcessRecord
from benchmarks.cluster.binaries import Binaries

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

CONTROLLERS: Final = (
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "node-lifecycle-controller",
    "pod-garbage-collector-controller",
    "serviceaccount-controller",
    "taint-eviction-controller",
    "ttl-after-finished-controller",
)
_READY_S: Final = 240.0


class ControlPlane:
    """Started by `start`, stopped by `stop`."""

    def __init__(self, folder: Path, programs: Binaries) -> None:
        self.folder = folder
        self._programs = programs
        self._peer, self._etcd, self._port = free_ports(3)
        self._admin = secrets.token_hex(24)
        self._running: dict[str, ProcessRecord] = {}
        folder.mkdir(mode=0o700)

    @property
    def kubeconfig(self) -> Path:
        """Of the administrator."""
        return self.folder / "admin.kubeconfig"

    def start(self) -> None:
        """Start everything.

        Raises:
            Unavailable: a part does not come up; the last lines of its log are in the error.
        """
        self._write_keys()
        self._run(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls=http://{HOST}:{self._etcd}",
            f"--advertise-client-urls=http://{HOST}:{self._etcd}",
            f"--listen-peer-urls=http://{HOST}:{self._peer}",
            f"--initial-advertise-peer-urls=http://{HOST}:{self._peer}",
            f"--initial-cluster=default=http://{HOST}:{self._peer}",
        )
        processes.wait_ready(self._running["etcd"], self._etcd_answers, patience_s=_READY_S)
        self.start_api_server()
        for name in ("kube-controller-manager", "kube-scheduler"):
            more = (
                (
                    f"--service-account-private-key-file={self.folder / 'accounts.pem'}",
                    f"--controllers={','.join(CONTROLLERS)}",
                    "--concurrent-job-syncs=2",
                )
                if name == "kube-controller-manager"
                else ()
            )
            self._run(
                name,
                f"--kubeconfig={self.kubeconfig}",
                "--leader-elect=false",
                "--secure-port=0",
                *more,
            )

    def start_api_server(self) -> None:
        """Start it, on the data that it had before."""
        self._run(
            "kube-apiserver",
            f"--etcd-servers=http://{HOST}:{self._etcd}",
            f"--bind-address={HOST}",
            f"--advertise-address={HOST}",
            f"--secure-port={self._port}",
            f"--cert-dir={self.folder / 'certificates'}",
            "--endpoint-reconciler-type=none",
            "--authorization-mode=RBAC",
            "--anonymous-auth=false",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--service-account-issuer=https://argus.test",
            f"--service-account-key-file={self.folder / 'accounts.pem'}",
            f"--service-account-signing-key-file={self.folder / 'accounts.pem'}",
            "--service-cluster-ip-range=10.0.0.0/24",
        )
        processes.wait_ready(
            self._running["kube-apiserver"],
            lambda: self.kubectl("get", "--raw", "/readyz"),
            patience_s=_READY_S,
        )

    def stop_api_server(self) -> None:
        """Kill it."""
        processes.stop(self._running.pop("kube-apiserver"), patience_s=0)

    def stop(self) -> None:
        """Stop everything."""
        for name in reversed(list(self._running)):
            processes.stop(self._running.pop(name), patience_s=5)

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        """What kubectl says, as the administrator.

        Raises:
            RuntimeError: it failed.
        """
        done = subprocess.run(
            [self._programs.kubectl, f"--kubeconfig={self.kubeconfig}", *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "HOME": str(self.folder)},
        )
        if check and done.returncode:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()[-3000:]}")
        return done.stdout + done.stderr

    def client(self, token: str | None = None) -> ApiClient:
        """A client as the administrator, or with an account's token."""
        from kubernetes import client

        configuration = client.Configuration()
        configuration.host = f"https://{HOST}:{self._port}"
        configuration.ssl_ca_cert = str(self._certificate)
        configuration.api_key = {"authorization": f"Bearer {token or self._admin}"}
        configuration.no_proxy = HOST
        configuration.proxy = None
        return client.ApiClient(configuration)

    def write_kubeconfig(self, path: Path, token: str) -> None:
        """A kubeconfig with a token."""
        content: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [
                {
                    "name": "test",
                    "cluster": {
                        "server": f"https://{HOST}:{self._port}",
                        "certificate-authority": str(self._certificate),
                    },
                }
            ],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }
        write_private(path, yaml.safe_dump(content))

    @property
    def _certificate(self) -> Path:
        return self.folder / "certificates" / "apiserver.crt"

    def _write_keys(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        write_private(self.folder / "accounts.pem", pem.decode())
        write_private(self.folder / "tokens.csv", f'{self._admin},admin,admin,"system:masters"\n')
        self.write_kubeconfig(self.kubeconfig, self._admin)

    def _etcd_answers(self) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{HOST}:{self._etcd}/health", timeout=2) as answer:
            answer.read()

    def _run(self, name: str, *options: str) -> None:
        self._running[name] = processes.start(
            Command(
                name,
                [self._programs.path(name), *options],
                log=self.folder / f"{name}.log",
                cwd=self.folder,
                environment={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            ),
            address=HOST,
        )
