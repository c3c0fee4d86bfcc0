from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from argus_pipeline.errors import ArgusError, Unavailable
from argus_pipeline.knowledge.endpoint import ATTEMPTS, TEXTS_A_CALL, EndpointEmbedder, retry_after


@dataclass
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Callable[[dict[str, Any]], bytes] = b""
    pieces: int = 1
    pause_s: float = 0.0


def embeddings(request: dict[str, Any]) -> bytes:
    """Vectors of length 2, in the wrong order, as the interface allows."""
    data = [
        {"index": n, "embedding": [2.0 * len(text), 0.0 if n % 2 else 1.0]}
        for n, text in enumerate(request["input"])
    ]
    return json.dumps({"data": data[::-1]}).encode()


GOOD = Answer(body=embeddings)


class Server:
    """An endpoint that gives the answers of a script in turn, the last one for ever."""

    def __init__(self) -> None:
        self.script: list[Answer] = [GOOD]
        self.requests: list[tuple[str, str | None, dict[str, Any]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.requests.append((self.path, self.headers["Authorization"], body))
                answer = outer.script.pop(0) if len(outer.script) > 1 else outer.script[0]
                content = answer.body if isinstance(answer.body, bytes) else answer.body(body)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                step = -(-len(content) // answer.pieces) or 1
                for start in range(0, len(content), step):
                    try:
                        self.wfile.write(content[start : start + step])
                    except OSError:
                        return
                    time.sleep(answer.pause_s)

            def log_message(self, *_: object) -> None:
                return

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"
        self.thread = threading.Thread(target=self.http.serve_forever)
        self.thread.start()

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def pauses() -> list[float]:
    return []


def client(server: Server, pauses: list[float], **options: Any) -> EndpointEmbedder:
    return EndpointEmbedder(server.url, "m", key="sk-hunter2", sleep=pauses.append, **options)


def test_vectors_come_in_the_order_of_the_texts_and_have_length_one(
    server: Server, pauses: list[float]
) -> None:
    vectors = client(server, pauses).embed(["a", "bb", "ccc"])
    np.testing.assert_allclose(vectors, [[2, 1] / np.sqrt(5), [1, 0], [6, 1] / np.sqrt(37)], 1e-6)
    assert vectors.dtype == np.float32
    ((path, key, body),) = server.requests
    assert (path, key) == ("/v1/embeddings", "Bearer sk-hunter2")
    assert body == {"model": "m", "input": ["a", "bb", "ccc"], "encoding_format": "float"}


def test_many_texts_go_in_several_calls_and_empty_ones_as_a_dash(
    server: Server, pauses: list[float]
) -> None:
    assert client(server, pauses).embed([""] * (TEXTS_A_CALL + 1)).shape == (TEXTS_A_CALL + 1, 2)
    assert [len(body["input"]) for _, _, body in server.requests] == [TEXTS_A_CALL, 1]
    assert server.requests[0][2]["input"][0] == "-"


def test_the_dimension_is_asked_once(server: Server, pauses: list[float]) -> None:
    embedder = client(server, pauses)
    assert embedder.embed([]).shape == (0, 2)
    assert embedder.dimension == 2
    assert len(server.requests) == 1


def test_the_full_address_is_taken_as_well_as_the_base(server: Server) -> None:
    EndpointEmbedder(server.url + "/embeddings/", "m").embed(["a"])
    assert server.requests[0][:2] == ("/v1/embeddings", None)


def test_a_pause_that_the_server_asks_for_is_kept(server: Server, pauses: list[float]) -> None:
    server.script = [Answer(429, {"Retry-After": "7"}), Answer(503), GOOD]
    assert client(server, pauses).embed(["a"]).shape == (1, 2)
    assert pauses == [7.0, 1.0]


def test_a_server_that_always_wants_a_pause_is_given_up(
    server: Server, pauses: list[float]
) -> None:
    server.script = [Answer(429, {"Retry-After": "1"}, b"slow down")]
    with pytest.raises(Unavailable, match="429: slow down"):
        client(server, pauses).embed(["a"])
    assert len(server.requests) == ATTEMPTS
    assert pauses == [1.0] * (ATTEMPTS - 1)


def test_a_pause_that_is_too_long_is_not_waited_for(server: Server, pauses: list[float]) -> None:
    server.script = [Answer(429, {"Retry-After": "3600"})]
    with pytest.raises(Unavailable, match="pause of 3600 s"):
        client(server, pauses).embed(["a"])
    assert pauses == []


def test_a_refusal_is_not_tried_again_and_shows_no_key(server: Server, pauses: list[float]) -> None:
    server.script = [Answer(401, body=b'{"error": "bad key"}')]
    with pytest.raises(ArgusError, match=r"401.*bad key.*ARGUS_EMBEDDINGS_KEY") as error:
        client(server, pauses).embed(["a"])
    assert not isinstance(error.value, Unavailable)
    assert "hunter2" not in str(error.value)
    assert len(server.requests) == 1


def test_a_server_that_is_not_there_is_unavailable(pauses: list[float]) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        EndpointEmbedder("http://127.0.0.1:1", "m", sleep=pauses.append).embed(["a"])
    assert len(pauses) == ATTEMPTS - 1


def test_an_address_that_is_none_is_an_error(pauses: list[float]) -> None:
    with pytest.raises(ArgusError, match="cannot be used"):
        EndpointEmbedder("ftp://127.0.0.1", "m", sleep=pauses.append).embed(["a"])


def test_an_answer_in_slow_drops_is_given_up_in_time(server: Server, pauses: list[float]) -> None:
    server.script = [Answer(body=embeddings, pieces=50, pause_s=0.05)]
    started = time.monotonic()
    with pytest.raises(Unavailable, match="more than"):
        client(server, pauses, answer_s=0.3).embed(["a"])
    assert time.monotonic() - started < ATTEMPTS * 1.0


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b'{"data": []}',
        b'{"data": [{"index": 0}]}',
        b'{"data": [{"index": 1, "embedding": [1.0]}]}',
        b'{"data": [{"index": 0, "embedding": []}]}',
        b'{"data": [{"index": 0, "embedding": [NaN]}]}',
        b'{"data": [{"index": 0, "embedding": "AAAA"}]}',
        b'{"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0]}]}',
    ],
)
def test_an_answer_that_is_no_list_of_vectors_is_an_error(
    server: Server, pauses: list[float], body: bytes
) -> None:
    server.script = [Answer(body=body)]
    with pytest.raises(ArgusError, match="the endpoint's answer"):
        client(server, pauses).embed(["a"])


NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("5", 5.0),
        ("Mon, 23 Nov 2026 10:15:20 GMT", 20.0),
        ("Mon, 23 Nov 2026 10:14:00 GMT", 0.0),
        ("soon", None),
        ("²", None),
        ("-3", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds
