"""Writes the pages of campaigns and their charts to the bucket, under `campaigns/<campaign>/`."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from argus_pipeline import __version__
from argus_pipeline.fleet.rollup import read_campaign
from argus_pipeline.report.campaign import campaign_charts, compared, render_campaign
from argus_pipeline.statistics.storage import to_parquet
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectInfo, ObjectMissing

if TYPE_CHECKING:
    from argus_pipeline.storage.object_store import ObjectStore

# To be raised when something else is written for the same content.
_LOOK: Final = "2"


@dataclass(frozen=True, slots=True)
class WrittenPage:
    """The page of a campaign; `is_new` is false where it was there with just this content."""

    campaign: str
    key: str
    verdict: str
    is_new: bool


def write_campaign_pages(store: ObjectStore) -> Sequence[WrittenPage]:
    """Write the page of every campaign whose content changed, from what `fleet/` holds.

    Raises:
        ObjectMissing: nothing was rolled up yet.
    """
    health = _read(store, "campaign_health")
    comparison = _read(store, "firmware_comparison")
    written = []
    for row in health.iter_rows(named=True):
        campaign, key = row["campaign"], keys.campaign_page(row["campaign"])
        own = compared(row, comparison)
        made_of = _digest(row, own, store.list(keys.fleet_campaigns(campaign)))
        # Drawing takes a second, and a batch changes one campaign of many.
        is_new = made_of not in _head(store, key)
        if is_new:
            charts = campaign_charts(row, own, read_campaign(store, campaign))
            for name, chart in charts.items():
                store.put(keys.campaign_chart(campaign, name), chart)
            # The page comes last: it says that all of this is there.
            page = render_campaign(row, own, charts, made_of=made_of)
            store.put(key, page.encode())
        written.append(WrittenPage(campaign, key, str(row["verdict"]), is_new))
    return written


def _read(store: ObjectStore, name: str) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(store.get(keys.fleet(name))))


def _digest(row: Mapping[str, Any], own: pl.DataFrame, parts: Iterable[ObjectInfo]) -> str:
    """Of the versions and the row, of its comparison, and of which cells there are."""
    made_of = [__version__, _LOOK, row, *([part.key, part.etag] for part in parts)]
    digest = hashlib.sha256(json.dumps(made_of, default=str).encode())
    digest.update(to_parquet(own))
    return digest.hexdigest()


def _head(store: ObjectStore, key: str) -> str:
    try:
        return store.get_with_etag(key, limit=4_096)[0].decode("utf-8", "replace")
    except ObjectMissing:
        return ""
