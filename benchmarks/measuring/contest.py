"""Several contenders over the same bytes, taking turns, and the rate of each per CPU second."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from measuring.clock import Measure, WorkFailed
from measuring.table import Section

COLUMNS = ("", "input MB", "best MB/s", "median MB/s", "noise", "system", "runs", "we are")


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that goes through `size` bytes; `messages`, if known, is what it has to find."""

    name: str
    size: int
    run: Callable[[], Measure]
    messages: int | None = None
    rounds: int | None = None
    """At most so many turns, for what is slow."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Bytes per CPU second of one contender: the least disturbed turn and the median one."""

    best: float
    median: float
    turns: int

    @property
    def noise(self) -> float:
        """How much more time the median turn took than the best one."""
        return self.best / self.median - 1


def compete(section: Section, contenders: Sequence[Contender], rounds: int) -> dict[str, Rate]:
    """Run them in turns and write a line each into the section.

    The ratio is that of the best turns, of the first contender to each of the others: what
    disturbs a turn only ever makes it slower.
    """
    measures: dict[str, list[Measure]] = {contender.name: [] for contender in contenders}
    for turn in range(rounds):
        for contender in contenders:
            if turn >= (contender.rounds or rounds):
                continue
            say(f"{section.name}: {contender.name}, {turn + 1} of {contender.rounds or rounds}")
            try:
                measures[contender.name].append(contender.run())
            except WorkFailed as failure:
                section.wrong.append(f"{contender.name}: {failure}")
    rates = {
        contender.name: _rate(contender.size, measures[contender.name])
        for contender in contenders
        if measures[contender.name]
    }
    first = rates.get(contenders[0].name)
    for contender in contenders:
        if contender.name not in rates:
            continue
        rate, own = rates[contender.name], measures[contender.name]
        section.rows.append(
            (
                contender.name,
                f"{contender.size / 1e6:.0f}",
                mb(rate.best),
                mb(rate.median),
                f"+{rate.noise * 100:.0f} %",
                f"{min(own, key=lambda turn: turn.cpu).system_share * 100:.0f} %",
                str(rate.turns),
                times(first.best / rate.best) if first and rate is not first else "",
            )
        )
        section.figures.append(
            {
                "name": contender.name,
                "input_bytes": contender.size,
                "cpu_seconds": [measure.cpu for measure in own],
                "system_seconds": [measure.system for measure in own],
                "wall_seconds": [measure.wall for measure in own],
                "memory_bytes": max(measure.memory for measure in own),
                "bytes_per_cpu_second": rate.best,
                "bytes_per_cpu_second_median": rate.median,
                "our_ratio": first.best / rate.best if first else None,
                "facts": own[0].facts,
            }
        )
        for measure in own:
            found = measure.facts.get("messages", contender.messages)
            if contender.messages is not None and found != contender.messages:
                section.wrong.append(
                    f"{contender.name}: {found:,} messages where {contender.messages:,} are"
                )
                break
    return rates


def target(section: Section, what: str, value: float, floor: float, aim: float, unit: str) -> None:
    """Note how a figure stands to its floor and its aim; both are the least that will do."""
    said = "reaches the aim" if value >= aim else "above the floor" if value >= floor else "BELOW"
    section.notes.append(
        f"{what}: {value:,.4g} {unit} (floor {floor:,.4g}, aim {aim:,.4g}): {said}"
    )


def mb(rate: float) -> str:
    """A rate in MB/s, with as many digits as mean something."""
    return f"{rate / 1e6:,.1f}" if rate < 1e8 else f"{rate / 1e6:,.0f}"


def times(ratio: float) -> str:
    """A ratio, with as many digits as mean something."""
    return f"{ratio:,.0f} ×" if ratio >= 100 else f"{ratio:.{3 if ratio >= 0.1 else 2}g} ×"


def say(text: str) -> None:
    """Progress, for whoever waits."""
    print(f"… {text}", file=sys.stderr, flush=True)


def _rate(size: int, measures: Sequence[Measure]) -> Rate:
    seconds = [measure.cpu for measure in measures]
    return Rate(size / min(seconds), size / median(seconds), len(seconds))
