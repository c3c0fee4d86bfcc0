"""Runs the application on a socket, and lets nobody hold a connection by being slow."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from argus_pipeline.errors import ArgusError
from argus_pipeline.serve.options import Options

HEAD_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 20
CONNECTIONS: Final = 4000
HEAD_BYTES: Final = 64 * 1024
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


class Impatient(HttpToolsProtocol):
    """Ends connections whose request line and headers do not come in time, or are too large."""

    _waiting: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Count what comes before a head is whole."""
        if self._waiting is not None:
            self._head += len(data)
            # What came together with the end of a head is its body.
            if self._head > HEAD_BYTES and b"\r\n\r\n" not in data:
                self.transport.write(_TOO_LARGE)
                self._end()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A further request on the same connection has its time, too."""
        super().on_message_begin()
        if self._waiting is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._forget()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._forget()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(HEAD_SECONDS, self._end)

    def _forget(self) -> None:
        self._head = 0
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _end(self) -> None:
        self._waiting = None
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()


def listen(options: Options) -> socket.socket:
    """A socket that listens, so that the address is known before the server starts.

    Raises:
        ArgusError: the address is none of this machine's, or taken.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((options.host, options.port))
    except OSError as error:
        sock.close()
        raise ArgusError(
            f"{options.host} port {options.port} cannot be listened on: {error}",
            where="--port",
            hint="Leave --port away and a free one is chosen",
        ) from error
    return sock


def address(sock: socket.socket) -> str:
    """The address of the pages."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_server(app: FastAPI, **more: Any) -> uvicorn.Server:
    """The server; `run(sockets=[...])` serves until it is told to stop."""
    config = uvicorn.Config(
        app,
        http=Impatient,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=3,
        limit_concurrency=CONNECTIONS,
        h11_max_incomplete_event_size=16 * 1024,
        proxy_headers=False,
        **more,
    )
    return uvicorn.Server(config)
