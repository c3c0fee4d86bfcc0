from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest
from fleet.made import counts, exposures, put_batch
from polars.testing import assert_frame_equal

from argus_pipeline.fleet.outcomes import VEHICLES, VOTES, update_votes, vehicle_outcomes
from argus_pipeline.fleet.reported import forget_reported, read_reported, reported
from argus_pipeline.fleet.rollup import read_campaign, update
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore

FAILURES = ("activation .* failed",)

Put = Callable[..., None]


@pytest.fixture
def put(object_store: ObjectStore) -> Put:
    """Puts batches of a campaign, and takes them in."""
    number = count()

    def put(*vehicles: str, firmware: str = "v2", firmware_from: str | None = "v1") -> None:
        for vehicle in vehicles:
            put_batch(
                object_store,
                next(number),
                exposures(**{firmware: 1.0}),
                counts(("fp", firmware, 1), kind="fingerprint", title="activation of x failed"),
                vehicle=vehicle,
                firmware=firmware,
                firmware_from=firmware_from,
                campaign="c1",
            )
        update(object_store)

    return put


def read_parts(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of cells that are read from now on."""
    found: list[str] = []
    get = ObjectStore.get

    def noted(self: ObjectStore, key: str, **more: object) -> bytes:
        if key.startswith(keys.fleet_campaigns("c1")):
            found.append(key)
        return get(self, key, **more)

    monkeypatch.setattr(ObjectStore, "get", noted)
    return found


def check(
    store: ObjectStore, failures: tuple[str, ...] = FAILURES, target: str | None = None
) -> None:
    """What is kept says the same as all cells read at once."""
    said = read_reported(store, "c1", failures, target)
    wanted = reported(read_campaign(store, "c1"), failures, target)
    assert said.target == wanted.target
    assert_frame_equal(said.vehicles, wanted.vehicles)


def test_what_is_kept_says_the_same_as_all_cells_whatever_comes_and_changes(
    object_store: ObjectStore, put: Put
) -> None:
    check(object_store)
    assert read_reported(object_store, "c1", FAILURES).vehicles.schema == VEHICLES
    put("a", "b", firmware_from=None, firmware="v1")
    assert read_reported(object_store, "c1", FAILURES).target is None
    check(object_store)
    put("a", "c")
    check(object_store)
    cells = read_campaign(object_store, "c1")
    assert vehicle_outcomes(cells, "v2", FAILURES).schema == VEHICLES
    assert update_votes(cells).schema == VOTES
    check(object_store, failures=())
    check(object_store, target="v3")
    put("a", "d", "e", firmware="v3", firmware_from="v2")
    check(object_store)


def test_one_more_batch_has_its_own_part_read_and_no_other(
    object_store: ObjectStore, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(*(f"vehicle-{n}" for n in range(20)))
    read_reported(object_store, "c1", FAILURES)
    put("vehicle-3")
    found = read_parts(object_store, monkeypatch)
    said = read_reported(object_store, "c1", FAILURES)
    assert len(found) == 1
    assert said.vehicles["batches"].sum() == 21
    read_reported(object_store, "c1", FAILURES)
    assert len(found) == 1


def test_another_target_or_rule_has_all_parts_judged_anew(
    object_store: ObjectStore, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(*(f"vehicle-{n}" for n in range(20)))
    read_reported(object_store, "c1", FAILURES)
    parts = [one.key for one in object_store.list(keys.fleet_campaigns("c1"))]
    found = read_parts(object_store, monkeypatch)
    read_reported(object_store, "c1", FAILURES, target="v9")
    assert sorted(found) == parts
    read_reported(object_store, "c1", (), target="v9")
    assert sorted(found) == sorted([*parts, *parts])


def test_what_is_kept_by_another_version_or_was_removed_is_made_again(
    object_store: ObjectStore, put: Put
) -> None:
    put("a", "b")
    read_reported(object_store, "c1", FAILURES)
    object_store.put(
        keys.fleet_outcomes("c1"), object_store.get(keys.fleet_campaign("c1", _part(object_store)))
    )
    check(object_store)
    forget_reported(object_store)
    assert not list(object_store.list(keys.FLEET_OUTCOMES))
    check(object_store)


def _part(store: ObjectStore) -> int:
    first = next(iter(store.list(keys.fleet_campaigns("c1")))).key
    return int(first.rsplit("/", 1)[1].removesuffix(".parquet"))
