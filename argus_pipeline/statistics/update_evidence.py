"""What a batch's messages say on an update: versions that ECUs name, and progress of an update.

- A version: `.rec` types with a text field `firmware_version`, `software_version` or `sw_version`,
  and the ECU as events have it.
- Progress: `.rec` types with a text field `to_version` or `target_version`.
- A start: DLT texts in which `started`, `booted`, `running` or `updated to` stands before one of
  the manifest's versions and not both, as in `GW started, firmware v2.3.1`.

Names of fields are compared as those of events are. Texts are looked at only where nothing else
tells the moment, since that reads all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import polars as pl

from argus_pipeline.statistics.boots import sightings
from argus_pipeline.statistics.events import ENVELOPE_TIME, SCHEMA, event_fields, find_field
from argus_pipeline.statistics.firmware import (
    Evidence,
    Sighting,
    Update,
    canonical,
    find_update,
    same_version,
)
from argus_pipeline.statistics.sources import DLT, TableGroup
from argus_pipeline.statistics.timeline import CLOCK_SET_FROM

_VERSION_FIELDS: Final = ("firmwareversion", "softwareversion", "swversion")
_TARGET_FIELDS: Final = ("toversion", "targetversion")
_SAYS_SO: Final = r"(?i)\b(?:started|booted|running|updated to)\b"
_TOLD_BY_SOFTWARE: Final = (Evidence.NONE_NAMED, Evidence.SOFTWARE, Evidence.FOLLOWS)
# Of one ECU and version; a type that repeats its version says it once a minute here.
_EVERY: Final = "1m"


def update_of(
    groups: Sequence[TableGroup],
    messages: pl.LazyFrame,
    boots: pl.DataFrame,
    firmware: str | None,
    firmware_from: str | None,
) -> Update:
    """When the update of a batch happened, by all that its tables say.

    Args:
        groups: all tables of the batch.
        messages: the events of its DLT recordings.
        boots: as `read_boots` gives them.
        firmware: what the manifest says runs at the end.
        firmware_from: what it says ran before.
    """
    if firmware is None or firmware_from is None:
        return find_update(firmware, firmware_from)
    named = [*sightings(boots), *_named(groups)]
    progress = list(_progress(groups, firmware))
    update = find_update(firmware, firmware_from, named, progress)
    if update.evidence in _TOLD_BY_SOFTWARE:
        return update
    told = list(_started(messages, firmware, firmware_from))
    # Texts say what a boot of theirs left unsaid, so they stand for the boots without a version.
    named = [sighting for sighting in named if sighting.version is not None] + told
    return find_update(firmware, firmware_from, named, progress) if told else update


def _named(groups: Sequence[TableGroup]) -> Iterator[Sighting]:
    for group in groups:
        version = None if group.format == DLT else find_field(group.schema, _VERSION_FIELDS)
        if version is None or not group.holds_messages:
            continue
        ecu = event_fields(group.schema).ecu
        found = group.scan().select(
            time=ENVELOPE_TIME, ecu=pl.col(ecu) if ecu else pl.lit(None, pl.String), version=version
        )
        yield from _sightings(found.filter(pl.col("version") != ""))


def _progress(groups: Sequence[TableGroup], firmware: str) -> Iterator[int]:
    for group in groups:
        target = None if group.format == DLT else find_field(group.schema, _TARGET_FIELDS)
        if target is None or not group.holds_messages:
            continue
        last = (
            group.scan()
            .select(time=ENVELOPE_TIME, target=pl.col(target))
            .filter(pl.col("time") >= CLOCK_SET_FROM)
            .group_by("target")
            .agg(pl.col("time").max().cast(pl.Int64))
            .collect(engine="streaming")
        )
        yield from (time for to, time in last.iter_rows() if to and same_version(to, firmware))


def _started(messages: pl.LazyFrame, firmware: str, firmware_from: str) -> Iterator[Sighting]:
    """Texts that say that one of the manifest's versions started."""

    def says(version: str) -> pl.Expr:
        bare = re.escape(version.strip().removeprefix("v").removeprefix("V"))
        return pl.col("text").str.contains(rf"{_SAYS_SO}.*?(?:^|[^\w.])[vV]?{bare}(?:$|[^\w.])")

    if canonical(firmware) == canonical(firmware_from):
        return
    to, before = says(firmware), says(firmware_from)
    found = (
        messages.filter(pl.col("text").str.contains(_SAYS_SO))
        .select(
            "time",
            "ecu",
            version=pl.when(to & ~before)
            .then(pl.lit(firmware))
            .when(before & ~to)
            .then(pl.lit(firmware_from)),
        )
        .filter(pl.col("version").is_not_null())
    )
    yield from _sightings(found)


def _sightings(found: pl.LazyFrame) -> Iterable[Sighting]:
    """The first and last of each minute, of `time`, `ecu` and `version`."""
    by_minute = (
        found.filter(pl.col("time") >= CLOCK_SET_FROM)
        .with_columns(pl.col("ecu").cast(SCHEMA["ecu"]), pl.col("version").cast(pl.String))
        .group_by("ecu", "version", pl.col("time").dt.truncate(_EVERY).alias("minute"))
        .agg(first=pl.col("time").min().cast(pl.Int64), last=pl.col("time").max().cast(pl.Int64))
        .collect(engine="streaming")
    )
    for ecu, version, first, last in by_minute.select(
        "ecu", "version", "first", "last"
    ).iter_rows():
        yield Sighting(ecu, first, version)
        if last != first:
            yield Sighting(ecu, last, version)
