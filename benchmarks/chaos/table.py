"""What `make chaos` prints: a line a round while it runs, and a table of faults at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmarks.chaos.judge import Verdict

_COLUMNS: Final = ("fault", "strikes", "batches", "equal", "given up", "runs", "s", "wrong")


@dataclass(frozen=True, slots=True)
class Played:
    """One round that was played: of which fault, what happened, and how it was judged."""

    fault: str
    title: str
    number: int
    strikes: int
    told: Sequence[str]
    verdict: Verdict

    def line(self) -> str:
        """The round in one line, and its problems below."""
        v = self.verdict
        text = (
            f"{self.fault:<12} {v.equal} equal, {v.given_up} given up, {v.attempts} runs, "
            f"{v.seconds:.0f} s  {'; '.join(self.told)}"
        )
        return "\n".join([text, *(f"    ! {problem}" for problem in v.problems)])

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def table(played: Sequence[Played], skipped: Mapping[str, str]) -> str:
    """All rounds, a line for each fault."""
    rows = [_COLUMNS]
    for fault in dict.fromkeys(one.fault for one in played):
        own = [one for one in played if one.fault == fault]
        verdicts = [one.verdict for one in own]
        seconds = sorted(v.seconds for v in verdicts)
        rows.append(
            (
                own[0].title,
                str(sum(one.strikes for one in own)),
                str(sum(v.equal + v.given_up for v in verdicts)),
                str(sum(v.equal for v in verdicts)),
                str(sum(v.given_up for v in verdicts)),
                str(sum(v.attempts for v in verdicts)),
                f"{seconds[0]:.0f}-{seconds[-1]:.0f}",
                str(sum(len(v.problems) for v in verdicts)),
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
    lines = [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([*lines, *(f"not tried: {name}: {why}" for name, why in skipped.items())])
