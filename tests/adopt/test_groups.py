"""Files by batch, in whatever order they come."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.adopt.groups import KnownBatch, opened_groups
from argus_pipeline.adopt.plan import FoundFile, batch_id, group_of
from argus_pipeline.batches.arrivals import Folder

TIME = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)


def a_file(group: int, number: int, minutes: int = 0) -> FoundFile:
    return FoundFile(
        group=group_of("V1", str(group)),
        key=f"logs/{group}/{number}",
        name=f"{number}.dlt",
        size=number,
        etag="e",
        time=TIME + timedelta(minutes=minutes),
        said=("V1", "J7", "v1", None, None),
    )


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 50), st.integers(-9, 9)),
        unique_by=lambda one: one[:2],
    )
)
def test_every_file_comes_back_once_with_those_of_its_batch(
    drawn: list[tuple[int, int, int]],
) -> None:
    files = [a_file(*one) for one in drawn]
    with opened_groups() as groups:
        groups.add(iter(files))
        count = groups.finish()
        found = [found for found, _ in groups.batches()]
    assert count == len(found) == len({file.group for file in files})
    assert sorted((f for batch in found for f in batch), key=lambda f: f.key) == sorted(
        files, key=lambda f: f.key
    )
    assert all(len({file.group for file in batch}) == 1 for batch in found)
    starts = [min(file.time for file in batch) for batch in found]
    assert starts == sorted(starts), "the oldest first"


def test_a_batch_is_known_by_the_end_of_its_id_whatever_time_it_begins_with() -> None:
    file = a_file(1, 1)
    with opened_groups() as groups:
        groups.add([file])
        groups.finish()
        other = batch_id(TIME + timedelta(days=1), file.group)
        assert groups.has(batch_id(TIME, file.group))
        assert groups.has(other)
        assert not groups.has(batch_id(TIME, group_of("V1", "2")))
        assert not groups.has("20261123T101500Z-V1-7f3a")
        for day, etag in ((date(2026, 11, 24), "late"), (date(2026, 11, 23), "early")):
            groups.is_known(KnownBatch(Folder(day, other), etag))
        [(_, known)] = groups.batches()
    assert known == KnownBatch(Folder(date(2026, 11, 23), other), "early")


def test_a_batch_of_the_same_vehicle_and_time_under_another_id_is_alike() -> None:
    with opened_groups() as groups:
        groups.add([a_file(1, 1)])
        groups.finish()
        assert groups.has_alike(batch_id(TIME, group_of("V1", "by another pattern")))
        assert not groups.has_alike(batch_id(TIME, group_of("V2", "1")))
        assert not groups.has_alike(batch_id(TIME + timedelta(seconds=1), group_of("V1", "1")))
        assert not groups.has_alike("20261123T101500Z-V1-7f3a")
