"""A running stack as the faults and the judge see it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar
from unittest.mock import patch

from argus_pipeline import settings
from argus_pipeline.stack.layout import Stack
from argus_pipeline.storage.object_store import ObjectStore

if TYPE_CHECKING:
    from dagster import DagsterInstance

ROOT: Final = Path(__file__).resolve().parents[2]
COMMAND_SECONDS: Final = 300.0
_T = TypeVar("_T")


class Ground:
    """A stack that somebody else started, and will stop.

    Args:
        home: its folder.
        environment: of its commands.
    """

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self.home = home
        self.environment = dict(environment)
        self.stack = Stack(home, ROOT)

    def mend(self) -> None:
        """Start again what does not run, as whoever watches over the processes does.

        In production that is systemd or Kubernetes; here it is `argus up`.

        Raises:
            RuntimeError: it fails; its words are in the error.
        """
        done = self.argus("up")
        if done.returncode:
            raise RuntimeError(f"`argus up` failed:\n{done.stdout}\n{done.stderr}")

    def argus(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line as a person would."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )

    @staticmethod
    def command(*arguments: str) -> list[str]:
        """What runs as `argus`."""
        return [sys.executable, "-m", "argus_pipeline.cli.main", *arguments]

    @property
    def addresses(self) -> Mapping[str, str]:
        """What `argus up` wrote for other commands."""
        found: dict[str, str] = json.loads((self.home / settings.ENVIRONMENT_FILE).read_text())
        return found

    @cached_property
    def door(self) -> ObjectStore:
        """The bucket as vehicles and Dagster reach it."""
        return ObjectStore(settings.load(self.addresses))

    @property
    def store(self) -> ObjectStore:
        """The bucket as the judge looks at it."""
        return self.door

    @cached_property
    def instance(self) -> DagsterInstance:
        """Dagster's own records."""
        return open_instance(self.addresses)


def open_instance(addresses: Mapping[str, str]) -> DagsterInstance:
    """Dagster's own records of a stack, connected now: the process keeps its own environment."""
    from dagster import DagsterInstance

    names = ("DAGSTER_HOME", "ARGUS_DAGSTER_DATABASE_URL")
    with patch.dict(os.environ, {name: addresses[name] for name in names}):
        instance = DagsterInstance.get()
        instance.get_run_records(limit=1)
        instance.get_dynamic_partitions("batch")
    return instance


def eventually(what: Callable[[], _T], seconds: float, pause: float = 0.1) -> _T:
    """The first true answer within some seconds, or the last one."""
    until = time.monotonic() + seconds
    while True:
        found = what()
        if found or time.monotonic() > until:
            return found
        time.sleep(pause)
