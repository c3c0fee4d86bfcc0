"""Fits `confidence.json` on the tuning half, where that is better than what was set by hand.

    python -m benchmarks.diagnosis.calibrate [--write]

The strength of the pull to what was set by hand is chosen by leaving one out, within the tuning
half. Nothing of the test half is run. Written only with --write, and only when better.
"""

from __future__ import annotations

import json
import sys

import numpy as np

from argus_pipeline.diagnosis.confidence import FEATURES, PARAMETERS_FILE, parameters
from benchmarks.diagnosis.dataset import TUNING, halves, read_cases
from benchmarks.diagnosis.fitting import (
    BY_HAND,
    STRENGTHS,
    design,
    fitted,
    left_out_loss,
    log_loss,
)
from benchmarks.diagnosis.running import answers, articles, knowledge_base


def main() -> int:
    known, cases = articles(), read_cases()
    drawn = halves(cases)
    with knowledge_base(known) as engine:
        tuning = [case for case in cases if drawn[case.id] == TUNING]
        found = [a for a in answers(engine, known, tuning) if a.probability is not None]
    rows = design([answer.features for answer in found])
    right = np.array([float(answer.first_right) for answer in found])
    print(f"{len(found)} first causes of the tuning half, {int(right.sum())} of them right")
    by_hand = log_loss(rows, right, BY_HAND)
    losses = {strength: left_out_loss(rows, right, strength) for strength in STRENGTHS}
    print(f"log loss by hand {by_hand:.4f}; fitted, each left out in turn:")
    for strength, loss in losses.items():
        print(f"  strength {strength:<5} {loss:.4f}")
    strength = min(losses, key=lambda one: losses[one])
    if losses[strength] >= by_hand:
        print("no fit is better than what was set by hand: nothing to write")
        return 0
    intercept, *weights = fitted(rows, right, strength).round(3).tolist()
    content = {
        "calibrated": True,
        "fitted_on": f"the tuning half of benchmarks/diagnosis/cases.yaml: {len(found)} first"
        f" causes, {int(right.sum())} right",
        "intercept": intercept,
        "weights": dict(zip(FEATURES, weights, strict=True)),
        "fast_path_from": parameters().fast_path_from,
    }
    print(json.dumps(content, indent=1))
    if "--write" in sys.argv[1:]:
        PARAMETERS_FILE.write_text(json.dumps(content, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
