from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.errors import Unavailable
from argus_pipeline.stack import ports


@contextmanager
def taken(port: int) -> Iterator[None]:
    with socket.socket() as server:
        server.bind((ports.HOST, port))
        server.listen()
        yield


@given(st.integers(1, 6), st.sampled_from([None, ports.GRPC_OFFSET]))
def test_ports_are_free_and_different_with_their_pairs(count: int, offset: int | None) -> None:
    chosen = ports.free_ports(count, offset=offset)
    everything = [p + o for p in chosen for o in ({0, offset} - {None})]
    assert len(set(everything)) == len(everything)
    assert all(map(ports.is_free, everything))


def test_a_preferred_port_is_taken_again() -> None:
    first = ports.free_ports(3, offset=ports.GRPC_OFFSET)
    assert ports.free_ports(3, preferred=first, offset=ports.GRPC_OFFSET) == first


def test_only_the_port_in_use_is_replaced() -> None:
    first = ports.free_ports(3, offset=ports.GRPC_OFFSET)
    with taken(first[1]):
        second = ports.free_ports(3, preferred=first, offset=ports.GRPC_OFFSET)
    assert (second[0], second[2]) == (first[0], first[2])
    assert second[1] not in first


def test_a_port_whose_pair_is_in_use_is_replaced() -> None:
    (first,) = ports.free_ports(1, offset=ports.GRPC_OFFSET)
    with taken(first + ports.GRPC_OFFSET):
        assert ports.free_ports(1, preferred=[first], offset=ports.GRPC_OFFSET) != [first]


def test_no_port_left_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: False)
    with pytest.raises(Unavailable, match="no free port"):
        ports.free_ports(1)
