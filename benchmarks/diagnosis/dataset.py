"""The labelled batches of `cases.yaml` and `held_out.yaml`, and which half each belongs to."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

CASES_FILE: Final = Path(__file__).with_name("cases.yaml")
HELD_OUT_FILE: Final = Path(__file__).with_name("held_out.yaml")
INJECTIONS_FILE: Final = Path(__file__).with_name("injections.yaml")
KINDS: Final = ("known", "elsewhere", "several", "paraphrased", "lacking", "follows", "noise")
TUNING, TEST = "tuning", "test"
# Their test half has texts of its own, by another author.
_HELD_OUT_KINDS: Final = frozenset({"paraphrased", "lacking"})
_SEED: Final = 6


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One text of a log, and how often it comes."""

    severity: str
    ecu: str
    app: str
    context: str
    text: str
    count: int


@dataclass(frozen=True, slots=True)
class Labelled:
    """A batch and what is right for it: article ids, the true cause first; empty for "unknown"."""

    id: str
    kind: str
    right: tuple[str, ...]
    platform: str
    firmware: str
    language: str
    events: tuple[LoggedEvent, ...]


def read_cases() -> list[Labelled]:
    """All labelled batches, in the order of the files."""
    return _read(CASES_FILE) + _read(HELD_OUT_FILE)


def read_injections() -> list[str]:
    """The texts that try to give orders."""
    return [str(text) for text in yaml.safe_load(INJECTIONS_FILE.read_text(encoding="utf-8"))]


def halves(cases: Sequence[Labelled]) -> dict[str, str]:
    """The half of each case by its id.

    Of paraphrased and lacking causes, `cases.yaml` is the tuning half and `held_out.yaml` the test
    half. The others are drawn within each kind by cause; what is right first stands for the cause.
    """
    held_out = {case.id for case in _read(HELD_OUT_FILE)}
    causes: dict[str, list[Labelled]] = {}
    for case in cases:
        if case.id in held_out:
            continue
        causes.setdefault(case.right[0] if case.right else case.id, []).append(case)
    dice = random.Random(_SEED)
    drawn: dict[str, str] = {}
    for kind in KINDS:
        groups = [group for group in causes.values() if group[0].kind == kind]
        dice.shuffle(groups)
        for number, group in enumerate(groups):
            drawn |= dict.fromkeys((case.id for case in group), (TUNING, TEST)[number % 2])
    by_file = {
        case.id: TEST if case.id in held_out else TUNING
        for case in cases
        if case.kind in _HELD_OUT_KINDS
    }
    return drawn | by_file


def _read(path: Path) -> list[Labelled]:
    return [_case(row) for row in yaml.safe_load(path.read_text(encoding="utf-8"))]


def _case(row: dict[str, Any]) -> Labelled:
    if row["kind"] not in KINDS:
        raise ValueError(f"{row['id']}: no kind {row['kind']!r}")
    return Labelled(
        id=row["id"],
        kind=row["kind"],
        right=tuple(row.get("right", ())),
        platform=row.get("platform", "H5"),
        firmware=row.get("firmware", "v2.1.0"),
        language=row.get("lang", "en"),
        events=tuple(LoggedEvent(*event) for event in row["events"]),
    )
