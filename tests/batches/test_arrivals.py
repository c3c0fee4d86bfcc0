"""Which uploads are complete and new."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.batches.arrivals import (
    READ_TOGETHER,
    Candidate,
    Cursor,
    Folder,
    days_to_look_at,
    decide,
    portions,
    read_for_a_while,
    turns,
)
from argus_pipeline.batches.manifest import BatchFile, Manifest
from argus_pipeline.batches.pacing import Pace

DAY = date(2026, 11, 23)


def candidate(
    name: str, etag: str = "e1", *, priority: str = "P1", error: str | None = None, day: date = DAY
) -> Candidate:
    manifest = Manifest(
        name,
        "vehicle",
        "J7",
        "v1",
        datetime(2026, 11, 23, tzinfo=UTC),
        (BatchFile("a.dlt", 1, "0" * 64),),
        priority=priority,
    )
    return Candidate(Folder(day, name), etag, None if error else manifest, error)


def decided(*candidates: Candidate, etags: dict[str, str] | None = None, cursor: Cursor = Cursor()):  # noqa: B008
    return decide(
        candidates,
        folders=[c.folder for c in candidates],
        accepted_etags=etags or {},
        cursor=cursor,
        position="",
    )


def test_a_new_manifest_is_accepted() -> None:
    assert [c.folder.name for c in decided(candidate("b1")).accepted] == ["b1"]


def test_the_same_manifest_again_changes_nothing() -> None:
    assert decided(candidate("b1"), etags={"b1": "e1"}).accepted == ()


def test_a_mended_manifest_is_accepted_again() -> None:
    assert len(decided(candidate("b1", "e2"), etags={"b1": "e1"}).accepted) == 1


def test_urgent_batches_come_first() -> None:
    found = decided(
        candidate("a", priority="P2"), candidate("b", priority="P1"), candidate("c", priority="P0")
    )
    assert [c.folder.name for c in found.accepted] == ["c", "b", "a"]


def test_of_equals_the_oldest_and_the_newest_take_turns() -> None:
    found = decided(*(candidate(name) for name in "cabed"), candidate("0", priority="P2"))
    assert "".join(c.folder.name for c in found.accepted) == "aebdc0"


def test_a_bad_manifest_is_reported_once_and_holds_up_no_other() -> None:
    bad, good = candidate("bad", error="is not JSON"), candidate("good")
    first = decided(bad, good)
    assert [c.folder.name for c in first.accepted] == ["good"]
    assert [c.error for c in first.rejected] == ["is not JSON"]
    again = decided(bad, good, etags={"good": "e1"}, cursor=first.cursor)
    assert again.rejected == ()


def test_a_bad_manifest_that_was_changed_and_is_still_bad_is_reported_again() -> None:
    first = decided(candidate("bad", "e1", error="is not JSON"))
    second = decided(candidate("bad", "e2", error="lacks 'batch'"), cursor=first.cursor)
    assert [c.error for c in second.rejected] == ["lacks 'batch'"]


def test_a_rejection_is_remembered_while_its_folder_is_not_read() -> None:
    first = decided(candidate("bad", error="is not JSON"))
    unread = decide(
        [],
        folders=[Folder(DAY, "bad")],
        accepted_etags={},
        cursor=first.cursor,
        position="",
    )
    assert unread.cursor.rejected == first.cursor.rejected


def test_a_rejection_is_forgotten_once_its_folder_left_the_window() -> None:
    first = decided(candidate("bad", error="is not JSON"))
    gone = decide([], folders=[], accepted_etags={}, cursor=first.cursor, position="")
    assert gone.cursor.rejected == {}


def test_a_copy_of_a_batch_under_another_day_is_rejected() -> None:
    found = decided(candidate("b1"), candidate("b1", "e9", day=date(2026, 11, 24)))
    assert [c.folder.day for c in found.accepted] == [DAY]
    assert "already" in str(found.rejected[0].error)


@pytest.mark.parametrize("pace", ["3", '{"furlongs": 1}', "null", "[]"])
def test_a_cursor_of_another_version_starts_again(pace: str) -> None:
    assert Cursor.from_text(f'{{"position": "b", "pace": {pace}}}') == Cursor()


@given(st.text())
def test_a_cursor_that_cannot_be_read_starts_again(text: str) -> None:
    assert isinstance(Cursor.from_text(text), Cursor)


@given(
    st.text(),
    st.dictionaries(st.text(), st.text()),
    st.text(),
    st.builds(Pace, st.floats(0, 1e6), st.integers(0, 1000)),
)
def test_a_cursor_reads_back_as_written(
    position: str, rejected: dict[str, str], new_position: str, pace: Pace
) -> None:
    cursor = Cursor(position, rejected, new_position, pace)
    assert Cursor.from_text(cursor.to_text()) == cursor


def test_all_unknown_folders_are_read_and_the_known_ones_in_turn() -> None:
    folders = [Folder(DAY, f"b{i}") for i in range(5)]
    known, position, seen = {"b0", "b1", "b2"}, "", []
    for _ in range(3):
        now = turns(folders, known, Cursor(position), rechecks=2)
        assert [f.name for f in (*now.newest, *now.unknown)] == ["b4", "b3"]
        seen += [folder.name for folder in now.known]
        position = seen[-1]
    assert seen == ["b0", "b1", "b2", "b0", "b1", "b2"]


def test_copies_of_a_batch_are_never_parted() -> None:
    folders = [Folder(DAY, name) for name in ("b1", "b2", "b2", "b2", "b3")]
    found = [[folder.name for folder in some] for some in portions(folders, 2)]
    assert found == [["b1", "b2", "b2", "b2"], ["b3"]]
    assert list(portions([], 2)) == []


def test_of_a_backlog_the_newest_are_read_each_time_and_the_others_in_turn() -> None:
    archive = [Folder(DAY, f"2019-{i:03}") for i in range(100)]
    folders = [Folder(DAY, "known"), *archive]
    cursor, seen = Cursor(), set()
    for look in range(20):
        upload = Folder(DAY, f"2026-{look:03}")
        folders.append(upload)
        now = turns(folders, {"known"}, cursor, most=20)
        assert now.newest[0] == upload, "an upload of now does not wait"
        names = {folder.name for folder in (*now.newest, *now.unknown)}
        assert len(names) == 20
        cursor = Cursor(new_position=now.unknown[-1].name)
        seen |= names
    assert {folder.name for folder in folders} == seen | {"known"}, "and nothing waits for ever"


def test_the_copies_of_a_batch_are_looked_at_together() -> None:
    copies = [Folder(DAY, "b0"), Folder(date(2026, 11, 24), "b0")]
    others = [Folder(DAY, f"b{i}") for i in range(1, 9)]
    now = turns([*others, *copies], set(), Cursor(), most=4)
    assert now.unknown[:2] == copies
    now = turns([*copies, *(Folder(DAY, f"a{i}") for i in range(1, 9))], set(), Cursor(), most=4)
    assert now.newest[:2] == copies


def test_a_look_without_time_reads_some_of_each_kind_and_the_next_goes_on(object_store) -> None:
    known = {f"a{i:02}" for i in range(40)}
    unknown = [f"b{i:02}" for i in range(80)]
    folders = [Folder(DAY, name) for name in [*sorted(known), *unknown]]
    for folder in folders:
        object_store.put(folder.manifest_key, b"{}")
    cursor, seen = Cursor(), set()
    for look in range(4):
        now = turns(folders, known, cursor)
        found, *positions = read_for_a_while(object_store, now, cursor, lambda: True)
        names = {one.folder.name for one in found}
        assert len(names & known) == READ_TOGETHER
        assert names >= set(unknown[-READ_TOGETHER:]), look
        assert len(names) == 3 * READ_TOGETHER
        cursor, seen = Cursor(positions[0], {}, positions[1]), seen | names
    assert seen >= known, "all the known ones had their turn"
    assert seen >= set(unknown), "and the others"


def test_a_look_with_time_reads_all(object_store) -> None:
    folders = [Folder(DAY, f"b{i:02}") for i in range(70)]
    for folder in folders:
        object_store.put(folder.manifest_key, b"{}")
    now = turns(folders, {"b00"}, Cursor())
    found, *_ = read_for_a_while(object_store, now, Cursor(), lambda: False)
    assert {one.folder for one in found} == set(folders)


def test_the_window_holds_the_days_back_and_tomorrow() -> None:
    days = days_to_look_at(datetime(2026, 11, 23, 23, 59, tzinfo=UTC), 2)
    assert [day.day for day in days] == [21, 22, 23, 24]
