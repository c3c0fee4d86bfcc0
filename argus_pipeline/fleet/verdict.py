"""May a campaign go on? One pure function over a few numbers, by rules that are printed with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from argus_pipeline.fleet.rules import CampaignRules


class Verdict(StrEnum):
    """What to do with a campaign."""

    CONTINUE = "continue"
    HOLD = "hold"
    NOT_ENOUGH_DATA = "not enough data"


@dataclass(frozen=True, slots=True)
class CampaignNumbers:
    """What the verdict is made of. `expected` is None where there is no list.

    `changes`: class, severity, fault and versions of each fault that changed with the update.
    """

    expected: int | None
    reported_expected: int
    succeeded: int
    failed: int
    batches: int
    given_up: int
    hours: float
    changes: Sequence[tuple[str, str, str]] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """One rule as it was applied: its name and threshold, what was found, and what follows."""

    rule: str
    threshold: str
    found: str
    holds: bool
    otherwise: Verdict


def judge(numbers: CampaignNumbers, rules: CampaignRules) -> tuple[Verdict, tuple[Applied, ...]]:
    """The verdict, and every rule with what it found.

    A rule that calls for a hold outweighs missing data: what is bad already gets no better by
    waiting. Without either the campaign may continue.
    """
    applied = (*_hold_rules(numbers, rules), *_data_rules(numbers, rules))
    broken = [rule.otherwise for rule in applied if not rule.holds]
    for verdict in (Verdict.HOLD, Verdict.NOT_ENOUGH_DATA):
        if verdict in broken:
            return verdict, applied
    return Verdict.CONTINUE, applied


def _hold_rules(numbers: CampaignNumbers, rules: CampaignRules) -> Iterator[Applied]:
    known = numbers.succeeded + numbers.failed
    share = numbers.failed / known if known else 0.0
    yield Applied(
        "most_failed_share",
        f"at most {rules.most_failed_share:.1%} of the vehicles with an outcome failed "
        f"(from {rules.least_failed_vehicles} failed vehicles on)",
        f"{numbers.failed} of {known} ({share:.1%})",
        numbers.failed < rules.least_failed_vehicles or share <= rules.most_failed_share,
        Verdict.HOLD,
    )
    given_up = numbers.given_up / max(numbers.batches + numbers.given_up, 1)
    yield Applied(
        "most_given_up_share",
        f"at most {rules.most_given_up_share:.1%} of the batches were given up",
        f"{numbers.given_up} of {numbers.batches + numbers.given_up} ({given_up:.1%})",
        given_up <= rules.most_given_up_share,
        Verdict.HOLD,
    )
    bad = [
        f"{fault} is {became} ({severity})"
        for became, severity, fault in numbers.changes
        if became in rules.hold_classes and severity in rules.hold_severities
    ]
    yield Applied(
        "hold_classes, hold_severities",
        f"no fault is {' or '.join(rules.hold_classes) or 'of any class'} that is "
        f"{' or '.join(rules.hold_severities) or 'of any severity'}",
        "; ".join(bad[:5]) + (f"; {len(bad) - 5} more" if len(bad) > 5 else "") or "none",
        not bad,
        Verdict.HOLD,
    )


def _data_rules(numbers: CampaignNumbers, rules: CampaignRules) -> Iterator[Applied]:
    known = numbers.succeeded + numbers.failed
    yield Applied(
        "least_vehicles",
        f"at least {rules.least_vehicles} vehicles with an outcome",
        str(known),
        known >= rules.least_vehicles,
        Verdict.NOT_ENOUGH_DATA,
    )
    yield Applied(
        "least_hours",
        f"at least {rules.least_hours:g} h of operation under the target",
        f"{numbers.hours:.2f} h",
        numbers.hours >= rules.least_hours,
        Verdict.NOT_ENOUGH_DATA,
    )
    if numbers.expected:
        share = numbers.reported_expected / numbers.expected
        yield Applied(
            "least_reported_share",
            f"at least {rules.least_reported_share:.1%} of the expected vehicles reported",
            f"{numbers.reported_expected} of {numbers.expected} ({share:.1%})",
            share >= rules.least_reported_share,
            Verdict.NOT_ENOUGH_DATA,
        )
