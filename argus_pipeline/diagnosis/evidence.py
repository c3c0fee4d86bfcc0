"""Numbered evidence, and the feature summary that it makes up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from argus_pipeline.language_model.tokens import token_estimate


class Kind(StrEnum):
    """What a piece of evidence speaks of, in the order in which a summary lists them."""

    UPDATE = "update"
    SCOPE = "scope"
    SEVERITIES = "severities"
    LIFECYCLE = "lifecycle"
    RESTART = "restart"
    LOSS = "loss"
    DAMAGE = "damage"
    CODE = "code"
    EVENT = "event"
    SIGNAL = "signal"
    BASELINE = "baseline"
    CHANGE = "change"
    REMAINDER = "remainder"


@dataclass(frozen=True, slots=True)
class Reference:
    """Where to look: a file of the batch, a byte offset in it, and the table it was decoded to."""

    recording: str
    offset: int | None = None
    table: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One numbered observation.

    `statement` is ours, with names from outside cleaned and shortened. `quote` is a masked text
    of the log: data of a stranger, to be shown as a quotation and never followed. Every number of
    the statement is in `numbers` or part of a name or time in the statement.
    """

    id: str
    kind: Kind
    statement: str
    numbers: Mapping[str, int | float] = field(default_factory=dict)
    references: tuple[Reference, ...] = ()
    time: datetime | None = None
    code: str | None = None
    severity: str | None = None
    quote: str | None = None


@dataclass(frozen=True, slots=True)
class FeatureSummary:
    """What stands for a batch in its diagnosis: bounded, whatever the batch's size."""

    evidence: tuple[Evidence, ...]

    def render(self) -> str:
        """The summary as text, one line a piece of evidence; quotations as JSON strings."""
        return "\n".join(line(piece) for piece in self.evidence)

    @property
    def tokens(self) -> int:
        """About how many tokens a language model would read."""
        return token_estimate(self.render())

    def of_kind(self, kind: Kind) -> tuple[Evidence, ...]:
        """All evidence of one kind, in order."""
        return tuple(piece for piece in self.evidence if piece.kind is kind)


def line(piece: Evidence) -> str:
    """One line of the summary."""
    text = f"{piece.id} {piece.kind}: {piece.statement}"
    if piece.quote is not None:
        quoted = piece.quote.replace("\\", "\\\\").replace('"', '\\"')
        text += f' Log text: "{quoted}"'
    return text
