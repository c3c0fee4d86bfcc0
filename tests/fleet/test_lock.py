from __future__ import annotations

import pytest

from argus_pipeline.database.engine import create_engine
from argus_pipeline.errors import Unavailable
from argus_pipeline.fleet.lock import fleet_lock


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
