from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.statistics import schemas
from argus_pipeline.statistics.timeline import MAX_BINS, bin_width, timeline

START = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)


def seconds(*counts: tuple[datetime, int]) -> pl.DataFrame:
    return pl.DataFrame(
        [(time, "info", messages) for time, messages in counts],
        schema={"time": schemas.TIME, "severity": pl.String, "messages": pl.UInt64},
        orient="row",
    )


@pytest.mark.parametrize(
    ("span", "width"),
    [(0, 1), (100, 1), (200, 2), (3_599, 30), (3_600, 60), (86_400, 900), (2_591_999, 21_600)],
)
def test_bins_are_as_fine_as_the_span_allows(span: int, width: int) -> None:
    start = 1_795_392_000  # a midnight
    assert bin_width(start, start + span) == width


@given(st.integers(-(2**33), 2**33), st.integers(0, 2**34), st.integers(1, 500))
def test_any_span_fits_into_the_bins(first: int, span: int, most: int) -> None:
    width = bin_width(first, first + span, max_bins=max(most, 2))
    assert (first + span) // width - first // width + 1 <= max(most, 2)


@given(
    st.lists(
        st.tuples(
            st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
            st.integers(1, 10_000),
        ),
        max_size=30,
    )
)
def test_a_time_line_never_has_more_bins_or_messages_than_it_may(
    counts: list[tuple[datetime, int]],
) -> None:
    whole = [(time.replace(microsecond=0), messages) for time, messages in counts]
    found = timeline(seconds(*whole))
    assert found.schema == schemas.SCHEMAS["timeline"]
    assert found["start"].n_unique() <= MAX_BINS
    assert found["messages"].sum() <= sum(messages for _, messages in counts)
    assert found.is_empty() == (not counts)


def test_times_of_a_clock_that_was_not_set_do_not_stretch_the_time_line() -> None:
    epoch = datetime(1970, 1, 1, 0, 0, 3, tzinfo=UTC)
    found = timeline(seconds((epoch, 50), (START, 3), (START + timedelta(seconds=9), 4)))
    assert found["start"].min() == START
    assert found["messages"].sum() == 7


def test_where_no_clock_was_ever_set_its_times_are_better_than_none() -> None:
    epoch = datetime(1970, 1, 1, 0, 0, 3, tzinfo=UTC)
    assert timeline(seconds((epoch, 50)))["start"].to_list() == [epoch]


def test_a_few_messages_that_a_jump_put_far_away_are_left_out() -> None:
    far = START + timedelta(days=20)
    usual = [(START + timedelta(seconds=n), 10) for n in range(60)]
    found = timeline(seconds(*usual, (far, 3)))
    assert found["start"].max() < far
    assert found["messages"].sum() == 600


def test_a_second_drive_after_a_few_days_is_no_jump() -> None:
    later = START + timedelta(days=3)
    drives = [(day + timedelta(minutes=n), 10) for day in (START, later) for n in range(60)]
    assert timeline(seconds(*drives))["messages"].sum() == 1_200


def test_bins_are_aligned_and_as_wide_as_they_say() -> None:
    found = timeline(seconds((START + timedelta(seconds=7), 1), (START + timedelta(hours=1), 1)))
    widths = (found["end"] - found["start"]).unique().to_list()
    assert widths == [timedelta(seconds=60)]
    assert found["start"][0] == START
