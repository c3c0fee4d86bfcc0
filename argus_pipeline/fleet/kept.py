"""What is said of the sums, kept twice: for readers of the bucket, and as rows of Postgres."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from sqlalchemy import Engine

from argus_pipeline.database.engine import session
from argus_pipeline.database.fleet import replace_campaigns, replace_comparison
from argus_pipeline.fleet.campaign import CampaignHealth, health_frame
from argus_pipeline.fleet.commit import Held
from argus_pipeline.statistics.storage import to_parquet
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore


def keep_comparison(store: ObjectStore, engine: Engine, found: pl.DataFrame, held: Held) -> None:
    """Replace the comparison of all firmware by what `compare_firmware` found.

    Raises:
        Unavailable: the roll-ups are not held any more; nothing was written.
    """
    held()
    store.put(keys.fleet("firmware_comparison"), to_parquet(found))
    with session(engine) as opened:
        replace_comparison(opened, found)


def keep_health(
    store: ObjectStore, engine: Engine, found: Sequence[CampaignHealth], held: Held
) -> pl.DataFrame:
    """Replace the health of all campaigns by what `all_campaigns` found; gives it as a table.

    Raises:
        Unavailable: the roll-ups are not held any more; nothing was written.
    """
    frame = health_frame(found)
    held()
    store.put(keys.fleet("campaign_health"), to_parquet(frame))
    with session(engine) as opened:
        replace_campaigns(opened, [one.to_dict() for one in found])
    return frame
