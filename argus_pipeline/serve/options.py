"""How the server listens and what it grants, and the one rule that refuses to start it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from argus_pipeline.errors import ArgusError

HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Options:
    """What `argus serve` was told.

    Attributes:
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        tokens: readers have to bring a token.
        proxy: an authenticating proxy stands before it: whoever comes through it may read.
        proxies: the addresses that this proxy comes from; nobody else is believed.
        hosts: further names under which the server may be called.
        requests_per_second: what one reader may ask for, on average; `burst` at once.
        questions_per_minute: of these, questions in words.
        seconds: how long one request may take, the whole body and answer included.
        body_bytes: how large a request may be.
        listeners: how many streams of progress a process carries.
        stream_seconds: after which a stream ends by itself; its reader comes again.
    """

    host: str = HOST
    port: int = 0
    tokens: bool = False
    proxy: bool = False
    proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    hosts: tuple[str, ...] = field(default=())
    requests_per_second: float = 50.0
    burst: int = 300
    questions_per_minute: float = 20.0
    seconds: float = 30.0
    body_bytes: int = 64 * 1024
    listeners: int = 2000
    stream_seconds: float = 3600.0

    @property
    def local(self) -> bool:
        """Whether only programs of this machine can come."""
        return is_loopback(self.host)

    def user_of(self, peer: str, headers: Mapping[str, str]) -> str | None:
        """Who comes, as the proxy says; None where it is not the proxy that says so."""
        if not self.proxy or peer not in self.proxies:
            return None
        return headers.get("x-forwarded-user") or headers.get("remote-user") or None


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def require_guard(options: Options) -> None:
    """Refuse to serve others than this machine without anybody at the door.

    Raises:
        ArgusError: neither tokens nor a proxy guard it.
    """
    if options.local or options.tokens or options.proxy:
        return
    raise ArgusError(
        f"whoever reaches {options.host} could read every report",
        where="--host",
        expected="127.0.0.1, or --tokens, or --behind-proxy where a proxy asks who comes",
        hint="`argus serve token add NAME` makes a token",
    )
