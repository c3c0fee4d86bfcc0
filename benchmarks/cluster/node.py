"""A node of the test: what a kubelet does for a pod, with processes in place of containers.

It registers itself, renews its lease, takes the pods that the scheduler binds to it, resolves
config maps, secrets and volumes, starts the command with the pod's environment and nothing else,
and reports how it goes. Each container is a process in namespaces of mounts and processes of its
own, so volumes are where the manifest mounts them. Images are not looked at: `path` is where the
programs of the image are. It does not serve logs.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from kubernetes import client
from kubernetes.client.rest import ApiException
from urllib3.exceptions import HTTPError

from benchmarks.measuring.saying import say_now

_POLL_S: Final = 0.5
_HEARTBEAT_S: Final = 3.0
_LEASES: Final = "kube-node-lease"
_MOUNTED: Final = ("/opt", "/tmp")
"""Below these the pods of Argus mount something; each pod sees only that."""


@dataclass
class _Pod:
    namespace: str
    name: str
    uid: str
    process: subprocess.Popen[bytes]
    folder: Path
    started: datetime
    image: str
    container: str
    told_to_end: bool = False
    over: bool = False


class Node:
    """A host of the cluster.

    Args:
        name: what it calls itself.
        api: a client with a node's rights.
        folder: for the volumes and the logs of its pods.
        image: what an image brings along: its environment.
        cwd: the image's working folder.
        cpu: how much it says that it has, such as `1500m`.
    """

    def __init__(
        self,
        name: str,
        api: client.ApiClient,
        folder: Path,
        image: Mapping[str, str],
        cwd: Path,
        cpu: str,
    ) -> None:
        self.name = name
        self._core = client.CoreV1Api(api)
        self._leases = client.CoordinationV1Api(api)
        self._folder = folder
        self._image = dict(image)
        self._cwd = cwd
        self._cpu = cpu
        self._pods: dict[str, _Pod] = {}
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)

    def start(self) -> None:
        """Join the cluster."""
        self._folder.mkdir(parents=True)
        self._register()
        self._thread.start()

    def lose(self) -> int:
        """Lose the host, as a power cut does: all its processes end, and nobody says so.

        Returns:
            How many pods ran there.
        """
        self._lost.set()
        self._thread.join(30)
        running = [pod for pod in self._pods.values() if pod.process.poll() is None]
        for pod in running:
            _signal(pod.process, signal.SIGKILL)
            pod.process.wait(10)
        return len(running)

    def kill(self, run_id: str) -> bool:
        """Kill the container of a run's pod, as the kernel does where memory is short."""
        for pod in list(self._pods.values()):
            if run_id in pod.name and pod.process.poll() is None and not pod.told_to_end:
                _signal(pod.process, signal.SIGKILL)
                return True
        return False

    def running(self) -> list[str]:
        """The names of the pods that run here now."""
        return [pod.name for pod in list(self._pods.values()) if pod.process.poll() is None]

    # --- its life ---------------------------------------------------------------------------------

    def _live(self) -> None:
        beat = 0.0
        while not self._lost.is_set():
            try:
                if time.monotonic() - beat > _HEARTBEAT_S:
                    self._heartbeat()
                    beat = time.monotonic()
                self._look()
            except (ApiException, HTTPError, OSError):
                # The API server is away: what runs goes on.
                time.sleep(_POLL_S)
            self._lost.wait(_POLL_S)

    def _look(self) -> None:
        bound = self._core.list_pod_for_all_namespaces(
            field_selector=f"spec.nodeName={self.name}", _request_timeout=10
        ).items
        for pod in bound:
            if self._lost.is_set():
                return
            try:
                self._look_at(pod)
            except (ApiException, HTTPError, OSError, RuntimeError) as error:
                # One that cannot be begun holds up no other; the next look tries it again.
                say_now(f"{self.name}: {pod.metadata.name}: {type(error).__name__}: {error}")
        there = {pod.metadata.uid for pod in bound}
        for uid in self._pods.keys() - there:
            gone = self._pods.pop(uid)
            _signal(gone.process, signal.SIGKILL)
            shutil.rmtree(gone.folder, ignore_errors=True)

    def _look_at(self, pod: Any) -> None:
        known = self._pods.get(pod.metadata.uid)
        if known is None:
            if pod.status.phase == "Pending" and pod.metadata.deletion_timestamp is None:
                self._begin(pod)
        elif pod.metadata.deletion_timestamp is not None:
            self._end(known, pod.spec.termination_grace_period_seconds or 30)
        elif not known.over and known.process.poll() is not None:
            self._report_end(known)

    def _begin(self, pod: Any) -> None:
        folder = self._folder / pod.metadata.uid
        # What an interrupted beginning left.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        container = pod.spec.containers[0]
        namespace = pod.metadata.namespace
        volumes = {
            volume.name: self._make_volume(folder / "volumes" / volume.name, volume, namespace)
            for volume in pod.spec.volumes or ()
        }
        command = [*(container.command or ()), *(container.args or ())]
        script = _mounting(folder / "stage", container.volume_mounts or (), volumes)
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [
                    *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
                    *("sh", "-ec", f'{script}\ncd {self._cwd}\nexec "$@"', "sh", *command),
                ],
                env={**self._image, **self._environment(container, pod)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        known = _Pod(
            namespace,
            pod.metadata.name,
            pod.metadata.uid,
            process,
            folder,
            datetime.now(UTC),
            container.image,
            container.name,
        )
        self._pods[pod.metadata.uid] = known
        self._report(known, "Running", {"running": {"startedAt": _text(known.started)}})

    def _end(self, pod: _Pod, grace_s: int) -> None:
        """End a pod that was deleted: ask, then kill, then confirm."""
        if not pod.told_to_end:
            pod.told_to_end = True
            _signal(pod.process, signal.SIGTERM)
            threading.Timer(grace_s, _signal, (pod.process, signal.SIGKILL)).start()
        if pod.process.poll() is None:
            return
        self._report_end(pod)
        with suppress(ApiException):
            self._core.delete_namespaced_pod(pod.name, pod.namespace, grace_period_seconds=0)

    def _report_end(self, pod: _Pod) -> None:
        code = pod.process.wait()
        code = code if code >= 0 else 128 - code
        terminated = {
            "exitCode": code,
            "reason": "Completed" if code == 0 else "Error",
            "startedAt": _text(pod.started),
            "finishedAt": _text(datetime.now(UTC)),
        }
        self._report(pod, "Succeeded" if code == 0 else "Failed", {"terminated": terminated})
        pod.over = True

    def _report(self, pod: _Pod, phase: str, state: Mapping[str, Any]) -> None:
        ready = phase == "Running"
        body = {
            "status": {
                "phase": phase,
                "startTime": _text(pod.started),
                "hostIP": "127.0.0.1",
                "podIP": "127.0.0.1",
                "conditions": [
                    {"type": kind, "status": str(ready)} for kind in ("Ready", "ContainersReady")
                ],
                "containerStatuses": [
                    {
                        "name": pod.container,
                        "image": pod.image,
                        "imageID": "",
                        "ready": ready,
                        "started": ready,
                        "restartCount": 0,
                        "state": dict(state),
                    }
                ],
            }
        }
        try:
            self._core.patch_namespaced_pod_status(pod.name, pod.namespace, body)
        except ApiException as error:
            if error.status != 404:
                raise

    # --- what a pod is given ----------------------------------------------------------------------

    def _make_volume(self, folder: Path, volume: Any, namespace: str) -> Path:
        folder.mkdir(parents=True)
        if volume.config_map is not None:
            found = self._core.read_namespaced_config_map(volume.config_map.name, namespace)
            for name, text in (found.data or {}).items():
                (folder / name).write_text(text)
        elif volume.empty_dir is None:
            raise RuntimeError(f"volume {volume.name} is of a kind that this node does not know")
        return folder

    def _environment(self, container: Any, pod: Any) -> dict[str, str]:
        found: dict[str, str] = {}
        namespace = pod.metadata.namespace
        for source in container.env_from or ():
            if source.config_map_ref is not None:
                name = source.config_map_ref.name
                found |= self._core.read_namespaced_config_map(name, namespace).data or {}
            if source.secret_ref is not None:
                secret = self._core.read_namespaced_secret(source.secret_ref.name, namespace)
                found |= {
                    key: base64.b64decode(text).decode()
                    for key, text in (secret.data or {}).items()
                }
        for variable in container.env or ():
            if variable.value_from is not None:
                raise RuntimeError(f"{variable.name}: this node knows no valueFrom")
            found[variable.name] = variable.value or ""
        return found

    def _register(self) -> None:
        self._core.create_node(
            {
                "metadata": {"name": self.name, "labels": {"kubernetes.io/hostname": self.name}},
                "spec": {},
            }
        )
        self._heartbeat()
        # The controller tells by this that the node is well; it does so after some seconds itself.
        self._core.patch_node(self.name, {"spec": {"taints": None}})

    def _heartbeat(self) -> None:
        now = datetime.now(UTC)
        room = {"cpu": self._cpu, "memory": "16Gi", "ephemeral-storage": "100Gi", "pods": "50"}
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "TestNodeReady",
            "lastHeartbeatTime": _text(now),
        }
        self._core.patch_node_status(
            self.name,
            {"status": {"capacity": room, "allocatable": room, "conditions": [ready]}},
            _request_timeout=5,
        )
        spec = {
            "holderIdentity": self.name,
            "leaseDurationSeconds": 10,
            "renewTime": now.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        }
        body = {"metadata": {"name": self.name}, "spec": spec}
        try:
            self._leases.patch_namespaced_lease(self.name, _LEASES, body, _request_timeout=5)
        except ApiException as error:
            if error.status != 404:
                raise
            with suppress(ApiException):
                self._core.create_namespace({"metadata": {"name": _LEASES}})
            self._leases.create_namespaced_lease(_LEASES, body, _request_timeout=5)


def _mounting(stage: Path, mounts: Sequence[Any], volumes: Mapping[str, Path]) -> str:
    """Shell lines that put the volumes where the pod looks for them, in its own mounts only.

    They are put together aside, since the volumes lie below what is hidden in the end.
    """
    lines = []
    for above in _MOUNTED:
        part = stage / above.lstrip("/")
        part.mkdir(parents=True)
        for mount in mounts:
            if not Path(mount.mount_path).is_relative_to(above):
                continue
            target = part / Path(mount.mount_path).relative_to(above)
            target.mkdir(parents=True, exist_ok=True)
            lines.append(f"mount --bind {volumes[mount.name]} {target}")
            if mount.read_only:
                lines.append(f"mount -o remount,bind,ro {target}")
    # /tmp last: all of this lies below it.
    lines += [f"mount --rbind {stage / above.lstrip('/')} {above}" for above in _MOUNTED]
    return "\n".join(lines)


def _signal(process: subprocess.Popen[bytes], what: signal.Signals) -> None:
    """To all of a container: `unshare` kills the rest when it dies itself."""
    if process.poll() is not None:
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, what)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
