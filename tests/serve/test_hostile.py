"""Requests that mean harm: what comes of each, and that it holds up nobody else."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from serve.conftest import FREE
from serve.hostile_requests import Hostile, requests, send

from argus_pipeline.serve import server

DOCS = Path(__file__).resolve().parents[2] / "docs" / "serve.md"
NAMES = [one.name for one in requests("batch")]


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_request_gets_what_it_deserves(served, world, name) -> None:
    batch = world.reports[0]
    [one] = [each for each in requests(batch) if each.name == name]

    came = send(served.url, one)

    print(f"| {name} | {came.status or 'ended'} |")
    assert came.status in one.right, came.text[:500]
    assert one.never not in came.text.partition("\r\n\r\n")[2] or one.never == batch
    assert "Traceback" not in came.text
    assert "\nX-Evil:" not in came.text
    if one.never == batch and came.status == 200:
        assert batch not in came.text
    with served.client() as client:
        assert client.get("/health").status_code == 200


def test_every_hostile_request_stands_in_the_docs() -> None:
    told = DOCS.read_text("utf-8")

    assert [name for name in NAMES if f"| {name} |" not in told] == []


def connect(address: str) -> socket.socket:
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname or "", parts.port or 80), timeout=30)


def ended(one: socket.socket, seconds: float) -> bool:
    """Whether the other side ends a connection within some seconds."""
    one.settimeout(seconds)
    try:
        while one.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True
    return True


def test_a_head_that_comes_letter_by_letter_is_not_waited_for(served, monkeypatch) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 1.0)
    with connect(served.url) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nX: ")
        begun = time.monotonic()
        over = threading.Event()

        def drip() -> None:
            while not over.wait(0.1):
                try:
                    slow.sendall(b"a")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        assert ended(slow, 10)
        over.set()
        thread.join()
        assert time.monotonic() - begun < 5


def test_a_body_that_never_comes_is_not_waited_for(serve) -> None:
    with serve(replace(FREE, seconds=1.0)) as impatient, connect(impatient.url) as slow:
        host = urlsplit(impatient.url).netloc
        slow.sendall(
            f"POST /sign-in HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\ntoken".encode()
        )
        slow.settimeout(10)
        assert slow.recv(12) == b"HTTP/1.1 503"


def test_readers_that_do_not_read_hold_up_nobody(served, world) -> None:
    host = urlsplit(served.url).netloc
    path = f"/api/v1/batches/{world.reports[0]}/report?format=html"
    many = [connect(served.url) for _ in range(50)]
    try:
        for one in many:
            one.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        with served.client() as client:
            assert client.get("/batches", timeout=5).status_code == 200
    finally:
        for one in many:
            one.close()


def test_who_asks_too_much_is_told_when_to_come_again(serve) -> None:
    strict = replace(FREE, requests_per_second=1.0, burst=5)
    with serve(strict) as running, httpx.Client(base_url=running.url) as client:
        found = [client.get("/health") for _ in range(10)]
    refused = [one for one in found if one.status_code == 429]
    assert len(refused) >= 4
    assert all(int(one.headers["retry-after"]) >= 1 for one in refused)


def test_more_connections_than_there_may_be_are_refused_and_the_server_goes_on(serve) -> None:
    with serve(replace(FREE, listeners=3)) as small, httpx.Client(base_url=small.url) as client:
        streams = [connect(small.url) for _ in range(3)]
        host = urlsplit(small.url).netloc
        line = f"GET /api/v1/fleet/progress HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        for one in streams:
            one.sendall(line)
            assert one.recv(12) == b"HTTP/1.1 200"
        came = send(small.url, Hostile("", "/api/v1/fleet/progress", ()))
        assert came.status == 503
        assert client.get("/health").status_code == 200
        for one in streams:
            one.close()
