"""Runs that are to be handed out while the broker is away."""

from __future__ import annotations

import pytest

from argus_pipeline.errors import Unavailable
from argus_pipeline.patience import patiently


def failing(times: int, error: Exception):
    left = iter(range(times))

    def do() -> str:
        if next(left, None) is not None:
            raise error
        return "done"

    return do


def test_it_is_done_once_what_it_needs_is_back() -> None:
    assert patiently(failing(3, Unavailable("away")), longest_wait_s=0.01) == "done"


def test_another_error_is_not_waited_out() -> None:
    with pytest.raises(ValueError, match="wrong"):
        patiently(failing(1, ValueError("wrong")), longest_wait_s=60)


def test_patience_ends() -> None:
    with pytest.raises(Unavailable):
        patiently(failing(1000, Unavailable("away")), patience_s=0.05, longest_wait_s=0.01)
