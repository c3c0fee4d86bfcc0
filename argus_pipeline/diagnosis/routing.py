"""Which way a batch is diagnosed: the fast path by fixed rules, or the slow one with all experts.

The fast path is for what needs no second thought. It takes a cause whose probability reaches the
threshold of `confidence.json`, and besides, whatever was fitted: a known code, an article that
fits platform and firmware, a clear lead, and no fault as grave without an explanation. A batch
without any sign of a fault takes it as well.
"""

from __future__ import annotations

from typing import Final

from argus_pipeline.diagnosis.confidence import parameters
from argus_pipeline.diagnosis.evidence import Kind
from argus_pipeline.diagnosis.model import Diagnosis, Outcome, Route, Word
from argus_pipeline.diagnosis.ranking import is_fault, worse

FAST: Final = "fast_path"
SLOW: Final = "slow_path"
# Of the features of a cause: what the fast path wants, and what its lack is called.
_WANTED: Final = (
    ("fit", 1.0, "no article fits code, platform and firmware"),
    ("margin", 0.5, "the lead over the next fault is not clear"),
)


def choose(diagnosis: Diagnosis) -> Route:
    """The route of a batch, by its evidence-only diagnosis."""
    if diagnosis.outcome is Outcome.UNKNOWN:
        return Route(SLOW, ("no article explains what was found",))
    if diagnosis.outcome is Outcome.NO_FAULT:
        signs = _signs(diagnosis)
        return Route(SLOW, signs) if signs else Route(FAST, ("nothing points to a fault",))
    return _of_a_cause(diagnosis)


def _of_a_cause(diagnosis: Diagnosis) -> Route:
    confidence, threshold = diagnosis.confidence, parameters().fast_path_from
    lacking = [lack for name, least, lack in _WANTED if confidence.features.get(name, 0.0) < least]
    first, codes = diagnosis.likely_causes[0], {c.code for c in diagnosis.likely_causes}
    if any(
        is_fault(piece)
        and (piece.code or "") not in codes
        and not worse(first.severity, piece.severity)
        for piece in diagnosis.evidence
    ):
        lacking.append("another fault as grave stays unexplained")
    probability = confidence.probability
    if probability is None or probability < threshold:
        lacking.append("the confidence is below that of the fast path")
    if lacking:
        return Route(SLOW, tuple(lacking), probability, threshold)
    reason = "a known code whose article fits platform and firmware, with a clear lead"
    return Route(FAST, (reason,), probability, threshold)


def _signs(diagnosis: Diagnosis) -> tuple[str, ...]:
    """What may mean a fault although no rule takes it for one."""
    found = {piece.kind for piece in diagnosis.evidence}
    signs = []
    if Kind.EVENT in found:
        signs.append("there are error messages without a code")
    if Kind.RESTART in found:
        signs.append("boots ended badly")
    if any(p.kind is Kind.CHANGE and "New:" in p.statement[:4] for p in diagnosis.evidence):
        signs.append("something is new against what was usual")
    if diagnosis.confidence.word is not Word.HIGH:
        signs.append("too little was decoded to be sure that there is no fault")
    return tuple(signs)
