"""Which two versions of a platform are compared."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import polars as pl

from argus_pipeline.fleet.sums import Sums
from argus_pipeline.knowledge.versions import version_key

UPDATE: Final = "update"
CONSECUTIVE: Final = "consecutive"

PAIRS: Final = pl.Schema(
    {
        "platform": pl.String,
        "firmware_before": pl.String,
        "firmware_after": pl.String,
        "pair": pl.String,
        "batches": pl.Int64,
    }
)


def firmware_pairs(sums: Sums) -> pl.DataFrame:
    """The pairs of versions to compare, both with hours of operation.

    - Each update that a manifest names (`firmware_from` to `firmware`), in its direction: also a
      step over several versions, or back. `batches` is how many name it.
    - Each version and the next one, in the order of `knowledge.versions`, even if nobody named it,
      since vehicles that skip uploads skip updates too. What is no version has no next one.
    """
    driven = sums["exposures"].drop_nulls("firmware").filter(pl.col("seconds") > 0)
    found: dict[tuple[str, str, str], tuple[str, int]] = {}
    for platform, before, after in _consecutive(driven):
        found[platform, before, after] = (CONSECUTIVE, 0)
    versions = set(driven.select("platform", "firmware").iter_rows())
    for platform, before, after, batches in sums["updates"].iter_rows():
        if before != after and {(platform, before), (platform, after)} <= versions:
            found[platform, before, after] = (UPDATE, batches)
    return pl.DataFrame(
        [(*key, *value) for key, value in sorted(found.items())], schema=PAIRS, orient="row"
    )


def _consecutive(driven: pl.DataFrame) -> Iterator[tuple[str, str, str]]:
    for (platform,), own in driven.group_by("platform"):
        keyed = sorted(
            (key, name) for name in own["firmware"] if (key := version_key(name)) is not None
        )
        for (_, before), (_, after) in pairwise(keyed):
            yield str(platform), before, after
