from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from argus_pipeline.errors import ArgusError
from argus_pipeline.stack import processes
from argus_pipeline.stack.permissions import claim_private_folder, let_pass, socket_folder
from argus_pipeline.stack.postgres import PostgresServer


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    folder = Path(tempfile.mkdtemp(prefix="argus-pg-", dir="/tmp"))
    made = PostgresServer(folder)
    yield made
    made.stop()
    shutil.rmtree(folder)


def kill_postmaster(server: PostgresServer) -> int:
    running = server.running()
    assert running is not None
    processes.send(running.pid, signal.SIGKILL)
    assert processes.wait_until(lambda: not processes.is_alive(running.pid), 5)
    return running.pid


def keep(server: PostgresServer) -> None:
    with server.connect() as connection:
        connection.execute("CREATE TABLE kept (a int); INSERT INTO kept VALUES (7)")


def kept(server: PostgresServer) -> object:
    with server.connect() as connection:
        row = connection.execute("SELECT a FROM kept").fetchone()
    return row[0] if row else None


def test_data_survives_a_stop_and_a_kill(server: PostgresServer) -> None:
    server.start()
    keep(server)
    assert server.stop()
    assert not server.answers()
    server.start()
    kill_postmaster(server)
    server.start()
    assert kept(server) == 7


def test_starting_twice_gives_the_same_server(server: PostgresServer) -> None:
    assert server.start().pid == server.start().pid


def test_a_server_that_does_not_answer_just_now_is_waited_for(server: PostgresServer) -> None:
    """As one does that recovers, since one of its processes was killed."""
    pid = server.start().pid
    processes.send(pid, signal.SIGSTOP)
    later = threading.Timer(3, processes.send, (pid, signal.SIGCONT))
    later.start()
    try:
        assert not server.answers()
        assert server.start().pid == pid
    finally:
        later.join()


def test_stopping_twice_is_fine(server: PostgresServer) -> None:
    server.start()
    assert server.stop()
    assert not server.stop()


def test_one_that_was_never_started_is_said_to_be_so(server: PostgresServer) -> None:
    assert not server.answers()
    assert server.running() is None
    with pytest.raises(ArgusError, match="never started"):
        server.url("argus")


def test_a_pid_file_with_the_pid_of_another_program_is_in_nobodys_way(
    server: PostgresServer,
) -> None:
    server.start()
    keep(server)
    kill_postmaster(server)
    pid_file = server.data / "postmaster.pid"
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        assert not server.stop()
        server.start()
        assert kept(server) == 7
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_zombie_postmaster_is_in_nobodys_way(server: PostgresServer) -> None:
    server.start()
    keep(server)
    kill_postmaster(server)
    zombie = subprocess.Popen([sys.executable, "-c", "pass"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    pid_file = server.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(zombie.pid), *lines[1:]]) + "\n")
    try:
        assert server.running() is None
        server.start()
        assert kept(server) == 7
    finally:
        zombie.wait()


def test_an_empty_pid_file_is_in_nobodys_way(server: PostgresServer) -> None:
    server.start()
    server.stop()
    (server.data / "postmaster.pid").write_text("")
    server.start()
    assert server.answers()


def test_half_made_data_is_made_anew(server: PostgresServer) -> None:
    (server.folder / "data.new").mkdir()
    (server.folder / "data.new" / "PG_VERSION").write_text("18\n")
    server.start()
    assert server.answers()


def test_a_database_has_pgvector_and_asking_for_it_twice_is_fine(server: PostgresServer) -> None:
    server.start()
    server.ensure_database("argus")
    server.ensure_database("argus")
    with psycopg.connect(server.url("argus").replace("+psycopg", "")) as connection:
        row = connection.execute(
            "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
        ).fetchone()
    assert row is not None
    assert tuple(map(int, row[0].split(".")[:2])) >= (0, 8)


def test_the_socket_asks_for_the_password_and_is_private(server: PostgresServer) -> None:
    server.start()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(
            host=str(server.socket_folder), user="postgres", password="wrong", dbname="postgres"
        )
    assert stat.S_IMODE((server.folder / "password").stat().st_mode) == 0o600
    assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["x" * 120, "with,comma", "with space", "ümlaut"])
def test_a_folder_that_no_socket_can_have_gets_its_socket_elsewhere(
    name: str, server: PostgresServer
) -> None:
    folder = server.folder / name
    folder.mkdir()
    awkward = PostgresServer(folder, durable=False)
    try:
        awkward.start()
        assert awkward.socket_folder.parent == Path("/tmp")
        assert awkward.answers()
    finally:
        awkward.stop()
        shutil.rmtree(awkward.socket_folder)


def test_socket_folders_of_different_stacks_differ() -> None:
    one, two = Path("/home/a" + "x" * 100), Path("/home/b" + "x" * 100)
    assert socket_folder(one) != socket_folder(two)
    assert socket_folder(Path("/home/a")) == Path("/home/a/socket")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_socket_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    with pytest.raises(ArgusError, match="somebody else"):
        claim_private_folder(tmp_path)


def test_others_may_pass_through_and_not_look(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "a").chmod(0o700)
    assert tmp_path / "a" in let_pass(inner)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o701
