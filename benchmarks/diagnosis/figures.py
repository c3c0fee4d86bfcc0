"""The figures of the evaluation, the bar of each, and the tables that show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from argus_pipeline.diagnosis.model import Outcome
from benchmarks.diagnosis.dataset import KINDS
from benchmarks.diagnosis.scoring import (
    Answer,
    calibration_error,
    first_right,
    reliability,
    third_right,
)

KNOWN: Final = ("known", "elsewhere")


@dataclass(frozen=True, slots=True)
class Figure:
    """A share of some answers, and its bar: `above` where it has to be better, not as good."""

    name: str
    hits: int
    of: int
    bar: float | None = None
    above: bool = False

    @property
    def value(self) -> float:
        """The share, 0 to 1."""
        return self.hits / self.of if self.of else 0.0

    @property
    def held(self) -> bool:
        """Whether the bar is reached; so is none."""
        if self.bar is None:
            return True
        return self.value > self.bar if self.above else self.value >= self.bar


def figures(answers: Sequence[Answer]) -> list[Figure]:
    """All figures over some answers."""
    of = {kind: [a for a in answers if a.labelled.kind == kind] for kind in KINDS}
    known = [a for kind in KNOWN for a in of[kind]]
    words, lacking, several = of["paraphrased"], of["lacking"], of["several"]
    look_up = Figure(
        "baseline: the top code looked up, top 3",
        sum(third_right(a.labelled, a.by_code) for a in words),
        len(words),
    )
    bm25 = Figure(
        "baseline: BM25, top 3", sum(third_right(a.labelled, a.by_bm25) for a in words), len(words)
    )
    ours = sum(third_right(a.labelled, a.ranked) for a in words)
    found = [
        Figure("known code, top 1", sum(a.first_right for a in known), len(known), 0.98),
        Figure(
            "baseline: the top code looked up, top 1",
            sum(first_right(a.labelled, a.by_code) for a in known),
            len(known),
        ),
        Figure(
            "baseline: BM25, top 1",
            sum(first_right(a.labelled, a.by_bm25) for a in known),
            len(known),
        ),
        Figure("unknown code or none, paraphrased, top 3", ours, len(words), 0.80),
        Figure(
            "… better than both baselines", ours, len(words), max(look_up.value, bm25.value), True
        ),
        look_up,
        bm25,
    ]
    for language in ("en", "de", "zh"):
        inside = [a for a in words if a.labelled.language == language]
        hits = sum(third_right(a.labelled, a.ranked) for a in inside)
        found.append(Figure(f"… those in {language}, top 3", hits, len(inside)))
    found += [
        Figure(
            'the knowledge base lacks it: says "unknown"',
            sum(a.outcome is Outcome.UNKNOWN for a in lacking),
            len(lacking),
            0.90,
        ),
        Figure(
            "… and yet shows an article as perhaps related",
            sum(bool(a.ranked) for a in lacking),
            len(lacking),
        ),
        Figure(
            "several faults: the true cause first",
            sum(a.first_right for a in several),
            len(several),
        ),
        Figure("… all among the first three", sum(a.all_in_three for a in several), len(several)),
        Figure(
            "harmless noise: no fault found",
            sum(a.outcome is Outcome.NO_FAULT for a in of["noise"]),
            len(of["noise"]),
        ),
        Figure(
            "a known code follows from an unknown cause: not said with 0.5 or more",
            sum((a.probability or 0.0) < 0.5 for a in of["follows"]),
            len(of["follows"]),
        ),
        Figure(
            "claims whose citations hold",
            sum(a.claims - a.problems for a in answers),
            sum(a.claims for a in answers),
            1.0,
        ),
    ]
    return found


def error_of(answers: Sequence[Answer]) -> tuple[float, int]:
    """The calibration error of the first causes, and how many there are."""
    sure = [(a.probability, a.first_right) for a in answers if a.probability is not None]
    bins = reliability([p for p, _ in sure], [right for _, right in sure])
    return calibration_error(bins), len(sure)


def table(columns: dict[str, Sequence[Figure]]) -> str:
    """The figures as Markdown, a column for each half."""
    lines = [
        "| figure | bar | " + " | ".join(columns) + " |",
        "|---|---|" + "---|" * len(columns),
    ]
    for row in zip(*columns.values(), strict=True):
        first = row[0]
        sign = ">" if first.above else "≥"
        bar = "" if first.bar is None else "both" if first.above else f"{sign} {first.bar:.2f}"
        cells = [
            f"{f.value:.2f} ({f.hits:,}/{f.of:,}){'' if f.held else ' **missed**'}" for f in row
        ]
        lines.append(f"| {first.name} | {bar} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
