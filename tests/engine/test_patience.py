"""Runs that are to be handed out while the broker is away."""

from __future__ import annotations

import pytest

from argus_pipeline.engine.patience import while_away


def failing(times: int, error: Exception):
    left = iter(range(times))

    def do() -> str:
        if next(left, None) is not None:
            raise error
        return "done"

    return do


def test_it_is_done_once_what_it_needs_is_back() -> None:
    do = failing(3, ConnectionError("away"))
    is_away = lambda error: isinstance(error, ConnectionError)  # noqa: E731
    assert while_away(do, is_away, what="the broker", pause_s=0.01) == "done"


def test_another_error_is_not_waited_out() -> None:
    with pytest.raises(ValueError, match="wrong"):
        while_away(failing(1, ValueError("wrong")), lambda _: False, what="it", pause_s=60)


def test_patience_ends() -> None:
    with pytest.raises(ConnectionError):
        while_away(
            failing(1000, ConnectionError("away")),
            lambda _: True,
            what="it",
            patience_s=0.05,
            pause_s=0.01,
        )
