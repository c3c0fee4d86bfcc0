"""What stands before every request: names, size, rate and time; and what every answer carries."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from argus_pipeline.serve.options import Options
from argus_pipeline.serve.problems import problem

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # Under `no-referrer` browsers send forms with `Origin: null`, which is not ours.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Frame-Options": "DENY",
}
MAX_URL: Final = 4096
_CLIENTS: Final = 10_000
_LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
# A model may take its time over a question.
_QUESTION_SECONDS: Final = 120.0
METHODS: Final = frozenset({"GET", "HEAD", "POST", "OPTIONS"})


class Meter:
    """Counts and durations of requests, for /metrics. `seconds` sums them up by route."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, int], int] = {}
        self.seconds: dict[str, float] = {}

    def add(self, route: str, status: int, seconds: float) -> None:
        """One request more."""
        self.requests[route, status] = self.requests.get((route, status), 0) + 1
        self.seconds[route] = self.seconds.get(route, 0.0) + seconds


class Rate:
    """A bucket of permissions for each client: it fills steadily, and a request takes one."""

    def __init__(
        self, per_second: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second, self._burst, self._clock = per_second, burst, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> float:
        """Take a permission; returns 0, or the seconds until there is one again."""
        now = self._clock()
        left, before = self._left.pop(client, (self._burst, now))
        left = min(self._burst, left + (now - before) * self._per_second)
        allowed = left >= 1
        self._left[client] = (left - 1 if allowed else left, now)
        while len(self._left) > _CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self._per_second


class _TooLarge(Exception):
    pass


class Guard:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, options: Options, meter: Meter) -> None:
        self._app, self._options, self._meter = app, options, meter
        self._rate = Rate(options.requests_per_second, options.burst)
        per_minute = options.questions_per_minute
        self._questions = Rate(per_minute / 60, max(per_minute / 2, 1))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                took = (time.perf_counter() - begun) * 1e3
                headers["Server-Timing"] = f"app;dur={took:.2f}"
            await send(message)

        try:
            await self._guarded(scope, receive, answer, lambda: status)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._meter.add(route, status, time.perf_counter() - begun)

    async def _guarded(
        self, scope: Scope, receive: Receive, send: Send, status: Callable[[], int]
    ) -> None:
        refused = self._refuse(scope)
        if refused is not None:
            await refused(scope, receive, send)
            return
        path: str = scope["path"]
        if path.endswith("/progress"):
            await self._app(scope, receive, send)
            return
        asks = path.endswith("/questions")
        try:
            async with asyncio.timeout(_QUESTION_SECONDS if asks else self._options.seconds):
                await self._app(scope, self._bounded(receive), send)
        except TimeoutError:
            if status() == 0:
                late = problem(503, "this took too long", headers={"Retry-After": "5"})
                await late(scope, receive, send)
        except _TooLarge:
            if status() == 0:
                await problem(413, "the request is too large")(scope, receive, send)

    def _bounded(self, receive: Receive) -> Receive:
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._options.body_bytes:
                raise _TooLarge
            return message

        return bounded

    def _refuse(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        if not self._is_ours(headers.get("host", "")):
            return problem(421, "this server is not called by that name")
        raw = scope.get("raw_path") or b""
        if len(raw) + len(scope.get("query_string", b"")) > MAX_URL:
            return problem(414, "the address is too long")
        if any(character < " " or character == "\x7f" for character in scope["path"]):
            return problem(400, "the address holds control characters")
        if scope["method"] not in METHODS:
            return problem(405, "only reading is possible", headers={"Allow": "GET, HEAD"})
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._options.body_bytes:
            return problem(413, "the request is too large")
        if scope["method"] == "POST" and not _same_origin(headers):
            return problem(403, "this came from another page")
        wait = self._rate.take(self._client(scope, headers))
        if not wait and scope["path"].endswith("/questions"):
            wait = self._questions.take(self._client(scope, headers))
        if wait:
            after = {"Retry-After": str(int(wait) + 1)}
            return problem(429, "too many requests", headers=after)
        return None

    def _client(self, scope: Scope, headers: Headers) -> str:
        client = scope.get("client")
        peer: str = client[0] if client else ""
        user = self._options.user_of(peer, headers)
        return f"user {user[:64]}" if user else peer

    def _is_ours(self, host: str) -> bool:
        """Whether a name is ours: a page elsewhere may have its name lead to 127.0.0.1."""
        name = urlsplit(f"//{host}").hostname if host and _plain(host) else None
        if name in self._options.hosts:
            return True
        if self._options.local:
            return name in _LOCAL_NAMES
        return name is not None and not self._options.hosts


def _plain(host: str) -> bool:
    return all(c.isalnum() or c in ".-:[]_" for c in host)


def _same_origin(headers: Headers) -> bool:
    """Whether a browser says that our own page sends this; programs say nothing of it."""
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")
