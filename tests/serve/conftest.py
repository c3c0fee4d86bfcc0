"""A small fleet behind the server: real Postgres, real S3, Dagster's own storage, real Chromium."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest
from serve.world import World, fill

from argus_pipeline.serve.app import make_app
from argus_pipeline.serve.context import Context, make_context
from argus_pipeline.serve.options import Options
from argus_pipeline.serve.server import address, listen, make_server
from argus_pipeline.stack.postgres import PostgresServer
from argus_pipeline.stack.seaweedfs import SeaweedFS
from argus_pipeline.storage.object_store import ObjectStore

FREE = Options(requests_per_second=1e6, burst=1_000_000, questions_per_minute=1e6)


@pytest.fixture(scope="session")
def world(
    postgres: PostgresServer, servers_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The fleet, made once; one store suffices, since nothing here depends on which it is."""
    name = f"serve_{uuid.uuid4().hex[:8]}"
    postgres.ensure_database(name)
    store = SeaweedFS(servers_folder / "serve-store", bucket="argus-serve")
    try:
        store.start()
        url = postgres.url(name)
        settings = store.settings("argus-serve", prefix="p")
        with patch.dict(os.environ):
            made = World(settings, url, servers_folder / "serve-dagster")
            made.reports = fill(made, tmp_path_factory.mktemp("fleet"))
        yield made
        made.close()
    finally:
        store.stop()


@dataclass
class Served:
    """A server that runs in a thread of this process, and its context."""

    url: str
    context: Context

    def client(self, token: str | None = None) -> httpx.Client:
        """A client of it, with a token or without."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)


@contextmanager
def serving(world: World, options: Options = FREE) -> Iterator[Served]:
    """Serve the fleet on a free port."""
    from dataclasses import replace

    settings = replace(world.settings, database_url=world.url)
    with patch.dict(os.environ, world.environment):
        context = make_context(options, settings, ObjectStore(settings))
    context.instance = world.instance
    sock = listen(options)
    server = make_server(make_app(context))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[sock])))
    thread.start()
    try:
        until = time.monotonic() + 30
        while not server.started and time.monotonic() < until:
            time.sleep(0.02)
        yield Served(address(sock), context)
    finally:
        server.should_exit = True
        thread.join(30)
        sock.close()


@pytest.fixture(scope="session")
def served(world: World) -> Iterator[Served]:
    """The fleet, served to this machine."""
    with serving(world) as running:
        yield running


@pytest.fixture(scope="session")
def serve(world: World) -> Callable[[Options], object]:
    """Serve the fleet under other options, for as long as a `with` lasts."""
    return lambda options: serving(world, options)
