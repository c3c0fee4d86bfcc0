"""Which batches a night runs again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.batches.recovery import Outcome
from argus_pipeline.errors import ArgusError
from argus_pipeline.upkeep.backfill import Candidate, Reason, choose, is_outdated
from argus_pipeline.upkeep.options import Upkeep, read_upkeep

candidates = st.builds(
    Candidate,
    batch=st.sampled_from([f"b{n}" for n in range(6)]),
    reason=st.sampled_from(Reason),
    newest=st.none() | st.sampled_from(Outcome),
    given_up=st.booleans(),
    code_changed=st.booleans(),
    expired=st.booleans(),
)


@given(st.lists(candidates, max_size=12), st.integers(0, 8))
def test_what_runs_was_ended_by_a_person_or_cannot_run_is_never_chosen(found, most) -> None:
    chosen = choose(found, most)
    assert len(chosen) <= most
    assert len({one.batch for one in chosen}) == len(chosen)
    for one in chosen:
        assert one.newest not in {Outcome.GOING_ON, Outcome.CANCELED}
        assert not one.expired
        assert not one.given_up or one.code_changed


@given(st.lists(candidates, max_size=12))
def test_whatever_may_run_is_chosen_when_there_is_room(found) -> None:
    assert {one.batch for one in choose(found, 12)} == {one.batch for one in found if one.may_run}


def test_what_nobody_can_read_yet_comes_before_what_is_only_outdated() -> None:
    old, failed, missing = (
        Candidate("old", Reason.OUTDATED),
        Candidate("failed", Reason.FAILED, Outcome.FAILED),
        Candidate("missing", Reason.MISSING),
    )
    assert choose([old, failed, missing], 2) == [missing, failed]


def test_other_code_of_any_asset_makes_a_batch_outdated() -> None:
    assert is_outdated({"diagnosis": "3"}, {"diagnosis": "4", "parsed_csv": "1"})
    assert not is_outdated({"diagnosis": "4"}, {"diagnosis": "4", "parsed_csv": "1"})
    assert not is_outdated({}, {"diagnosis": "4"})


def test_nothing_is_archived_or_deleted_unless_it_is_asked_for() -> None:
    assert read_upkeep({}) == Upkeep()
    assert (Upkeep().archive_days, Upkeep().keep_incoming_days, Upkeep().keep_parsed_days) == (
        0,
        0,
        0,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("HOUR", "24"), ("ARCHIVE_DAYS", "-1"), ("KEEP_PARSED_DAYS", "soon"), ("ARCHIVE_DAYS", "7")],
)
def test_a_setting_that_cannot_be_meant_is_refused_by_its_name(name, value) -> None:
    with pytest.raises(ArgusError, match=f"ARGUS_UPKEEP_{name}"):
        read_upkeep({f"ARGUS_UPKEEP_{name}": value})
