from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.statistics.firmware import (
    EVER,
    NEVER,
    Evidence,
    Sighting,
    Update,
    find_update,
    same_version,
)

OLD, NEW = "v2.2.9", "v2.3.1"
HOUR = 3_600_000_000_000


def seen(ecu: str, *course: tuple[int, str | None]) -> list[Sighting]:
    return [Sighting(ecu, hour * HOUR, version) for hour, version in course]


def test_without_an_earlier_firmware_everything_counts_under_the_one() -> None:
    update = find_update(NEW, None, seen("GW", (1, OLD), (2, NEW)))
    assert update.evidence is Evidence.NONE_NAMED
    assert update.at(0) == update.at(None) == update.during(None, None) == NEW


def test_an_ecu_is_updated_at_the_first_boot_after_the_last_that_ran_anything_else() -> None:
    rolled_back = seen("GW", (1, OLD), (2, NEW), (3, OLD), (5, "2.3.1"), (7, NEW))
    update = find_update(NEW, OLD, rolled_back)
    assert update.evidence is Evidence.SOFTWARE
    assert update.moments == {"GW": 5 * HOUR}
    assert update.during(3 * HOUR, 4 * HOUR, "GW") == OLD
    assert update.during(5 * HOUR, 6 * HOUR, "GW") == NEW


def test_while_ecus_are_updated_one_after_the_other_the_vehicle_cannot_be_placed() -> None:
    course = seen("GW", (1, OLD), (4, NEW)) + seen("ABS", (1, OLD), (6, NEW))
    update = find_update(NEW, OLD, course)
    assert (update.began, update.ended) == (4 * HOUR, 6 * HOUR)
    assert [update.at(hour * HOUR) for hour in (3, 5, 6)] == [OLD, None, NEW]
    assert update.at(5 * HOUR, "GW") == NEW
    assert update.at(5 * HOUR, "ABS") == OLD
    # An ECU that never says what it runs: before, after, and running on through the update.
    assert update.during(1 * HOUR, 4 * HOUR, "BMS") == OLD
    assert update.during(6 * HOUR, 9 * HOUR, "BMS") == NEW
    assert update.during(1 * HOUR, 9 * HOUR, "BMS") is None


def test_a_log_that_begins_under_the_new_firmware_follows_the_update() -> None:
    update = find_update(NEW, OLD, seen("GW", (1, NEW)) + seen("ABS", (1, None)))
    assert update.evidence is Evidence.FOLLOWS
    assert update.at(0) == update.during(None, None, "ABS") == NEW


def test_ecus_with_numbers_of_their_own_are_updated_where_these_change() -> None:
    course = seen("GW", (1, "GW-17"), (2, "GW-17"), (5, "GW-18")) + seen("ABS", (1, "A3"))
    update = find_update(NEW, OLD, course)
    assert (update.evidence, update.began) == (Evidence.SOFTWARE, 5 * HOUR)


def test_the_last_message_of_an_update_ends_it() -> None:
    update = find_update(NEW, OLD, (), [3 * HOUR, 7 * HOUR, 5 * HOUR])
    assert update.evidence is Evidence.PROGRESS
    assert [update.at(hour * HOUR) for hour in (6, 7)] == [OLD, NEW]


def test_what_ran_before_the_new_version_was_first_named_is_unknown() -> None:
    update = find_update(NEW, OLD, seen("GW", (1, None), (4, NEW)))
    assert update.evidence is Evidence.LATE
    assert [update.at(hour * HOUR) for hour in (1, 4)] == [None, NEW]


def test_where_only_the_old_version_was_named_the_rest_is_unknown() -> None:
    update = find_update(NEW, OLD, seen("GW", (1, OLD), (4, OLD)))
    assert update.evidence is Evidence.NOT_SEEN
    assert (update.began, update.ended) == (4 * HOUR, NEVER)
    assert [update.at(hour * HOUR) for hour in (3, 5)] == [OLD, None]
    assert update.during(3 * HOUR, 5 * HOUR) is None


def test_without_any_evidence_nothing_is_placed() -> None:
    update = find_update(NEW, OLD, seen("GW", (1, None)))
    assert update.evidence is Evidence.UNKNOWN
    assert update.at(HOUR) is None
    assert update.during(HOUR, 2 * HOUR) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("v2.3.1", "2.3.1", True),
        ("V2.3.1", "sw-2.3.1", True),
        ("v2.3.1", "v2.3.10", False),
        ("GW-17", " gw-17 ", True),
        ("GW-17", "2.3.1", False),
    ],
)
def test_versions_are_compared_as_versions(one: str, other: str, *, same: bool) -> None:
    assert same_version(one, other) is same
    assert Update(one, None, Evidence.NONE_NAMED).spelled(other) == (one if same else other.strip())


_SIGHTINGS = st.lists(
    st.builds(
        Sighting,
        st.sampled_from([None, "GW", "ABS"]),
        st.integers(0, 20),
        st.sampled_from([None, OLD, NEW, "2.3.1", "x"]),
    )
)
_TIMES = st.integers(-5, 25) | st.sampled_from([EVER, NEVER])


@given(_SIGHTINGS, st.lists(st.integers(0, 20)), st.tuples(_TIMES, _TIMES).map(sorted))
def test_later_moments_never_have_earlier_firmware(
    sightings: list[Sighting], progress: list[int], times: list[int]
) -> None:
    update = find_update(NEW, OLD, sightings, progress)
    order = {OLD: 0, None: 1, NEW: 2}
    for ecu in (None, "GW", "ABS", "BMS"):
        earlier, later = (order[update.at(time, ecu)] for time in times)
        if update.evidence is not Evidence.UNKNOWN:
            assert earlier <= later
    assert find_update(NEW, OLD, reversed(sightings), progress).began == update.began
