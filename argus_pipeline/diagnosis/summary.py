"""The feature summary: what a batch's statistics and results say, in about 1,000 tokens.

Only counts, names and masked texts travel on; names and texts from a log are cleaned and
shortened first. What does not fit is counted, and the last piece of evidence says how much it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from argus_pipeline.batches.manifest import Manifest
from argus_pipeline.diagnosis.anomaly_evidence import restart_evidence, signal_evidence
from argus_pipeline.diagnosis.baseline import baseline_evidence
from argus_pipeline.diagnosis.ecus import ecu_histories
from argus_pipeline.diagnosis.evidence import Evidence, FeatureSummary, Kind, line
from argus_pipeline.diagnosis.lifecycle_evidence import lifecycle_evidence, loss_evidence
from argus_pipeline.diagnosis.log_evidence import (
    Listed,
    code_evidence,
    event_evidence,
    scope_evidence,
    severity_evidence,
)
from argus_pipeline.diagnosis.recording_evidence import damage_evidence, update_evidence
from argus_pipeline.diagnosis.text import amount
from argus_pipeline.language_model.tokens import token_estimate
from argus_pipeline.recordings.result import RecordingResult

if TYPE_CHECKING:
    import polars as pl

    from argus_pipeline.statistics.batch import BatchStatistics

MAX_TOKENS: Final = 1000
# What the id of a piece, its line end and the remainder's sentence can take at most.
_TOKENS_PER_ID: Final = 2
_TOKENS_FOR_REMAINDER: Final = 160


def summarise(
    manifest: Manifest,
    results: Sequence[RecordingResult],
    statistics: BatchStatistics,
    baseline: pl.DataFrame | None = None,
) -> FeatureSummary:
    """Number the evidence of a batch (E1, E2, …) in the order of `Kind`.

    The order of importance decides what fits: scope, update and baseline, then codes, damaged
    recordings, texts of fatal or error messages, what is new or gone, restarts, signals and losses
    in turn, each the worst first.

    Args:
        manifest: what the batch is.
        results: of all its recordings.
        statistics: of the batch.
        baseline: rates of faults of the vehicle and its platform, as `diagnosis.baseline` has it.
    """
    histories = ecu_histories(statistics)
    compared, changes = baseline_evidence(statistics, baseline)
    always = [
        update_evidence(manifest, histories),
        scope_evidence(statistics, len(manifest.recordings)),
        severity_evidence(statistics),
        compared,
    ]
    codes = code_evidence(statistics, histories)
    damage = damage_evidence(results)
    events = event_evidence(statistics)
    unseen = int(statistics.total("lifecycles")) - statistics.lifecycles.height
    lifecycles = lifecycle_evidence(histories, unseen=unseen)
    losses = loss_evidence(statistics)
    restarts = restart_evidence(statistics)
    signals = signal_evidence(statistics)

    room = MAX_TOKENS - _TOKENS_FOR_REMAINDER - sum(_cost(piece) for piece in always)
    chosen: list[Evidence] = []
    others = (damage, events, changes, restarts, lifecycles, signals, losses)
    for piece in _in_turn(codes.evidence, *(listed.evidence for listed in others)):
        cost = _cost(piece)
        # The first that does not fit ends it, so that no lesser piece stands where a worse lacks.
        if cost > room:
            break
        room -= cost
        chosen.append(piece)
    listed = {
        Kind.CODE: codes,
        Kind.DAMAGE: damage,
        Kind.EVENT: events,
        Kind.LIFECYCLE: lifecycles,
        Kind.LOSS: losses,
        Kind.CHANGE: changes,
        Kind.RESTART: restarts,
        Kind.SIGNAL: signals,
    }
    remainder = _remainder(listed, chosen)
    ordered = sorted([*always, *chosen], key=lambda piece: list(Kind).index(piece.kind))
    return FeatureSummary(
        tuple(
            replace(piece, id=f"E{number}")
            for number, piece in enumerate([*ordered, *remainder], start=1)
        )
    )


def _cost(piece: Evidence) -> int:
    return token_estimate(line(piece)) + _TOKENS_PER_ID


def _in_turn(codes: Sequence[Evidence], *others: Sequence[Evidence]) -> Iterable[Evidence]:
    """Two codes, one piece of each other kind, and so on: none of them crowds out another."""
    pairs = zip_longest(codes[::2], codes[1::2])
    for pair, rest in zip_longest(pairs, zip_longest(*others)):
        yield from (piece for piece in (*(pair or ()), *(rest or ())) if piece is not None)


def _remainder(found: Mapping[Kind, Listed], chosen: Sequence[Evidence]) -> list[Evidence]:
    parts: list[str] = []
    numbers: dict[str, int | float] = {}

    def left(kind: Kind, measure: str) -> tuple[int, int]:
        listed = found[kind]
        kept = [piece for piece in chosen if piece.kind is kind]
        number = listed.total - len(kept)
        weight = listed.weight - sum(int(piece.numbers[measure]) for piece in kept)
        if number:
            numbers[f"{kind}_left_out"] = number
            numbers[f"{kind}_{measure}_left_out"] = weight
        return number, weight

    number, messages = left(Kind.CODE, "messages")
    if number:
        parts.append(f"{amount(number, 'more code')} with {amount(messages, 'message')}")
    number, lost = left(Kind.DAMAGE, "quarantined_bytes")
    if number:
        parts.append(
            f"{amount(number, 'more damaged recording')} with {amount(lost, 'byte')} not decoded"
        )
    number, messages = left(Kind.EVENT, "messages")
    if number:
        parts.append(
            f"{amount(number, 'more text')} of fatal or error messages without a code,"
            f" with {amount(messages, 'message')}"
        )
    number, ecus = left(Kind.LIFECYCLE, "ecus")
    if number:
        parts.append(f"how often {amount(ecus, 'more ECU')} started anew")
    _, lost = left(Kind.LOSS, "lost")
    if lost:
        # Also of senders that the statistics do not list.
        numbers["loss_lost_left_out"] = lost
        parts.append(f"{amount(lost, 'lost message')} of more senders")
    number, _ = left(Kind.CHANGE, "messages")
    if number:
        parts.append(f"{amount(number, 'more fault')} new or gone")
    number, _ = left(Kind.RESTART, "boots")
    if number:
        parts.append(f"{amount(number, 'more ECU')} with boots that ended badly")
    number, _ = left(Kind.SIGNAL, "beyond")
    if number:
        parts.append(f"{amount(number, 'more signal')} near faults")
    events, lifecycles = found[Kind.EVENT], found[Kind.LIFECYCLE]
    if lifecycles.unseen:
        numbers["lifecycles_unseen"] = lifecycles.unseen
        parts.append(
            f"{amount(lifecycles.unseen, 'older lifecycle')}, of which only the count is kept"
        )
    if events.unseen:
        numbers["events_unseen"] = events.unseen
        parts.append(
            f"{amount(events.unseen, 'older fatal or error message')}, of which only the count"
            " is kept"
        )
    if not parts:
        return []
    statement = f"Left out of this list: and {'; and '.join(parts)}."
    return [Evidence("", Kind.REMAINDER, statement, numbers)]
