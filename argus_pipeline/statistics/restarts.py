"""Every boot of every ECU: when, what it ran, why it started and how it ended, if it can be told.

Why a boot **started** is taken from the first text within its first 10 s that names a reason, as
in `GW started, firmware v2.3.1, reason: watchdog` or `reset cause=0x04`.

How a boot **ended** is told by the first of these that holds:

| ended       | when                                                                               |
|-------------|------------------------------------------------------------------------------------|
| `update`    | the next boot of the ECU ran another software version                              |
| `reset`     | the next boot names a reason that is a failure: watchdog, crash, panic, brownout … |
| `critical`  | a fatal or error message of the ECU came in its last 10 s                          |
| `shutdown`  | its last text speaks of shutting down, sleep or power off                          |
| `recording` | it is the last of its ECU, and nothing came from the ECU after it                  |
| `unknown`   | none of these                                                                      |
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import polars as pl

from argus_pipeline.recordings.tables import MESSAGES
from argus_pipeline.statistics import schemas
from argus_pipeline.statistics.sources import DLT, PATH, TableGroup, name_recordings

MAX_BOOTS: Final = 1_000
NEAR: Final = timedelta(seconds=10)

_MAX_REASON: Final = 32
REASON: Final = (
    r"(?i)\b(?:reason|cause|grund|ursache)\b[\s:=\"'(\[]{1,3}([\w-][\w .-]{0,30}[\w]|\w)"
)
_FAILURE: Final = (
    r"(?i)watch\W?dog|wdg|wdt|crash|panic|abort|exception|fault|segv|brown\W?out|under\W?voltage"
    r"|assert|unexpected|abnormal|oom"
)
_GOODBYE: Final = (
    r"(?i)\bshut(?:ting)?[ -]?down\b|\bpower(?:ing)?[ -]?(?:off|down)\b|\bgoing to sleep\b"
    r"|\bsuspend|\bstandby\b|\bherunterfahren\b|\bausschalten\b|关机|休眠"
)
_KEY: Final = ("recording", "ecu", "lifecycle")
_TEXTS: Final = pl.Schema(
    {
        "offset": pl.UInt64,
        "lifecycle": pl.UInt32,
        "text": pl.String,
        "ecu": pl.String,
        "reason": pl.String,
        "is_last": pl.Boolean,
        "recording": pl.String,
    }
)


def restarts(
    groups: Sequence[TableGroup], boots: pl.DataFrame, critical: pl.DataFrame, lost: pl.DataFrame
) -> pl.DataFrame:
    """The frame `boots`, the `MAX_BOOTS` that started last.

    Args:
        groups: all tables of the batch.
        boots: its lifecycles, with `firmware`.
        critical: the frame `critical_events`.
        lost: `recording`, `ecu`, `lifecycle` (of the boot) and `lost`, where anything is.
    """
    lost_of = boots.join(
        lost.rename({"lifecycle": "boot"}), on=["recording", "ecu", "boot"], how="left"
    ).filter(pl.col("lifecycle") == pl.col("boot"))
    whole = (
        boots.sort("recording", "lifecycle")
        .group_by("boot_id")
        .agg(
            pl.col("ecu", "version", "firmware").first(),
            start=pl.col("since").min(),
            end=pl.col("until").max(),
            resumes=(pl.col("kind") == "resume").sum(),
            recordings=pl.col("recording").n_unique(),
            messages=pl.col("messages").sum(),
        )
        .join(lost_of.group_by("boot_id").agg(pl.col("lost").sum()), on="boot_id", how="left")
        .sort(["start", "ecu", "boot_id"], descending=[True, False, False], nulls_last=True)
        .head(MAX_BOOTS)
    )
    kept = boots.join(whole.select("boot_id"), on="boot_id", how="semi")
    told = whole.join(_texts(groups, kept), on="boot_id", how="left")
    return schemas.fit("boots", _ended(told, critical))


def _ended(boots: pl.DataFrame, critical: pl.DataFrame) -> pl.DataFrame:
    ordered = boots.sort("ecu", "start", "boot_id")
    last = (
        ordered.select("boot_id", "ecu", "start", "end")
        .drop_nulls()
        .join(critical.select("ecu", "time", "code", "template").drop_nulls("time"), on="ecu")
        .filter(pl.col("time").is_between(pl.col("end") - NEAR, pl.col("end") + NEAR / 5))
        .sort("time")
        .group_by("boot_id")
        .agg(last_critical=pl.coalesce("code", "template").last())
    )

    def following(column: str) -> pl.Expr:
        return pl.col(column).shift(-1).over("ecu")

    return (
        ordered.join(last, on="boot_id", how="left", maintain_order="left")
        .with_columns(
            down_s=(following("start") - pl.col("end")).dt.total_nanoseconds() / 1e9,
            ended=pl.when(following("version") != pl.col("version"))
            .then(pl.lit("update"))
            .when(following("reason").str.contains(_FAILURE))
            .then(pl.lit("reset"))
            .when(pl.col("last_critical").is_not_null())
            .then(pl.lit("critical"))
            .when(pl.col("last_text").str.contains(_GOODBYE))
            .then(pl.lit("shutdown"))
            .when(following("boot_id").is_null())
            .then(pl.lit("recording"))
            .otherwise(pl.lit("unknown")),
        )
        .with_columns(pl.col("lost").fill_null(0))
    )


def _texts(groups: Sequence[TableGroup], boots: pl.DataFrame) -> pl.DataFrame:
    """What boots said: `boot_id`, `reason` of the start, `last_text`."""
    last = boots.sort("until").group_by("boot_id").agg(pl.col(*_KEY, "last_offset").last())
    is_early = pl.col("uptime_s").is_between(0, NEAR.total_seconds())
    is_last = pl.col("offset").is_in(last["last_offset"].implode())
    found = [
        name_recordings(
            group.scan()
            # Few are early or last, and only of these a text is looked at.
            .filter(is_early | is_last)
            .select(
                "offset",
                "lifecycle",
                "text",
                path=pl.col(PATH),
                ecu=pl.col("ecu").cast(pl.String),
                reason=pl.when(is_early).then(pl.col("text").str.extract(REASON, 1)),
                is_last=is_last,
            )
            .filter(pl.col("reason").is_not_null() | pl.col("is_last"))
            .collect(engine="streaming"),
            [group],
        )
        for group in groups
        if group.format == DLT and group.table == MESSAGES
    ]
    texts = pl.concat(found or [pl.DataFrame(schema=_TEXTS)])
    reasons = (
        texts.filter(pl.col("reason").is_not_null())
        .join(boots.select(*_KEY, "boot_id"), on=list(_KEY))
        .sort("recording", "offset")
        .group_by("boot_id")
        .agg(pl.col("reason").first().str.slice(0, _MAX_REASON))
    )
    last_texts = texts.join(
        last, left_on=["recording", "offset"], right_on=["recording", "last_offset"]
    ).select("boot_id", last_text="text")
    return reasons.join(last_texts, on="boot_id", how="full", coalesce=True)
