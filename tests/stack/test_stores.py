from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from argus_pipeline.errors import ArgusError, Unavailable
from argus_pipeline.stack import minio, processes, stores
from argus_pipeline.stack.files import read_json
from argus_pipeline.stack.minio import Minio
from argus_pipeline.stack.seaweedfs import SeaweedFS
from argus_pipeline.stack.stores import LocalStore
from argus_pipeline.storage.object_store import ObjectStore

KINDS = [SeaweedFS, *([Minio] if minio.find_minio() else [])]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def server(request: pytest.FixtureRequest) -> Iterator[LocalStore]:
    folder = Path(tempfile.mkdtemp(prefix="argus-s3-", dir="/tmp"))
    made: LocalStore = request.param(folder)
    yield made
    made.stop()
    shutil.rmtree(folder)


def bucket(server: LocalStore) -> ObjectStore:
    store = ObjectStore(server.settings("kept"))
    store.ensure_bucket()
    return store


def test_data_and_address_survive_a_stop_and_a_kill(server: LocalStore) -> None:
    first = server.start()
    bucket(server).put("a", b"kept")
    assert server.stop()
    assert server.start().address == first.address
    running = server.running()
    assert running is not None
    processes.send(running.pid, signal.SIGKILL)
    assert processes.wait_until(lambda: server.running() is None, 5)
    assert server.start().address == first.address
    assert bucket(server).get("a") == b"kept"


def test_starting_and_stopping_twice_is_fine(server: LocalStore) -> None:
    assert server.start().pid == server.start().pid
    assert server.stop()
    assert not server.stop()
    assert server.running() is None


def test_a_port_that_somebody_took_meanwhile_is_replaced(server: LocalStore) -> None:
    first = server.start()
    bucket(server).put("a", b"kept")
    server.stop()
    port = int(first.address.rpartition(":")[2])
    with ExitStack() as held:

        def take() -> bool:
            other = held.enter_context(socket.socket())
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                other.bind(("127.0.0.1", port))
                other.listen()
                return True
            return False

        # Whoever has it now may leave it before the store starts again; after some time it is
        # somebody who keeps it, and all the better.
        processes.wait_until(take, 10)
        assert server.start().address != first.address
        assert bucket(server).get("a") == b"kept"


def test_only_the_right_keys_are_answered(server: LocalStore) -> None:
    server.start()
    settings = server.settings("any")
    assert stores.answers(settings)
    assert not stores.answers(replace(settings, s3_secret_key="wrong"))
    assert not stores.answers(replace(settings, s3_access_key="wrong"))


def test_keys_are_private_and_not_the_same_twice(server: LocalStore) -> None:
    server.start()
    state = server.log.parent / "state.json"
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert stores.new_keys() != stores.new_keys()


def test_one_that_was_never_started_is_said_to_be_so(server: LocalStore) -> None:
    assert server.running() is None
    with pytest.raises(ArgusError, match="never started"):
        server.settings("any")


def test_the_filer_of_seaweedfs_shows_nothing_without_its_keys(tmp_path: Path) -> None:
    server = SeaweedFS(tmp_path)
    server.start()
    try:
        bucket(server).put("secret", b"x")
        filer = read_json(tmp_path / "state.json")["ports"][3]
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{filer}/buckets/kept/secret", timeout=5)
        assert refused.value.code == 401
    finally:
        server.stop()


def test_a_missing_minio_is_said_with_the_way_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGUS_MINIO", str(tmp_path / "absent"))
    assert minio.find_minio() is None
    with pytest.raises(Unavailable, match="go install"):
        Minio(tmp_path).start()


def test_minio_is_found_where_go_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "minio"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.delenv("ARGUS_MINIO", raising=False)
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.setenv("GOPATH", str(tmp_path))
    assert minio.find_minio() == program
