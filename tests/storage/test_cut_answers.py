"""A store whose answer breaks off: what came is never taken for the whole."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection, HTTPException
from typing import ClassVar

import pytest

from argus_pipeline.errors import Unavailable
from argus_pipeline.settings import load
from argus_pipeline.storage.cut_connections import WholeHead
from argus_pipeline.storage.object_store import ObjectStore

WHOLE = b'{"schema": 1, "batch": "b1"}'


HEAD = (
    "HTTP/1.1 200 OK\r\n"
    f"Content-Length: {len(WHOLE)}\r\n"
    'ETag: "0123456789abcdef"\r\n'
    "Last-Modified: Fri, 27 Nov 2026 13:48:19 GMT\r\n\r\n"
).encode()


class Cutting(socketserver.BaseRequestHandler):
    """Announces an object, and sends so many bytes of each answer, all of it in the end."""

    sent: ClassVar[list[int]] = []

    def handle(self) -> None:
        request = self.request.recv(65536)
        while b"\r\n\r\n" not in request:
            request += self.request.recv(65536)
        whole = HEAD + WHOLE
        if request.startswith(b"HEAD"):
            whole = HEAD
        elif request.startswith(b"PUT"):
            whole = HEAD.replace(str(len(WHOLE)).encode(), b"00", 1)
        bytes_sent = self.sent.pop(0) if self.sent else len(whole)
        self.request.sendall(whole[:bytes_sent])


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
    Cutting.sent = []


@pytest.mark.parametrize(
    ("limit", "sent"),
    [
        *((None, sent) for sent in (0, 1, len(WHOLE) - 1)),
        *((1000, sent) for sent in (0, 1, len(WHOLE) - 1)),
        # What lies behind the limit was not asked for.
        *((len(WHOLE) - 1, sent) for sent in (0, 1, len(WHOLE) - 2)),
    ],
)
def test_an_answer_that_breaks_off_is_an_error(cutting_store, limit, sent) -> None:
    Cutting.sent = [len(HEAD) + sent]
    with pytest.raises(Unavailable):
        cutting_store.get_with_etag("key", limit=limit)


def test_a_whole_answer_is_taken_and_a_longer_one_is_noticed(cutting_store) -> None:
    assert cutting_store.get_with_etag("key", limit=1000) == (WHOLE, "0123456789abcdef")
    assert len(cutting_store.get_with_etag("key", limit=5)[0]) == 6


def test_a_head_that_breaks_off_anywhere_is_no_answer(cutting_store) -> None:
    """`http.client` by itself takes most of them, with an ETag that lost its end."""
    host = cutting_store.settings.s3_endpoint.removeprefix("http://")
    for sent in range(len(HEAD)):
        Cutting.sent = [sent]
        connection = HTTPConnection(host, timeout=5)
        connection.response_class = WholeHead
        connection.request("HEAD", "/")
        with pytest.raises(HTTPException):
            connection.getresponse()
        connection.close()


@pytest.mark.parametrize("end", ["Content-Le", "Content-Length: 2", "0123456", "def", '"\r\n'])
def test_an_operation_whose_answer_has_half_a_head_is_tried_again(cutting_store, end) -> None:
    cut = HEAD.index(end.encode()) + len(end)
    Cutting.sent = [cut]
    assert cutting_store.put("key", b"bytes") == "0123456789abcdef"
    assert Cutting.sent == [], "the request was not tried again"
    Cutting.sent = [cut]
    assert cutting_store.get("key") == WHOLE
    Cutting.sent = [cut]
    info = cutting_store.head("key")
    assert info is not None
    assert (info.size, info.etag) == (len(WHOLE), "0123456789abcdef")


def test_a_listing_whose_answer_has_half_a_head_is_never_an_empty_one(cutting_store) -> None:
    Cutting.sent = [len(b"HTTP/1.1 200 OK\r\n")] * 4
    with pytest.raises(Unavailable):
        list(cutting_store.list(""))
