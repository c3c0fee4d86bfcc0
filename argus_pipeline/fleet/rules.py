"""The rules by which versions and campaigns are judged, from `rules.yaml` and what overrides it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import resources
from typing import Any, Final, TypeVar

import yaml

from argus_pipeline.errors import BadInput
from argus_pipeline.statistics.severity import SEVERITIES
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore

CLASSES: Final = ("new", "worse", "unchanged", "better", "gone", "too little data")
_SHARES: Final = frozenset(
    {
        "false_discovery_rate",
        "power",
        "least_shared_information",
        "least_reported_share",
        "most_failed_share",
        "most_given_up_share",
    }
)
_CHOICES: Final = {"hold_classes": CLASSES, "hold_severities": SEVERITIES}


@dataclass(frozen=True, slots=True)
class ComparisonRules:
    """When a fault counts as changed; `rules.yaml` says what each number means."""

    false_discovery_rate: float
    least_change: float
    relevant_change: float
    least_messages: int
    least_vehicles: int
    least_shared_information: float
    power: float


@dataclass(frozen=True, slots=True)
class CampaignRules:
    """When a campaign goes on; `rules.yaml` says what each number means."""

    least_vehicles: int
    least_hours: float
    least_reported_share: float
    most_failed_share: float
    least_failed_vehicles: int
    most_given_up_share: float
    hold_classes: tuple[str, ...]
    hold_severities: tuple[str, ...]
    update_failures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules."""

    comparison: ComparisonRules
    campaign: CampaignRules


_Part = TypeVar("_Part", ComparisonRules, CampaignRules)


@cache
def default_rules() -> Rules:
    """The rules that come with Argus."""
    text = resources.files("argus_pipeline.fleet").joinpath("rules.yaml").read_text("utf-8")
    content = yaml.safe_load(text)

    def values(part: str) -> dict[str, Any]:
        return {k: tuple(v) if isinstance(v, list) else v for k, v in content[part].items()}

    return Rules(ComparisonRules(**values("comparison")), CampaignRules(**values("campaign")))


def read_rules(store: ObjectStore) -> Rules:
    """The default rules with what `fleet/rules.yaml` of the bucket changes.

    Raises:
        BadInput: the file is no YAML, or a rule is unknown or out of range.
    """
    rules, key = default_rules(), keys.fleet_rules()
    content = _read(store, key)
    strange = set(content) - {"comparison", "campaign"}
    if strange:
        raise BadInput(
            f"has the key {min(strange)!r}", where=store.uri(key), expected="comparison, campaign"
        )
    return Rules(
        overridden(rules.comparison, content.get("comparison"), f"{store.uri(key)}: comparison"),
        overridden(rules.campaign, content.get("campaign"), f"{store.uri(key)}: campaign"),
    )


def read_campaign_rules(store: ObjectStore, campaign: str, rules: CampaignRules) -> CampaignRules:
    """`rules` with what `campaigns/<campaign>/rules.yaml` changes.

    Raises:
        BadInput: the file is no YAML, or a rule is unknown or out of range.
    """
    key = keys.campaign_rules(campaign)
    return overridden(rules, _read(store, key), store.uri(key))


def overridden(rules: _Part, changes: object, where: str) -> _Part:
    """`rules` with some of them changed.

    Raises:
        BadInput: naming the rule, what it is and what was expected.
    """
    if changes is None:
        return rules
    if not isinstance(changes, Mapping):
        raise BadInput(f"is {changes!r}", where=where, expected="rules by name")
    known = {field.name: getattr(rules, field.name) for field in fields(rules)}
    for name, value in changes.items():
        if name not in known:
            raise BadInput(f"has no rule {name!r}", where=where, expected=", ".join(known))
        expected = _complaint(name, value, known[name])
        if expected:
            raise BadInput(f"rule {name!r} is {value!r}", where=where, expected=expected)
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in changes.items()}
    return replace(rules, **given)


def _complaint(name: str, value: object, default: object) -> str | None:
    """What would have been right, where `value` is not."""
    if isinstance(default, tuple):
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            return "a list of texts"
        choices = _CHOICES.get(name)
        if choices is not None:
            return None if set(value) <= set(choices) else f"of {', '.join(choices)}"
        return None if all(map(_is_pattern, value)) else "regular expressions"
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "a number"
    if name in _SHARES:
        return None if 0 <= value <= 1 else "a share from 0 to 1"
    if name.endswith("_change"):
        return None if value > 1 else "a factor greater than 1"
    if isinstance(default, int) and not isinstance(value, int):
        return "a whole number"
    return None if value >= 0 else "a number of at least 0"


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def _read(store: ObjectStore, key: str) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(store.get(key))
    except ObjectMissing:
        return {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = str(error).splitlines()[0]
        raise BadInput(f"cannot be read: {line}", where=store.uri(key), expected="YAML") from error
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise BadInput("holds no rules", where=store.uri(key), expected="rules by name")
    return content
