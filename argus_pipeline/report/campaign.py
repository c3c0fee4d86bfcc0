"""The page of a campaign: may it go on, by which rule, and what the update changed.

It is made of the documented tables alone: a row of `campaign_health`, the rows of
`firmware_comparison` that it rests on, and the cells of the campaign's batches.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from argus_pipeline.charts.adoption import adoption
from argus_pipeline.charts.rate_ratios import CLASSES, rate, rate_ratios
from argus_pipeline.charts.rendering import render
from argus_pipeline.diagnosis.text import amount
from argus_pipeline.report.html import image_of, render_page
from argus_pipeline.report.view import sentence
from argus_pipeline.statistics.severity import CRITICAL

_TEMPLATE: Final = "campaign.html.j2"
_TONES: Final = {"continue": "clear", "hold": "fault", "not enough data": "open"}
BADGES: Final = {"new": "medium", "worse": "medium", "better": "high", "gone": "high"}
MAX_CHANGES: Final = 50
EXPLANATION: Final = (
    "Each fault is compared on each platform: how often it came in an hour of operation under the"
    " version before, and how often under the one after. The ratio of the two rates has a 95 %"
    " interval that allows for vehicles which differ from each other, so a few noisy vehicles make"
    " no regression.",
    "A fault is worse or new (better or gone) when the difference is more than chance, after a"
    " correction for the number of faults that were compared (Benjamini and Hochberg); unchanged"
    " when the interval rules out a change that matters; anything else is too little data.",
    "The thresholds are those of the rules table. They can be changed for all campaigns, in the"
    " bucket under fleet/rules.yaml, and for one, under campaigns/<campaign>/rules.yaml.",
)


@dataclass(frozen=True, slots=True)
class CampaignView:
    """What the page says, as plain text; `health` is the row with its JSON columns read."""

    health: Mapping[str, Any]
    changes: Sequence[Mapping[str, Any]]

    @property
    def tone(self) -> str:
        """How the head looks: `fault`, `clear` or `open`."""
        return _TONES[self.health["verdict"]]

    @property
    def broken(self) -> Sequence[Mapping[str, Any]]:
        """The rules that made the verdict; none when the campaign may go on."""
        return [
            rule
            for rule in self.health["rules"]
            if not rule["holds"] and rule["otherwise"] == self.health["verdict"]
        ]

    @property
    def answer(self) -> str:
        """What makes the verdict, as one sentence."""
        if not self.broken:
            return "Every rule holds: the campaign may go on"
        # What a fault became speaks for itself; a bare number needs its rule.
        parts = [
            rule["found"]
            if rule["rule"].startswith("hold_classes")
            else f"{rule['threshold']}, found {rule['found']}"
            for rule in self.broken
        ]
        return sentence("; ".join(parts))

    @property
    def by_rule(self) -> str:
        """The names of the rules that made the verdict."""
        return ", ".join(rule["rule"] for rule in self.broken) or "all of them hold"

    @property
    def vehicles(self) -> str:
        """How many reported, of those that are expected where that is known."""
        reported, expected = self.health["reported"], self.health["expected"]
        if expected is None:
            return f"{amount(reported, 'vehicle')} reported"
        on_list = reported - self.health["not_expected"]
        return f"{on_list:,} of {amount(expected, 'expected vehicle')} reported"

    @property
    def outcomes(self) -> str:
        """What became of the update on them."""
        counts = (f"{self.health[name]:,} {name}" for name in ("succeeded", "failed", "pending"))
        return ", ".join(counts)

    @property
    def target(self) -> str:
        """The firmware that the campaign brings."""
        return self.health["target"] or "not known yet"

    @property
    def batches(self) -> str:
        """How many batches there are, and how many were given up."""
        text = amount(self.health["batches"], "batch", "batches")
        given_up = self.health["given_up"]
        return f"{text}, {given_up:,} given up" if given_up else text

    @property
    def hours(self) -> str:
        """Hours of operation under the target."""
        return f"{rate(self.health['hours'])} h"


def campaign_view(health: Mapping[str, Any], comparison: pl.DataFrame) -> CampaignView:
    """Put together what the page says.

    Args:
        health: a row of `campaign_health`.
        comparison: the rows of `firmware_comparison` that `compared` gives for it.
    """
    read = dict(health)
    for name in ("platforms", "sources", "changes", "rules"):
        read[name] = json.loads(read[name])
    certain = comparison.filter(pl.col("class").cast(pl.String).is_in(list(BADGES)))
    order = {name: rank for rank, name in enumerate(CLASSES)}
    rows = certain.with_columns(pl.col("class", "severity").cast(pl.String)).to_dicts()
    rows.sort(key=lambda row: (order[row["class"]], row["severity"] not in CRITICAL))
    return CampaignView(read, rows)


def compared(health: Mapping[str, Any], comparison: pl.DataFrame) -> pl.DataFrame:
    """The rows of `firmware_comparison` that say what a campaign's update changed.

    Those of its platforms, from the versions that its vehicles started from to its target.
    """
    sources = [source["firmware"] for source in json.loads(health["sources"])]
    return comparison.filter(
        pl.col("platform").is_in(json.loads(health["platforms"])),
        pl.col("firmware_before").is_in(sources),
        pl.col("firmware_after") == (health["target"] or ""),
    )


def campaign_charts(
    health: Mapping[str, Any], comparison: pl.DataFrame, cells: pl.DataFrame
) -> dict[str, bytes]:
    """The charts of a campaign as SVG, by name: `rate_ratios` and `adoption`.

    Args:
        health: a row of `campaign_health`.
        comparison: what `compared` gives for it.
        cells: of the campaign's batches, as `fleet.cells.CELLS` describes them.
    """
    before = sorted(set(comparison["firmware_before"]))
    line = f"campaign {health['campaign']}"
    versions = f"{' and '.join(before)} → {health['target']}" if before else ""
    platforms = ", ".join(json.loads(health["platforms"]))
    subtitle = [" · ".join(filter(None, [line, platforms, versions]))]
    return {
        "rate_ratios": render(rate_ratios(comparison, subtitle)).svg,
        "adoption": render(adoption(cells, subtitle)).svg,
    }


def render_campaign(
    health: Mapping[str, Any],
    own: pl.DataFrame,
    charts: Mapping[str, bytes],
    *,
    made_of: str = "",
) -> str:
    """The page of a campaign: one self-contained file of HTML.

    Args:
        health: a row of `campaign_health`.
        own: what `compared` gives for it.
        charts: what `campaign_charts` draws for it.
        made_of: tells one state of all these from another.
    """
    view = campaign_view(health, own)
    return render_page(
        _TEMPLATE,
        campaign=view,
        made_of=made_of,
        charts={name: image_of(name, image) for name, image in charts.items()},
        changes=view.changes[:MAX_CHANGES],
        changes_omitted=max(0, len(view.changes) - MAX_CHANGES),
        badges=BADGES,
        explanation=EXPLANATION,
        rate=rate,
        ratio=ratio_text,
        sentence=sentence,
    )


def ratio_text(row: Mapping[str, Any]) -> str:
    """A ratio with its interval: `3.05 (1.9 to 4.9)`."""
    if row["ratio"] is None:
        return "not known"
    low, high = (_number(row[name]) for name in ("low", "high"))
    return f"{_number(row['ratio'])} ({low} to {high})"


def _number(value: float | None) -> str:
    if value is None:
        return "?"
    return "∞" if value == float("inf") else f"{value:.3g}"
