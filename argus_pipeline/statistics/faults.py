"""Faults of a batch: fault codes, and fingerprints of the worse messages that name none.

One pass over the texts makes groups of messages that have the same code or text, source, place and
firmware; everything that is said of faults is summed up from these groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from argus_pipeline.statistics import schemas
from argus_pipeline.statistics.codes import (
    CodePattern,
    code_positions,
    may_have_codes,
)
from argus_pipeline.statistics.fingerprints import NO_TEXT, fingerprint
from argus_pipeline.statistics.firmware import TOLERANCE, Update
from argus_pipeline.statistics.segments import bounds
from argus_pipeline.statistics.severity import CRITICAL, SEVERITY
from argus_pipeline.statistics.texts import said

FINGERPRINTED: Final = (*CRITICAL, "warn")
"""Severities whose messages get a fingerprint when they name no code. What is info or less says
nothing of a fault, and is most of a log."""

CODE: Final = "code"
FINGERPRINT: Final = "fingerprint"
OTHER: Final = "other"
"""Stands for all faults of a kind beyond the `MAX_FAULTS` of most messages."""

MAX_FAULTS: Final = 1_000
MAX_TEMPLATES: Final = 1_000
MAX_TEXT_CHARACTERS: Final = 1_000
"""Of a text, where one is kept."""

_FILE: Final = ("path", "table")
_PLACE: Final = ("recording", "table")
_NO_TIME: Final = 2**63 - 1
_OFFSETS: Final = 2**64


def fault_groups(messages: pl.LazyFrame, patterns: Sequence[CodePattern]) -> pl.LazyFrame:
    """Messages that name a code or are to have a fingerprint, in groups.

    Args:
        messages: events, with the `segment` of their time where they have no lifecycle.
        patterns: what counts as a fault code in texts.

    Returns:
        One row for each `code` (null: none), `template`, `ecu`, `severity`, `path`, `table`,
        `lifecycle` and `segment`; `messages`, of which `once` count here and not with another
        code that they name first; `first`, the place of the first one, and of coded ones
        `first_text`; `last_time`.
    """
    codes = pl.col("codes").list.len().fill_null(0)
    return (
        messages.with_columns(said=said(pl.col("text"), patterns))
        .with_columns(codes=all_codes(pl.col("said").struct.field("codes")))
        .filter(pl.col("severity").is_in(FINGERPRINTED) | (codes > 0))
        .select(
            "time",
            "offset",
            *_FILE,
            "ecu",
            "severity",
            "lifecycle",
            "segment",
            "text",
            template=pl.col("said").struct.field("template"),
            code="codes",
            nth=pl.int_ranges(codes),
        )
        .explode("code", "nth", empty_as_null=True)
        .group_by("code", "template", "ecu", "severity", *_FILE, "lifecycle", "segment")
        .agg(
            messages=pl.len(),
            once=(pl.col("nth").fill_null(0) == 0).sum(),
            first=_first_key().min(),
            last_time=pl.col("time").max(),
            first_text=pl.when(pl.col("code").is_not_null())
            .then(pl.col("text").str.slice(0, MAX_TEXT_CHARACTERS))
            .min_by(_first_key()),
        )
    )


def may_be_faults(patterns: Sequence[CodePattern]) -> pl.Expr:
    """Whether a message may be one of `fault_groups`: quicker than to look for its codes."""
    return (
        pl.col("severity").is_in(FINGERPRINTED)
        | pl.col("code").is_not_null()
        | may_have_codes(pl.col("text"), patterns)
    )


def all_codes(in_text: pl.Expr) -> pl.Expr:
    """The code field of an event, or else the codes in its text."""
    code = pl.col("code")
    return pl.when(code.is_not_null()).then(pl.concat_list(code)).otherwise(in_text)


def codes(groups: pl.DataFrame, patterns: Sequence[CodePattern]) -> pl.DataFrame:
    """The frame `codes`."""
    coded = groups.filter(pl.col("code").is_not_null())
    reporters = (
        coded.group_by("code", "ecu")
        .agg(pl.col("messages").sum())
        .sort(pl.col("ecu").is_null(), -pl.col("messages").cast(pl.Int64), "ecu")
        .group_by("code", maintain_order=True)
        .agg(pl.col("ecu").first(), pl.col("ecu").drop_nulls().len().alias("ecus"))
    )
    found = _first_places(coded, "code").join(reporters, on="code", maintain_order="left")
    positions = code_positions(found.select("code", text="first_text"), patterns)
    return schemas.fit("codes", found.with_columns(positions))


def critical_templates(groups: pl.DataFrame) -> pl.DataFrame:
    """The frame `critical_templates`."""
    critical = groups.filter(pl.col("severity").is_in(CRITICAL)).with_columns(messages="once")
    ranked = _first_places(critical, "template", "ecu")
    return schemas.fit("critical_templates", ranked).head(MAX_TEMPLATES)


def fault_counts(
    groups: pl.DataFrame, boots: pl.DataFrame, update: Update, marks: Sequence[int]
) -> pl.DataFrame:
    """The frame `fault_counts`.

    Args:
        groups: of messages, with `recording` in place of `path`.
        boots: lifecycles of the batch, with `firmware`.
        update: when the firmware changed.
        marks: the moments that the segments lie between.
    """
    named = _named(placed(groups, boots, update, marks))
    titles = (
        named.group_by("kind", "fault", "template")
        .agg(pl.col("messages").sum())
        .sort(["messages", "template"], descending=[True, False])
        .group_by("kind", "fault", maintain_order=True)
        .agg(title=pl.col("template").first())
    )
    found = _first_places(named, "kind", "fault", "firmware", "ecu")
    return schemas.fit(
        "fault_counts",
        found.join(titles, on=["kind", "fault"], how="left").with_columns(
            title=pl.when(pl.col("fault") == OTHER)
            .then(pl.format("the less frequent {}s together", "kind"))
            .otherwise(pl.col("title").fill_null(NO_TEXT))
        ),
    )


def critical_moments(critical: pl.DataFrame) -> dict[str, list[int]]:
    """Seconds since 1970 of the critical events of each fault, that of most events first.

    Args:
        critical: the frame `critical_events`.
    """
    timed = critical.filter(pl.col("time").is_not_null())
    found: dict[str, list[int]] = {}
    for code, text, second in timed.select(
        "code", "template", pl.col("time").dt.epoch("s")
    ).iter_rows():
        found.setdefault(code or fingerprint(text), []).append(second)
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def placed(
    groups: pl.DataFrame, boots: pl.DataFrame, update: Update, marks: Sequence[int]
) -> pl.DataFrame:
    """`groups` with `firmware` and `boot_id`, null where they cannot be told."""
    key = ["recording", "ecu", "lifecycle"]
    by_lifecycle = groups.filter(pl.col("lifecycle").is_not_null()).join(
        boots.select(*key, "boot_id", "firmware"), on=key, how="left"
    )
    elsewhere = pl.col("boot_id").is_null()
    by_lifecycle = by_lifecycle.with_columns(
        firmware=pl.when(elsewhere).then(pl.lit(update.at(None))).otherwise("firmware")
    )
    rest = groups.filter(pl.col("lifecycle").is_null())
    by_time = _by_time(rest.select("ecu", "segment").unique(), boots, update, marks)
    return pl.concat(
        [by_lifecycle, rest.join(by_time, on=["ecu", "segment"], how="left", nulls_equal=True)],
        how="diagonal_relaxed",
    )


def _by_time(
    places: pl.DataFrame, boots: pl.DataFrame, update: Update, marks: Sequence[int]
) -> pl.DataFrame:
    """`boot_id` and `firmware` of ECUs in segments: of the boot that runs, else by the update."""
    begin = bounds(marks)
    moments = [None if number is None else begin[number] for number in places["segment"]]
    running = (
        boots.filter("clocked")
        .group_by("boot_id")
        .agg(
            pl.col("ecu", "firmware").first(),
            pl.col("since").min().cast(pl.Int64),
            until=pl.col("until").max().cast(pl.Int64) + TOLERANCE,
        )
        .sort("since")
    )
    found = (
        places.with_columns(at=pl.Series(moments, dtype=pl.Int64))
        .sort("at")
        .join_asof(running, left_on="at", right_on="since", by="ecu", check_sortedness=False)
    )
    runs = (pl.col("at") < pl.col("until")).fill_null(False)
    otherwise = [update.at(at, ecu) for at, ecu in found.select("at", "ecu").iter_rows()]
    return found.select(
        "ecu",
        "segment",
        boot_id=pl.when(runs).then("boot_id"),
        firmware=pl.when(runs).then("firmware").otherwise(pl.Series(otherwise, dtype=pl.String)),
    )


def _named(groups: pl.DataFrame) -> pl.DataFrame:
    """`groups` with `kind` and `fault`, those of few messages as `OTHER`."""
    templates = groups.filter(pl.col("code").is_null())["template"].unique()
    fingerprints = pl.DataFrame(
        {"template": templates, "fingerprint": [fingerprint(text) for text in templates]},
        schema={"template": pl.String, "fingerprint": pl.String},
    )
    is_code = pl.col("code").is_not_null()
    named = groups.join(fingerprints, on="template", how="left", nulls_equal=True).select(
        pl.exclude("code", "fingerprint"),
        kind=pl.when(is_code).then(pl.lit(CODE)).otherwise(pl.lit(FINGERPRINT)),
        fault=pl.coalesce("code", "fingerprint"),
    )
    kept = (
        named.group_by("kind", "fault")
        .agg(pl.col("messages").sum())
        .sort(["messages", "fault"], descending=[True, False])
        .group_by("kind", maintain_order=True)
        .head(MAX_FAULTS)
        .select("kind", "fault", kept=pl.lit(True))
    )
    return named.join(kept, on=["kind", "fault"], how="left").with_columns(
        fault=pl.when("kept").then("fault").otherwise(pl.lit(OTHER))
    )


def _first_key() -> pl.Expr:
    """Time and offset in one number, so that its minimum is the first message, ties and all."""
    time = pl.col("time").cast(pl.Int64).fill_null(_NO_TIME)
    return time.cast(pl.Int128) * _OFFSETS + pl.col("offset").cast(pl.Int128)


def _first_places(found: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Sum up rows of the same `by`, with the time and place of the first message of each."""
    time, offset = pl.col("first") // _OFFSETS, pl.col("first") % _OFFSETS
    boots = [pl.col("boot_id").drop_nulls().n_unique().alias("lifecycles")]
    return (
        found.with_columns(pl.col("severity").cast(SEVERITY))
        .sort("first", *_PLACE, "severity", "ecu")
        .group_by(*by, maintain_order=True)
        .agg(
            pl.col("messages").sum(),
            pl.col("last_time").max(),
            pl.col("severity").min(),
            pl.col("first", "first_text", *_PLACE).first(),
            *(boots if "boot_id" in found.columns else []),
        )
        .with_columns(
            first_time=pl.when(time != _NO_TIME).then(time).cast(pl.Int64).cast(schemas.TIME),
            offset=offset.cast(pl.UInt64),
        )
    )
