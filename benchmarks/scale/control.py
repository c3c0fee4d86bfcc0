"""The host of the control plane: Postgres over TCP, Redis, MinIO, and Dagster without workers."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from argus_pipeline.settings import Settings
from argus_pipeline.stack import minio, stores
from argus_pipeline.stack.postgres import SUPERUSER, PostgresServer
from argus_pipeline.stack.redis import KEEPALIVE_S, ping
from argus_pipeline.storage.object_store import ObjectStore
from benchmarks.chaos.ground import ROOT, Ground, eventually
from benchmarks.chaos.lost_runs import LIMITS
from benchmarks.scale.hosts import CONTROL, NETWORK

BUCKET: Final = "argus"
_POSTGRES, _REDIS, _STORE = 5432, 6379, 9000


class OverTcp(PostgresServer):
    """The stack's own Postgres, which other hosts reach."""

    def start(self) -> Any:
        """Start it so that the test's network may ask it, with a password."""
        if not (self.data / "PG_VERSION").exists():
            super().start()
            self.stop()
            with (self.data / "pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {NETWORK}.0/24 scram-sha-256\n")
        return super().start()

    def tcp_url(self, database: str, driver: str) -> str:
        """A URL for other hosts. It contains the password."""
        password = self._password()
        return f"postgresql+{driver}://{SUPERUSER}:{password}@{CONTROL}:{_POSTGRES}/{database}"

    def _options(self) -> list[str]:
        listening = {"listen_addresses": CONTROL, "port": str(_POSTGRES)}
        options = [p for key, value in listening.items() for p in ("-c", f"{key}={value}")]
        return [*super()._options(), *options]


class Control(Ground):
    """Started by `start`; `end` stops all of it and removes its folder."""

    def __init__(self, runs_at_once: int) -> None:
        home = Path(tempfile.mkdtemp(prefix="argus-scale-", dir="/tmp"))
        home.chmod(0o755)  # Postgres passes through as another user
        super().__init__(home, {})
        self._runs = runs_at_once
        self._keys = {"access_key": "argus", "secret_key": secrets.token_hex(16)}
        self._password = secrets.token_hex(16)
        self._servers: dict[str, subprocess.Popen[bytes]] = {}
        self.postgres = OverTcp(home / "postgres", log=home / "logs" / "postgres.log")

    @property
    def broker(self) -> str:
        """The URL of Redis."""
        return f"redis://:{self._password}@{CONTROL}:{_REDIS}/0"

    @property
    def settings(self) -> Settings:
        """Of the store."""
        return Settings(
            s3_bucket=BUCKET,
            s3_prefix="",
            s3_endpoint=f"http://{CONTROL}:{_STORE}",
            s3_region=stores.REGION,
            s3_access_key=self._keys["access_key"],
            s3_secret_key=self._keys["secret_key"],
            database_url=None,
        )

    @cached_property
    def store(self) -> ObjectStore:
        """The bucket."""
        return ObjectStore(self.settings)

    def worker_environment(self) -> Mapping[str, str]:
        """All that a worker elsewhere is told."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": "/root",
            "ARGUS_ROOT": str(ROOT),
            "ARGUS_HOME": str(self.home / "worker"),
            "ARGUS_ENGINE": "celery",
            "ARGUS_BROKER_URL": self.broker,
            "ARGUS_DATABASE_URL": self.postgres.tcp_url("argus", "psycopg"),
            "ARGUS_DAGSTER_DATABASE_URL": self.postgres.tcp_url("argus", "psycopg2"),
            "ARGUS_S3_ENDPOINT": str(self.settings.s3_endpoint),
            "ARGUS_S3_BUCKET": BUCKET,
            "ARGUS_S3_ACCESS_KEY": self._keys["access_key"],
            "ARGUS_S3_SECRET_KEY": self._keys["secret_key"],
            **LIMITS,
        }

    def start(self) -> None:
        """Start everything.

        Raises:
            RuntimeError: something is not there, or does not come up.
        """
        program = minio.find_minio()
        if program is None:
            raise RuntimeError(f"there is no MinIO here: {minio.INSTALL_HINT}")
        (self.home / "logs").mkdir()
        self.postgres.start()
        self.postgres.ensure_database("argus")
        data = self.home / "minio"
        data.mkdir()
        keys = {
            "MINIO_ROOT_USER": self._keys["access_key"],
            "MINIO_ROOT_PASSWORD": self._keys["secret_key"],
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        }
        address = f"{CONTROL}:{_STORE}"
        self._run(
            "minio", [str(program), "server", str(data), "--address", address, "--quiet"], keys
        )
        self.start_redis()
        if not eventually(lambda: stores.answers(self.settings), 60):
            raise RuntimeError(f"MinIO does not answer: {self.home / 'logs' / 'minio.log'}")
        self.store.ensure_bucket()
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("ARGUS_", "DAGSTER_"))
        }
        self.environment = {
            **inherited,
            **self.worker_environment(),
            "ARGUS_HOME": str(self.home),
            "ARGUS_RUNS_AT_ONCE": str(self._runs),
        }
        self.mend()

    def mend(self) -> None:
        """Start again what does not run; `argus up` starts no worker here."""
        done = self.argus("up", "--engine", "celery", "--workers", "0")
        if done.returncode:
            raise RuntimeError(f"`argus up` failed:\n{done.stdout}\n{done.stderr}")

    def start_redis(self) -> None:
        """Start it on the folder that it had before."""
        folder = self.home / "redis"
        folder.mkdir(exist_ok=True)
        lines = [
            *(f"bind {CONTROL}", f"port {_REDIS}", f"requirepass {self._password}"),
            *(f"dir {folder}", "appendonly yes", "save ''", f"tcp-keepalive {KEEPALIVE_S}", ""),
        ]
        path = folder / "redis.conf"
        path.touch(mode=0o600)
        path.write_text("\n".join(lines))
        self._run("redis", ["redis-server", str(path)])
        if not eventually(lambda: _answers(self.broker), 30):
            raise RuntimeError(f"Redis does not answer: {self.home / 'logs' / 'redis.log'}")

    def stop_redis(self) -> None:
        """Kill it."""
        server = self._servers.pop("redis")
        server.kill()
        server.wait()

    def end(self, *, keep: bool = False) -> None:
        """Stop everything, and remove its folder unless it is to be kept."""
        self.__dict__.pop("instance", None)
        if self.environment:
            self.argus("down")
        for server in self._servers.values():
            server.terminate()
            server.wait()
        self.postgres.stop()
        if not keep:
            shutil.rmtree(self.home, ignore_errors=True)

    def _run(self, name: str, command: list[str], more: Mapping[str, str] | None = None) -> None:
        with (self.home / "logs" / f"{name}.log").open("ab") as log:
            self._servers[name] = subprocess.Popen(
                command, env={**os.environ, **(more or {})}, stdout=log, stderr=log
            )
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        return bool(ping(url))
    except Exception:  # not yet
        return False
