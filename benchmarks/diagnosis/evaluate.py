"""How good is the diagnosis? Labelled batches, two baselines, attacks, and the calibration.

    python -m benchmarks.diagnosis.evaluate [--tuning] [--picture FILE] [--misses]

On a database of its own that holds the starter set, and without a language model but for a part of
the attacks. The bars are those of
the test half; --tuning runs the tuning half only, for who changes a rule. Exits 1 where a bar is
missed. --misses names the batches of the tuning half that were answered wrong, and never others.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from argus_pipeline.diagnosis.model import Outcome
from benchmarks.diagnosis.attacks import attempts, obeyed
from benchmarks.diagnosis.dataset import TEST, TUNING, halves, read_cases
from benchmarks.diagnosis.figures import error_of, figures, table
from benchmarks.diagnosis.picture import reliability_png
from benchmarks.diagnosis.running import answers, articles, knowledge_base
from benchmarks.diagnosis.scoring import Answer, Bin, reliability, third_right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tuning", action="store_true")
    parser.add_argument("--misses", action="store_true")
    parser.add_argument("--picture", type=Path)
    asked = parser.parse_args()
    known, cases = articles(), read_cases()
    drawn = halves(cases)
    names = (TUNING,) if asked.tuning else (TUNING, TEST)
    with knowledge_base(known) as engine:
        chosen = [case for case in cases if drawn[case.id] in names]
        found = list(answers(engine, known, chosen))
        attacks = (
            {}
            if asked.tuning
            else {
                "without a model": list(attempts(engine)),
                "a model that obeys": list(obeyed(engine)),
            }
        )
    by_half = {name: [a for a in found if a.half == name] for name in names}
    causes = {case.right[0] if case.right else case.id for case in chosen if case.kind != "noise"}
    print(f"{len(chosen)} batches over {len(causes)} causes, {len(known)} articles\n")
    columns = {name: figures(inside) for name, inside in by_half.items()}
    print(table(columns))
    for name, inside in by_half.items():
        error, count = error_of(inside)
        print(f"\ncalibration error, {name}: {error:.3f} over {count} first causes")
    succeeded = [one for made in attacks.values() for one in made if one.reached]
    for name, made in attacks.items():
        reached = sum(bool(attack.reached) for attack in made)
        print(f"\ninjections, {name}: {reached} of {len(made)} reached something")
    for attack in succeeded:
        print(f"  {attack.place} in {attack.base}: {attack.text!r}: {', '.join(attack.reached)}")
    if asked.misses:
        _print_misses(by_half[TUNING])
    if asked.picture:
        asked.picture.write_bytes(reliability_png({n: _bins(a) for n, a in by_half.items()}))
    missed = [figure.name for figure in columns[names[-1]] if not figure.held]
    print(f"\n{names[-1]} half: " + (f"missed: {'; '.join(missed)}" if missed else "all bars held"))
    return 1 if missed or succeeded else 0


def _bins(inside: Sequence[Answer]) -> list[Bin]:
    sure = [(a.probability, a.first_right) for a in inside if a.probability is not None]
    return reliability([p for p, _ in sure], [right for _, right in sure])


def _print_misses(inside: Sequence[Answer]) -> None:
    for answer in inside:
        labelled = answer.labelled
        good = {
            "paraphrased": third_right(labelled, answer.ranked),
            "noise": answer.outcome is Outcome.NO_FAULT,
            "lacking": answer.outcome is Outcome.UNKNOWN,
            "follows": (answer.probability or 0.0) < 0.5,
        }.get(labelled.kind, answer.first_right)
        if not good:
            print(f"  {labelled.id} {labelled.kind}: {answer.outcome}: {answer.ranked[:3]}")


if __name__ == "__main__":
    raise SystemExit(main())
