"""Fixtures for all tests: a real Postgres, real S3 stores and the sample recordings.

Each server starts once for a pytest session (once for each worker of pytest-xdist) when the first
test asks for it, keeps its state in a temporary folder and is gone afterwards.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import settings
from psycopg import sql

from argus_pipeline.settings import Settings
from argus_pipeline.stack.minio import INSTALL_HINT, Minio, find_minio
from argus_pipeline.stack.postgres import PostgresServer
from argus_pipeline.stack.seaweedfs import SeaweedFS
from argus_pipeline.stack.stores import LocalStore
from argus_pipeline.storage.object_store import ObjectStore

ROOT = Path(__file__).resolve().parents[1]
BUCKET = "argus-tests"
# A busy machine stops for a while now and then; no test is about time.
settings.register_profile("argus", deadline=None)
settings.load_profile("argus")
STORES = ("seaweedfs", "minio") if find_minio() else ("seaweedfs",)
# Above, everything is read and written through `ObjectStore`, which is tested with every store.
EVERY_STORE = frozenset({"storage", "stack"})
# Their other stores are for `make test-long`.
EVERY_STORE_LONG = frozenset({"adopt", "upload", "sensors", "test_forget_command.py"})
# What takes longest goes first, so that no worker is left with it in the end.
FIRST = ("tests/end_to_end/", "tests/stack/test_up.py", "tests/serve/")
TOGETHER = ("tests/end_to_end/", "tests/serve/")
# Commands that tests run must not find a stack of the person who runs them.
for name in [n for n in os.environ if n.startswith("ARGUS_") and n not in {"ARGUS_MINIO"}]:
    if name != "ARGUS_SHARED":
        del os.environ[name]
# Nor the one that `make demo` or `make up` left in this clone.
_HOME = tempfile.TemporaryDirectory(prefix="argus-no-stack-")
os.environ["ARGUS_HOME"] = _HOME.name
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"


def _stores_line() -> str:
    found = find_minio()
    return f"S3 stores: {', '.join(STORES)}" + (
        f" ({found})" if found else f"; no MinIO here. {INSTALL_HINT}"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files of `FIRST` before all others."""
    items.sort(key=lambda item: [not item.nodeid.startswith(part) for part in FIRST])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file stays with one of xdist's workers, and so does each folder of `TOGETHER`."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            folder = next((part for part in TOGETHER if nodeid.startswith(part)), None)
            return folder or str(super()._split_scope(nodeid))

    return Scheduling(config, log)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """With every store where a store's own ways matter, else with one."""
    chosen = any("store_server" in m.args for m in metafunc.definition.iter_markers("parametrize"))
    if "store_server" in metafunc.fixturenames and not chosen:
        rooms = Path(metafunc.definition.path).relative_to(ROOT / "tests").parts
        stores: list[Any] = [STORES[-1]]
        if EVERY_STORE.intersection(rooms):
            stores = [*STORES]
        elif EVERY_STORE_LONG.intersection(rooms):
            stores += [pytest.param(name, marks=pytest.mark.long) for name in STORES[:-1]]
        metafunc.parametrize("store_server", stores, indirect=True, scope="session")


@pytest.fixture(scope="module", autouse=True)
def _environment_as_found() -> Iterator[None]:
    """What a module's tests leave in the environment does not reach the next module."""
    with patch.dict(os.environ):
        yield


def pytest_report_header() -> str:
    return _stores_line()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(_stores_line())


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """A short path, since it holds unix sockets, that a system user may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="argus-test-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(servers_folder: Path) -> Iterator[PostgresServer]:
    """A running Postgres. Its database `template_vector` has pgvector and nothing else."""
    server = PostgresServer(servers_folder / "postgres", durable=False)
    try:
        server.start()
        server.ensure_database("template_vector")
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def postgres_url(postgres: PostgresServer) -> str:
    """A database that lives as long as the session, for tests that leave nothing behind."""
    postgres.ensure_database("session")
    return postgres.url("session")


@pytest.fixture
def database_url(postgres: PostgresServer) -> Iterator[str]:
    """A new, empty database with pgvector for one test."""
    yield from _new_database(postgres)


@pytest.fixture(scope="module")
def module_database_url(postgres: PostgresServer) -> Iterator[str]:
    """A new, empty database with pgvector for the tests of one module."""
    yield from _new_database(postgres)


def _new_database(server: PostgresServer) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    with server.connect() as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template_vector").format(sql.Identifier(name))
        )
    yield server.url(name)
    with server.connect() as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )


@pytest.fixture(scope="session")
def store_server(request: pytest.FixtureRequest, servers_folder: Path) -> Iterator[LocalStore]:
    """A running S3 store; see `EVERY_STORE` for the tests that run with each."""
    server: LocalStore = (
        Minio(servers_folder / "minio")
        if request.param == "minio"
        else SeaweedFS(servers_folder / "seaweedfs", bucket=BUCKET)
    )
    try:
        server.start()
        ObjectStore(server.settings(BUCKET)).ensure_bucket()
        yield server
    finally:
        server.stop()


@pytest.fixture
def store_settings(store_server: LocalStore) -> Settings:
    """Settings of a bucket with a prefix that belongs to one test."""
    return store_server.settings(BUCKET, prefix=f"test-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def object_store(store_settings: Settings) -> ObjectStore:
    """An empty place in a real S3 store."""
    return ObjectStore(store_settings)


@pytest.fixture(scope="session")
def data() -> Path:
    """The sample recordings that belong to the project."""
    return ROOT / "tests" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Samples that may not be part of the project; tests over them skip where they are absent."""
    folder = Path(os.environ.get("ARGUS_SHARED") or ROOT.parent / "shared") / "data"
    if not folder.is_dir():
        pytest.skip(f"the samples of others are not here: {folder} (set ARGUS_SHARED)")
    return folder
