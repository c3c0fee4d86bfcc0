from __future__ import annotations

import pytest
from fleet.made import put_some
from sqlalchemy import text

from argus_pipeline.database.engine import create_engine
from argus_pipeline.errors import Unavailable
from argus_pipeline.fleet.lock import fleet_lock
from argus_pipeline.fleet.rollup import update
from argus_pipeline.storage.object_store import ObjectStore


def test_one_roll_up_at_a_time(postgres_url: str) -> None:
    one, other = create_engine(postgres_url), create_engine(postgres_url)
    try:
        with (
            fleet_lock(one),
            pytest.raises(Unavailable, match="another roll-up"),
            fleet_lock(other, wait_seconds=0.1),
        ):
            pytest.fail("both hold it")
        with fleet_lock(other, wait_seconds=0.1):
            pass
        with pytest.raises(ValueError, match="the work failed"), fleet_lock(one):
            raise ValueError("the work failed")
        with fleet_lock(other, wait_seconds=0.1):
            pass
    finally:
        one.dispose()
        other.dispose()


def test_who_lost_the_lock_to_a_restarted_database_writes_nothing(
    postgres_url: str, object_store: ObjectStore
) -> None:
    put_some(object_store, range(2))
    engine, other = create_engine(postgres_url), create_engine(postgres_url)
    try:
        with pytest.raises(Unavailable), fleet_lock(engine) as held:  # noqa: PT012
            held()
            with other.begin() as connection:  # what a restart does to each connection
                connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_locks "
                        "WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()"
                    )
                )
            noted = sorted(one.key for one in object_store.list("fleet/"))
            update(object_store, held)
        assert sorted(one.key for one in object_store.list("fleet/")) == noted
        with fleet_lock(other, wait_seconds=0.1) as held:
            assert update(object_store, held).batches
    finally:
        engine.dispose()
        other.dispose()
