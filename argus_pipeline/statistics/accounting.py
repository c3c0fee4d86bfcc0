"""Whether the statistics add up to what was parsed. Every message counts, and counts once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from argus_pipeline.recordings.result import RecordingResult
from argus_pipeline.statistics.batch import BatchStatistics
from argus_pipeline.statistics.faults import CODE, FINGERPRINT, FINGERPRINTED
from argus_pipeline.statistics.severity import CRITICAL, NONE
from argus_pipeline.statistics.sources import message_rows


@dataclass(frozen=True, slots=True)
class Difference:
    """Two counts that should be the same."""

    what: str
    expected: int
    found: int

    def __str__(self) -> str:
        return f"{self.what}: expected {self.expected:,}, found {self.found:,}"


def check_totals(
    statistics: BatchStatistics, results: Sequence[RecordingResult]
) -> tuple[Difference, ...]:
    """Compare the sums of the statistics with the rows that were parsed, and with each other.

    Returns:
        What does not agree, nothing when all is well.
    """
    parsed = sum(message_rows(result) for result in results)
    counts = _sum(statistics.severities)
    severities = dict(statistics.severities.select("severity", "messages").iter_rows())
    total = statistics.total
    bad = sum(severities.get(word, 0) for word in FINGERPRINTED)
    compared = [
        ("messages in all, against the parsed rows", parsed, total("messages")),
        ("messages by severity", total("messages"), counts),
        ("messages by source", total("messages"), _sum(statistics.sources)),
        (
            "messages by minute and those without a time",
            total("messages"),
            _sum(statistics.minutes) + total("unplaced"),
        ),
        (
            "fatal and error events",
            sum(severities.get(word, 0) for word in CRITICAL),
            total("critical_events"),
        ),
        ("recordings", len(results), total("recordings")),
        (
            "decoded bytes",
            sum(result.decoded_bytes for result in results),
            total("decoded_bytes"),
        ),
        ("lifecycles", sum(result.lifecycles for result in results), total("lifecycles")),
        ("lost messages", sum(result.lost_messages for result in results), total("lost_messages")),
        (
            "messages with a fingerprint, by firmware",
            total("fingerprinted"),
            _sum(statistics.fault_counts.filter(kind=FINGERPRINT)),
        ),
        (
            "messages with a code, by code and by firmware",
            _sum(statistics.codes),
            _sum(statistics.fault_counts.filter(kind=CODE)),
        ),
        *(
            (f"messages by {by}, in the rates", counts, _sum(statistics.rates.filter(by=by)))
            for by in ("severity", "ecu", "source")
        ),
        *_by_recording(statistics.recordings, results),
    ]
    bounded = [
        # Events without a severity exist (a type with a code only), severities without one do not.
        ("events, at least those with a severity", counts - severities.get(NONE, 0), "events"),
        ("messages on the time line, at most", _sum(statistics.timeline), "messages"),
        ("messages with a code, at most the events", total("coded"), "events"),
        ("messages with a fingerprint, at most the events", total("fingerprinted"), "events"),
        ("lifecycles that are listed, at most", statistics.lifecycles.height, "lifecycles"),
        ("lost messages that are listed, at most", _lost(statistics.losses), "lost_messages"),
    ]
    # Messages that are not bad name codes, too.
    if bad > total("fingerprinted") + total("coded"):
        compared.append(
            (
                "bad messages with a fingerprint or a code",
                bad,
                total("fingerprinted") + total("coded"),
            )
        )
    return tuple(
        Difference(what, expected, found) for what, expected, found in compared if expected != found
    ) + tuple(
        Difference(what, least, total(name)) for what, least, name in bounded if least > total(name)
    )


def _by_recording(
    recordings: pl.DataFrame, results: Sequence[RecordingResult]
) -> Iterable[tuple[str, int, int]]:
    found: dict[str, int] = dict(recordings.select("recording", "messages").iter_rows())
    parsed = {result.recording: message_rows(result) for result in results}
    for name in sorted(found.keys() | parsed.keys()):
        yield f"messages of {name}", parsed.get(name, 0), found.get(name, 0)


def _sum(frame: pl.DataFrame) -> int:
    return int(frame["messages"].sum())


def _lost(losses: pl.DataFrame) -> int:
    return int(losses["lost"].sum())
