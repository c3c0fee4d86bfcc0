"""Redis, which carries Celery's tasks. It is a package of the system, as `redis-server`."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from argus_pipeline.errors import Unavailable
from argus_pipeline.stack import ports, processes
from argus_pipeline.stack.files import make_private_folder, read_json, write_private
from argus_pipeline.stack.ports import HOST
from argus_pipeline.stack.processes import Command, ProcessRecord

if TYPE_CHECKING:
    import redis

NAME: Final = "redis"
READY_S: Final = 30.0
STOP_S: Final = 10.0
KEEPALIVE_S: Final = 10
"""A host that is gone waits at a queue for ever, for all that Redis knows, and is given the next
task. By this its connections are closed after some 20 s, before its runs count as lost."""
_PROGRAMS: Final = ("redis-server", "valkey-server")
_HINT: Final = (
    "Install it (`apt install redis-server`, `dnf install valkey`, `brew install redis`), or name "
    "another one with ARGUS_BROKER_URL"
)


class Redis:
    """One Redis on one folder, with a password and a log of what was written to it."""

    def __init__(self, folder: Path, *, log: Path) -> None:
        self.folder = folder.resolve()
        self.log = log
        self._configuration = self.folder / "redis.conf"
        self._state = self.folder / "state.json"
        self._process = self.folder / "process.json"

    @property
    def url(self) -> str:
        """Where it is, with its password."""
        state = read_json(self._state)
        return f"redis://:{state['password']}@{HOST}:{state['port']}/0"

    def running(self) -> ProcessRecord | None:
        """Its process, when it runs and answers."""
        record = processes.load(self._process)
        if record is None or not processes.is_running(record):
            return None
        try:
            ping(self.url)
        except Unavailable:
            return None
        return record

    def start(self) -> ProcessRecord:
        """Start it, or leave it alone where it answers already.

        Raises:
            Unavailable: there is no `redis-server` here, or it does not come up.
        """
        running = self.running()
        if running is not None:
            return running
        program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
        if program is None:
            raise Unavailable("there is no program `redis-server` here", hint=_HINT)
        self.stop()
        make_private_folder(self.folder)
        old = read_json(self._state)
        port = ports.free_ports(1, preferred=[old["port"]] if old else ())[0]
        password = old.get("password") or secrets.token_hex(20)
        write_private(self._state, json.dumps({"port": port, "password": password}, indent=1))
        # A password on the command line could be read by everybody on this machine.
        write_private(
            self._configuration,
            "\n".join(
                [
                    f"bind {HOST}",
                    f"port {port}",
                    f"requirepass {password}",
                    f"dir {self.folder}",
                    "appendonly yes",
                    f"tcp-keepalive {KEEPALIVE_S}",
                    "save ''",
                    "daemonize no",
                    "",
                ]
            ),
        )
        record = processes.start(
            Command(
                NAME,
                [program, str(self._configuration)],
                log=self.log,
                cwd=self.folder,
                environment=dict(os.environ),
            ),
            address=f"redis://{HOST}:{port}",
        )
        processes.save(record, self._process)
        processes.wait_ready(record, lambda: ping(self.url), patience_s=READY_S)
        return record

    def stop(self) -> bool:
        """Stop it; whether there was anything to stop."""
        record = processes.load(self._process)
        stopped = record is not None and processes.stop(record, patience_s=STOP_S)
        self._process.unlink(missing_ok=True)
        return stopped


def ping(url: str) -> str:
    """Ask whether it answers; returns its version.

    Raises:
        Unavailable: it does not.
    """
    with _asking(url) as client:
        return str(client.info("server")["redis_version"])


def keepalive_s(url: str) -> int | None:
    """Its `tcp-keepalive` (0: off); None where it does not say, as hosted ones do.

    Raises:
        Unavailable: it does not answer.
    """
    from redis.exceptions import ResponseError

    with _asking(url) as client:
        try:
            found = client.config_get("tcp-keepalive").get("tcp-keepalive")
        except ResponseError:
            return None
    return None if found is None else int(found)


@contextmanager
def _asking(url: str) -> Iterator[redis.Redis]:
    import redis

    from argus_pipeline.engine.options import without_password

    client = redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=5)
    try:
        yield client
    except redis.RedisError as error:
        raise Unavailable(
            f"the broker does not answer: {error}", where=without_password(url)
        ) from error
    finally:
        client.close()
