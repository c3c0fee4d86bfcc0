"""A stack of our own to break: Postgres, the store behind a door, Dagster, all in one folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Final

from argus_pipeline.stack import minio, plan, ports
from argus_pipeline.storage.object_store import ObjectStore
from benchmarks.chaos import clock, decoder
from benchmarks.chaos.ground import ROOT, Ground
from benchmarks.chaos.proxy import Proxy
from benchmarks.chaos.scratch import Scratch

BUCKET: Final = "argus"
# Short, so that a round takes a minute and not an hour; the decisions are the same.
LIMITS: Final = {
    "ARGUS_LIMIT_BACK_OFF_SECONDS": "2",
    "ARGUS_LIMIT_PARSING_MINUTES": "2",
    "ARGUS_LIMIT_DIAGNOSING_MINUTES": "2",
}


class OwnGround(Ground):
    """Started by `start`, and by `argus up` as people start it; `end` stops all of it."""

    def __init__(self, seed: int, *, work: Path | None = None) -> None:
        # A short path: it holds unix sockets.
        home = Path(tempfile.mkdtemp(prefix="argus-chaos-", dir=work or "/tmp"))
        home.chmod(0o755)  # Postgres passes through as another user
        super().__init__(home, {})
        self.store_name = plan.MINIO if minio.find_minio() else plan.SEAWEEDFS
        self.server = self.stack.store(self.store_name)
        self.scratch = Scratch(home / "scratch")
        self.clock = clock.Clock(home / "clock")
        self._seed = seed

    def start(self) -> None:
        """Start everything.

        Raises:
            RuntimeError: `argus up` fails.
            ArgusError: Postgres or the store does not come up.
        """
        self.scratch.make()
        decoder.install(self.home / "plugins")
        self.server.start()
        settings = self.server.settings(BUCKET)
        self.store.ensure_bucket()
        self.proxy = Proxy(int(str(settings.s3_endpoint).rpartition(":")[2]), self._seed)
        self.proxy.start()
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("ARGUS_", "DAGSTER_"))},
            **LIMITS,
            "ARGUS_HOME": str(self.home),
            "ARGUS_ROOT": str(ROOT),
            "ARGUS_S3_ENDPOINT": self.proxy.endpoint,
            "ARGUS_S3_BUCKET": BUCKET,
            "ARGUS_S3_ACCESS_KEY": str(settings.s3_access_key),
            "ARGUS_S3_SECRET_KEY": str(settings.s3_secret_key),
            "PYTHONPATH": str(self.home / "plugins"),
            "TMPDIR": str(self.scratch.folder),
            **self.clock.environment(),
        }
        self.stack.postgres.start()
        [port] = ports.free_ports(1)
        done = self.argus("up", "--ui-port", str(port))
        if done.returncode:
            raise RuntimeError(f"`argus up` failed:\n{done.stdout}\n{done.stderr}")

    def mend(self) -> None:
        """The same, with the store, and with Postgres before `argus up` gives it another clock."""
        self.stack.postgres.start()
        self.server.start()
        super().mend()

    def end(self, *, keep: bool = False) -> None:
        """Stop everything, and remove its folder unless it is to be kept."""
        self.__dict__.pop("instance", None)
        if self.environment:
            self.argus("down")
            self.proxy.stop()
        self.stack.dagster().stop()
        self.server.stop()
        self.stack.postgres.stop()
        self.scratch.end()
        if not keep:
            shutil.rmtree(self.home, ignore_errors=True)

    @cached_property
    def store(self) -> ObjectStore:
        """The bucket past the door."""
        return ObjectStore(self.server.settings(BUCKET))
