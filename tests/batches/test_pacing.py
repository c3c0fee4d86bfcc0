"""How many runs one look at the uploads requests."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.batches.pacing import LEAST, MOST, TICK_S, Pace


def after(pace: Pace, seconds_a_run: float) -> Pace:
    """One look that requests what it may, on a machine that takes so long for each."""
    asked = pace.affordable()
    times = [1000.0 + seconds_a_run * (number + 1) for number in range(asked)]
    return Pace(pace.seconds_a_run, asked, 1000.0).measured(times, times[-1])


def test_nothing_is_known_at_first_and_a_few_are_requested() -> None:
    assert Pace().affordable() == 3


def test_on_a_busy_machine_no_look_takes_longer_than_its_time() -> None:
    pace = after(Pace(), 1.0)
    assert pace.affordable() == 1
    pace = after(pace, 0.4)
    assert pace.affordable() == 2, "it may have been a moment"
    assert after(pace, 0.4).affordable() == 3
    assert after(pace, 3.0).affordable() == 1


def test_on_a_fast_one_it_is_more_from_look_to_look() -> None:
    pace, counts = Pace(), []
    for _ in range(13):
        counts.append(pace.affordable())
        pace = after(pace, 0.005)
    assert counts == [3, 4, 6, 8, 12, 17, 25, 36, 52, 74, 106, 151, MOST]


def test_what_a_look_has_used_is_not_there_for_runs() -> None:
    assert Pace(0.1, 50).affordable(1.0) == 10
    assert Pace(0.1, 50).affordable(60) == 15
    assert Pace(0.1, 50).affordable(-1.0) == LEAST


def test_after_a_quiet_time_it_begins_as_slow_as_it_was_and_no_faster_than_at_first() -> None:
    assert Pace(0.7, 0).measured([], 2000.0).affordable() == 2
    assert Pace(0.001, 0).measured([], 2000.0).affordable() == 3
    assert Pace(0.7, 1, 1000.0).measured([900.0], 2000.0).affordable() == 2, "the clock was set"
    assert Pace(0.7, 1, 1000.0).measured([9000.0], 2000.0).affordable() == 2, "somebody else's run"


@given(st.floats(0, 1e9), st.integers(0, 10_000), st.lists(st.floats(0, 2e9), max_size=50))
def test_some_are_requested_whatever_was_measured(seconds, requested, created) -> None:
    pace = Pace(seconds, requested, 1e9).measured(created, 2e9)
    assert LEAST <= pace.affordable() <= MOST
    assert pace.affordable() == LEAST or pace.affordable() * pace.seconds_a_run <= TICK_S * 1.001
