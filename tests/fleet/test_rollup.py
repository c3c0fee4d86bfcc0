"""The roll-ups in a real store: batch by batch, again, moved, removed, torn, and made anew."""

from __future__ import annotations

import random

import polars as pl
import pytest
from fleet.made import counts, exposures, put_batch, put_some, remove_batch, state

from argus_pipeline.errors import Unavailable
from argus_pipeline.fleet import commit, rollup, sums
from argus_pipeline.fleet.rollup import read_sums, read_vehicle, rebuild, update
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore


def test_hours_and_messages_are_those_of_the_batches(object_store: ObjectStore) -> None:
    put_some(object_store, range(4))
    done = update(object_store)
    assert (done.batches, done.removed, done.refused, done.adds_up()) == (4, 0, (), True)
    found = read_sums(object_store)
    by_firmware = dict(
        found["exposures"].group_by("firmware").agg(seconds=pl.col("seconds").sum()).iter_rows()
    )
    assert by_firmware == {"v1": 3600 * 5, "v2": 3600 * 5, None: 360 * 4}
    assert found["faults"]["messages"].sum() == (1 + 2 + 3 + 4) + 4 * 3 + 4
    assert list(object_store.list(keys.FLEET_CHANGES)) == []


def test_one_more_batch_reads_no_batch_and_no_vehicle_but_its_own(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_some(object_store, range(9))
    update(object_store)
    read: list[str] = []
    get = ObjectStore.get

    def noted(self: ObjectStore, key: str) -> bytes:
        read.append(key)
        return get(self, key)

    [batch] = put_some(object_store, range(9, 10))
    monkeypatch.setattr(ObjectStore, "get", noted)
    update(object_store)
    allowed = {keys.fleet(name) for name in sums.NAMES} | {
        keys.fleet_vehicle("J7", "VIN0"),
        keys.fleet_batch(batch),
        keys.FLEET_COMMIT,
        keys.statistics(batch, "exposures"),
        keys.statistics(batch, "fault_counts"),
    }
    others = {key for key in read if not key.endswith("manifest.json")} - allowed
    parts = {key for key in others if key.startswith(keys.fleet_campaigns("c1"))}
    assert len(parts) == 1
    assert others - parts <= {keys.statistics(batch, "lifecycles")}


def test_any_order_again_and_a_rebuild_give_the_same_bytes(object_store: ObjectStore) -> None:
    put_some(object_store, range(7))
    update(object_store)
    first = state(object_store)
    put_some(object_store, range(3))
    update(object_store)
    assert state(object_store) == first
    rebuild(object_store)
    assert state(object_store) == first


def test_batch_by_batch_is_the_same_as_all_at_once(object_store: ObjectStore) -> None:
    numbers = list(range(7))
    random.Random(1).shuffle(numbers)
    for n in numbers:
        put_some(object_store, range(n, n + 1))
        update(object_store)
    grown = state(object_store)
    rebuild(object_store)
    assert state(object_store) == grown


def test_a_batch_that_changed_counts_as_what_it_is_now(object_store: ObjectStore) -> None:
    put_some(object_store, range(3))
    update(object_store)
    before = state(object_store)
    # The manifest was mended: another vehicle and platform, and other counts.
    put_batch(object_store, 1, exposures(v2=9.0), counts(("E002", "v2", 50)), vehicle="NEW")
    done = update(object_store)
    assert done.adds_up()
    assert read_vehicle(object_store, "J7", "VIN1").is_empty()
    assert read_vehicle(object_store, "J7", "NEW")["messages"].sum() == 50
    put_some(object_store, range(1, 2))
    update(object_store)
    assert state(object_store) == before


def test_a_removed_batch_leaves_no_trace(object_store: ObjectStore) -> None:
    put_some(object_store, range(3))
    update(object_store)
    before = state(object_store)
    [batch] = put_some(object_store, range(3, 4))
    update(object_store)
    assert state(object_store) != before
    remove_batch(object_store, batch)
    assert update(object_store).removed == 1
    assert state(object_store) == before


@pytest.mark.parametrize("writes", range(1, 12, 2))
def test_an_update_that_was_torn_is_finished_by_the_next(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    put_some(object_store, range(4))
    update(object_store)
    put_some(object_store, range(4, 8))
    left = writes

    def failing(self: ObjectStore, key: str, data: bytes) -> str:
        nonlocal left
        if left == 0:
            raise Unavailable("the store is away")
        left -= 1
        return put(self, key, data)

    put = ObjectStore.put
    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "put", failing)
        with pytest.raises(Unavailable):
            update(object_store)
    update(object_store)
    found = state(object_store)
    rebuild(object_store)
    assert state(object_store) == found


def test_a_rebuild_that_was_torn_starts_again(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_some(object_store, range(4))
    update(object_store)
    before = state(object_store)

    def torn(*_: object) -> None:
        raise Unavailable("the store is away")

    with monkeypatch.context() as patch:
        patch.setattr(rollup.changes, "announce", torn)
        with pytest.raises(Unavailable):
            rebuild(object_store)
    update(object_store)
    assert state(object_store) == before


def test_a_batch_that_cannot_be_read_is_named_and_the_others_go_in(
    object_store: ObjectStore,
) -> None:
    batch, *_ = put_some(object_store, range(3))
    object_store.put(
        keys.statistics(batch, "exposures"), rollup.to_parquet(pl.DataFrame({"a": [1]}))
    )
    done = update(object_store)
    assert done.batches == 2
    [refused] = done.refused
    assert batch in refused
    assert "Materialize batch_statistics" in refused


def test_a_commit_also_removes_and_is_done_once(object_store: ObjectStore) -> None:
    object_store.put("fleet/a", b"old")
    commit.commit(object_store, {"fleet/a": None, "fleet/b": b"", "fleet/c": b"new"}, commit.alone)
    assert {one.key for one in object_store.list("fleet/")} == {"fleet/b", "fleet/c"}
    assert not commit.finish(object_store)
