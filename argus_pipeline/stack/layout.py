"""What lies where in one local stack, and the parts that belong to it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from argus_pipeline.settings import ENVIRONMENT_FILE
from argus_pipeline.stack import dagster_processes as dagster
from argus_pipeline.stack import plan as plans
from argus_pipeline.stack import processes
from argus_pipeline.stack.dagster_processes import DagsterProcesses
from argus_pipeline.stack.files import write_private
from argus_pipeline.stack.minio import Minio
from argus_pipeline.stack.pages import Pages
from argus_pipeline.stack.plan import StackState
from argus_pipeline.stack.postgres import PostgresServer
from argus_pipeline.stack.redis import Redis
from argus_pipeline.stack.seaweedfs import SeaweedFS
from argus_pipeline.stack.stores import LocalStore
from argus_pipeline.stack.workers import Workers


@dataclass(frozen=True, slots=True)
class Stack:
    """The folders of one local stack and the parts below them."""

    home: Path
    root: Path

    @property
    def postgres(self) -> PostgresServer:
        """The database server, running or not."""
        return PostgresServer(self.home / "postgres", log=self.home / "logs" / "postgres.log")

    @property
    def seaweedfs(self) -> SeaweedFS:
        """The default store, running or not."""
        return SeaweedFS(
            self.home / "seaweedfs",
            log=self.home / "logs" / "seaweedfs.log",
            bucket=os.environ.get("ARGUS_S3_BUCKET") or plans.DEFAULT_BUCKET,
            prefix=(os.environ.get("ARGUS_S3_PREFIX") or "").strip("/"),
        )

    @property
    def minio(self) -> Minio:
        """The other store, running or not."""
        return Minio(self.home / "minio", log=self.home / "logs" / "minio.log")

    @property
    def state_file(self) -> Path:
        """What one `argus up` leaves for the next."""
        return self.home / "state.json"

    @property
    def environment_file(self) -> Path:
        """What other commands need."""
        return self.home / ENVIRONMENT_FILE

    def store(self, name: str) -> LocalStore:
        """One of the two stores by its name."""
        return self.minio if name == plans.MINIO else self.seaweedfs

    def dagster(self, environment: Mapping[str, str] | None = None) -> DagsterProcesses:
        """Dagster's processes."""
        return DagsterProcesses(self.home, self.root, environment or {})

    def running(self) -> list[processes.ProcessRecord]:
        """The processes that run now."""
        own = [self.postgres.running(), self.seaweedfs.running(), self.minio.running()]
        ours = self.dagster()
        own.append(self.pages.record())
        own += [self.redis.running(), *self.workers.records()]
        return [r for r in (*own, *map(ours.record, dagster.NAMES)) if r is not None]

    @property
    def pages(self) -> Pages:
        """The reader's window, running or not."""
        return Pages(self.home, self.root)

    @property
    def redis(self) -> Redis:
        """The broker of Celery's tasks, running or not."""
        return Redis(self.home / "redis", log=self.home / "logs" / "redis.log")

    @property
    def workers(self) -> Workers:
        """Celery's workers on this machine."""
        return Workers(self.home, self.root)

    def save(self, state: StackState, environment: Mapping[str, str]) -> None:
        """Write what the next `argus up` and what other commands need."""
        state.save(self.state_file)
        write_private(self.environment_file, json.dumps(dict(environment), indent=1))
