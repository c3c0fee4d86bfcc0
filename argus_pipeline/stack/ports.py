"""Free ports of 127.0.0.1.

They are taken from below the range that the kernel gives to outgoing connections (32768 and up), so
that an address which was free yesterday is likely to be free at the next start as well.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable, Sequence
from typing import Final

from argus_pipeline.errors import Unavailable
from argus_pipeline.stack.processes import wait_until

HOST: Final = "127.0.0.1"
GRPC_OFFSET: Final = 10_000
_LOWEST: Final = 15_000
_HIGHEST: Final = 22_700
_LINGER_S: Final = 1.0


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        # As servers do, so that connections which linger after a stop do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_ports(
    count: int, *, preferred: Sequence[int] = (), offset: int | None = None
) -> list[int]:
    """Choose different free ports.

    Args:
        count: how many.
        preferred: taken where still free, each in its own place.
        offset: with it, `port + offset` is free for each as well and belongs to it.

    Raises:
        Unavailable: there are not enough.
    """
    # A server that was just killed holds its port until its last thread is gone.
    wait_until(lambda: all(_fits(port, offset, set()) for port in preferred), _LINGER_S)
    taken: set[int] = set()
    others = iter(random.sample(range(_LOWEST, _HIGHEST), _HIGHEST - _LOWEST))
    chosen = []
    for place in range(count):
        wish = preferred[place : place + 1]
        port = next((p for p in _both(wish, others) if _fits(p, offset, taken)), None)
        if port is None:
            raise Unavailable("no free port is left on 127.0.0.1")
        taken |= _pair(port, offset)
        chosen.append(port)
    return chosen


def _both(first: Iterable[int], then: Iterable[int]) -> Iterable[int]:
    yield from first
    yield from then


def _pair(port: int, offset: int | None) -> set[int]:
    return {port} if offset is None else {port, port + offset}


def _fits(port: int, offset: int | None, taken: set[int]) -> bool:
    pair = _pair(port, offset)
    return not pair & taken and all(map(is_free, pair))
