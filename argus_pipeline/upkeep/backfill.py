"""Which batches a night brings up to date. A pure decision over what is known of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from argus_pipeline.batches.recovery import Outcome


class Reason(StrEnum):
    """Why a batch is run again. In this order: what nobody can read yet comes first."""

    MISSING = "missing"
    FAILED = "failed"
    OUTDATED = "outdated"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A batch that may need a run.

    Attributes:
        batch: its id.
        reason: what it lacks.
        newest: how its newest run stands, None where there was none.
        given_up: whether it is on the list of what was given up.
        code_changed: whether the code has changed since it was given up.
        expired: whether some of its data was deleted for its age, so that a run would fail.
    """

    batch: str
    reason: Reason
    newest: Outcome | None = None
    given_up: bool = False
    code_changed: bool = False
    expired: bool = False

    @property
    def may_run(self) -> bool:
        """Whether a run can help, and no person has said otherwise."""
        if self.newest in {Outcome.GOING_ON, Outcome.CANCELED} or self.expired:
            return False
        return not self.given_up or self.code_changed


def choose(candidates: Iterable[Candidate], most: int) -> Sequence[Candidate]:
    """The batches to run tonight, each once: by reason, and then in the order given.

    Args:
        candidates: what may need a run; a batch may be there for several reasons.
        most: how many are chosen at the most.
    """
    order = list(Reason)
    chosen: dict[str, Candidate] = {}
    for one in sorted(candidates, key=lambda c: order.index(c.reason)):
        if one.may_run:
            chosen.setdefault(one.batch, one)
    return list(chosen.values())[:most]


def is_outdated(made_by: Mapping[str, str], current: Mapping[str, str]) -> bool:
    """Whether any of these assets was made by other code than the current.

    Args:
        made_by: code version by asset, of those assets that were made.
        current: code version by asset, as it is now.
    """
    return any(name in current and version != current[name] for name, version in made_by.items())
