"""A store whose answer breaks off: what came is never taken for the whole."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from argus_pipeline.errors import Unavailable
from argus_pipeline.settings import load
from argus_pipeline.storage.object_store import ObjectStore

WHOLE = b'{"schema": 1, "batch": "b1"}'


class Cutting(socketserver.BaseRequestHandler):
    """Announces the whole object, and sends so many bytes of it."""

    sent = 0

    def handle(self) -> None:
        while b"\r\n\r\n" not in self.request.recv(65536):
            pass
        head = f'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: {len(WHOLE)}\r\n\r\n'
        self.request.sendall(head.encode() + WHOLE[: self.sent])


@pytest.fixture
def cutting_store() -> Iterator[ObjectStore]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Cutting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = replace(
            load({}),
            s3_endpoint=f"http://127.0.0.1:{server.server_address[1]}",
            s3_access_key="k",
            s3_secret_key="s",
        )
        yield ObjectStore(settings)
        server.shutdown()


@pytest.mark.parametrize("limit", [None, 1000, len(WHOLE) - 1])
@pytest.mark.parametrize("sent", [0, 1, len(WHOLE) - 1])
def test_an_answer_that_breaks_off_is_an_error(cutting_store, monkeypatch, limit, sent) -> None:
    monkeypatch.setattr(Cutting, "sent", sent)
    if limit == len(WHOLE) - 1 and sent == limit:
        pytest.skip("nothing more was asked for")
    with pytest.raises(Unavailable):
        cutting_store.get_with_etag("key", limit=limit)


def test_a_whole_answer_is_taken_and_a_longer_one_is_noticed(cutting_store, monkeypatch) -> None:
    monkeypatch.setattr(Cutting, "sent", len(WHOLE))
    assert cutting_store.get_with_etag("key", limit=1000) == (WHOLE, "e")
    assert len(cutting_store.get_with_etag("key", limit=5)[0]) == 6
