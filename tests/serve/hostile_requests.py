"""Requests that mean harm, sent byte by byte, and what has to come of each."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

ELSEWHERE = "evil.example"
SCRIPT = "%3Cscript%3Ealert(1)%3C%2Fscript%3E"


@dataclass(frozen=True)
class Hostile:
    """A request, the statuses that are right for it, and what must not come back.

    Status 0: the connection is ended without an answer.
    """

    name: str
    path: str
    right: tuple[int, ...]
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    never: str = "root:"


def requests(batch: str) -> list[Hostile]:
    """All of them, against a batch with a report."""
    api = f"/api/v1/batches/{batch}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    word = {"Content-Type": "application/json"}
    return [
        # Out of the folder
        Hostile(
            "a batch called ../../etc/passwd", "/api/v1/batches/..%2F..%2Fetc%2Fpasswd", (404, 422)
        ),
        Hostile("a file above static/", "/static/../../../../etc/passwd", (404,)),
        Hostile("the same, written in percents", "/static/%2e%2e%2f%2e%2e%2fetc%2fpasswd", (404,)),
        Hostile(
            "a recording called ../../../etc/passwd",
            f"{api}/messages?recording=../../../etc/passwd&offset=0",
            (422,),
        ),
        Hostile(
            "a table called ../manifest", f"{api}/messages?recording=a&table=../m&offset=0", (422,)
        ),
        Hostile(
            "statistics called ../../incoming", f"{api}/statistics/..%2F..%2Fincoming", (404, 422)
        ),
        Hostile("a chart with a zero byte", f"{api}/charts/top_codes%00.png", (400, 404, 422)),
        Hostile("a path of bytes that are no text", "/batches/%ff%fe", (404, 422)),
        # Into the database
        Hostile(
            "SQL as a platform",
            "/api/v1/batches?platform=';DROP%20TABLE%20argus.batches;--",
            (200,),
        ),
        Hostile(
            "SQL as a vehicle", "/api/v1/batches?vehicle=x'%20OR%20'1'='1", (200,), never=batch
        ),
        Hostile("SQL as a fault", "/api/v1/firmware_comparison?fault=x'%20OR%201=1--", (200,)),
        Hostile("a cursor that was made up", "/api/v1/batches?cursor=WyIyMDI2IiwgIjsiXQ", (422,)),
        Hostile("a pattern as a batch", "/api/v1/batches/%25~%25", (404, 422), never=batch),
        Hostile("a zero byte in a search", "/api/v1/search?q=a%00b", (422,)),
        # Into the page
        Hostile("a script as a search", f"/search?q={SCRIPT}", (200,), never="<script>alert"),
        Hostile(
            "a script as a filter", f"/batches?platform={SCRIPT}", (200,), never="<script>alert"
        ),
        Hostile("a script as a day", f"/batches?since={SCRIPT}", (422,), never="<script>alert"),
        Hostile("a script as a batch", f"/batches/{SCRIPT}", (404, 422), never="<script>alert"),
        Hostile("a script as a campaign", f"/campaigns/{SCRIPT}", (404,), never="<script>alert"),
        Hostile("a line break in a language", "/?lang=en%0d%0aX-Evil:%201", (200,)),
        Hostile(
            "a way back to another server",
            f"/sign-in?next=//{ELSEWHERE}",
            (200,),
            never=f'value="//{ELSEWHERE}',
        ),
        # As somebody else
        Hostile("another server's name", "/", (421,), headers={"Host": ELSEWHERE}),
        Hostile(
            "a form from another page",
            f"/batches/{batch}/feedback",
            (403,),
            "POST",
            {"Origin": f"http://{ELSEWHERE}", **form},
            b"judgement=confirmed",
        ),
        Hostile(
            "the same, as browsers say it",
            f"/batches/{batch}/feedback",
            (403,),
            "POST",
            {"Sec-Fetch-Site": "cross-site", **form},
            b"judgement=confirmed",
        ),
        Hostile(
            "a token that was guessed",
            "/api/v1/batches",
            (401,),
            headers={"Authorization": "Bearer argus_00000000"},
        ),
        Hostile(
            "a name as if by a proxy",
            f"{api}/feedback",
            (401,),
            "POST",
            {"X-Forwarded-User": "admin", **word},
            b'{"judgement": "confirmed"}',
        ),
        Hostile("deleting a batch", api, (405,), "DELETE"),
        Hostile("TRACE", "/", (405,), "TRACE"),
        # Too much
        Hostile("an address of 100 KB", "/search?q=" + "a" * 100_000, (0, 400, 414)),
        Hostile("a header of 1 MB", "/", (0, 400, 431), headers={"X-Long": "a" * 1_000_000}),
        Hostile("a search of 3,000 characters", "/api/v1/search?q=" + "a" * 3000, (422,)),
        Hostile("a page of a billion batches", "/api/v1/batches?limit=1000000000", (422,)),
        Hostile("messages before the beginning", f"{api}/messages?recording=a&offset=-1", (422,)),
        Hostile(
            "an offset of 2^64", f"{api}/messages?recording=a&offset=18446744073709551616", (422,)
        ),
        Hostile("a body of 10 MB", f"{api}/feedback", (0, 413), "POST", word, b"x" * 10_000_000),
        Hostile(
            "JSON nested 20,000 deep",
            f"{api}/feedback",
            (400, 401, 422),
            "POST",
            word,
            b"[" * 20_000,
        ),
        Hostile(
            "two lengths, for two servers to disagree on",
            f"{api}/feedback",
            (0, 400, 401),
            "POST",
            {"Transfer-Encoding": "chunked", **word},
            b"0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n",
        ),
        Hostile(
            "a place in the log that is a text",
            "/api/v1/fleet/progress",
            (200,),
            headers={"Last-Event-ID": "1;DROP"},
        ),
    ]


@dataclass(frozen=True)
class Came:
    """What came back."""

    status: int
    text: str
    seconds: float


def send(address: str, one: Hostile, *, patience: float = 15) -> Came:
    """Send it as it is, with nothing put right by a library, and read what comes first."""
    parts = urlsplit(address)
    headers = {"Host": parts.netloc, "Connection": "close", **one.headers}
    if one.body:
        headers["Content-Length"] = str(len(one.body))
    lines = [f"{one.method} {one.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
    begun = time.monotonic()
    with socket.create_connection(
        (parts.hostname or "", parts.port or 80), timeout=patience
    ) as out:
        answer = b""
        # It may not want to hear all of it.
        with suppress(BrokenPipeError, ConnectionResetError):
            out.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + one.body)
        with suppress(ConnectionResetError, TimeoutError):
            while len(answer) < 4_000_000:
                piece = out.recv(65536)
                answer += piece
                if not piece or (b"text/event-stream" in answer and b"\n\n" in answer):
                    break
    status = int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0
    return Came(status, answer.decode("utf-8", "replace"), time.monotonic() - begun)
