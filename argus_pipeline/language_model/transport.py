"""An HTTP transport that bounds a call as a whole: in time and in bytes.

httpx bounds each read only, so an endpoint that sends one byte now and then could hold a call for
ever. Here a call takes at most the time to connect, plus `answer_s`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import httpx


class BoundedTransport(httpx.BaseTransport):
    """Breaks off a call that takes too long or says too much.

    Args:
        answer_s: seconds for a call, from sending it to its last byte.
        max_bytes: of an answer.
    """

    def __init__(self, answer_s: float, max_bytes: int) -> None:
        self._inner = httpx.HTTPTransport()
        self._answer_s = answer_s
        self._max_bytes = max_bytes

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; its answer is read under the bounds."""
        until = time.monotonic() + self._answer_s
        response = self._inner.handle_request(request)
        assert isinstance(response.stream, httpx.SyncByteStream)
        connection = response.extensions.get("network_stream")
        wire = None if connection is None else connection.get_extra_info("socket")
        stream = _Bounded(response.stream, until, self._max_bytes, wire, request)
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=stream,
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Close all connections."""
        self._inner.close()


class _Bounded(httpx.SyncByteStream):
    def __init__(
        self,
        stream: httpx.SyncByteStream,
        until: float,
        max_bytes: int,
        wire: socket.socket | None,
        request: httpx.Request,
    ) -> None:
        self._stream = stream
        self._until = until
        self._left = max_bytes
        self._request = request
        # A read that waits for a silent endpoint wakes up when its socket is shut down.
        self._alarm = threading.Timer(max(until - time.monotonic(), 0.0), _shut, [wire])
        self._alarm.daemon = True
        self._alarm.start()

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            self._left -= len(chunk)
            self._in_time()
            if self._left < 0:
                raise httpx.ReadError("the answer is too long", request=self._request)
            yield chunk
        # Of a body without a length, the end looks the same as a connection that was shut down.
        self._in_time()

    def _in_time(self) -> None:
        if time.monotonic() > self._until:
            raise httpx.ReadTimeout("the answer took too long", request=self._request)

    def close(self) -> None:
        self._alarm.cancel()
        self._stream.close()


def _shut(wire: socket.socket | None) -> None:
    if wire is not None:
        with contextlib.suppress(OSError):
            wire.shutdown(socket.SHUT_RDWR)
