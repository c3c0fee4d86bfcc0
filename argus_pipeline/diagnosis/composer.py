"""Puts a diagnosis together by fixed rules from evidence and articles. No model takes part.

The verdict is "likely cause" when the knowledge base has an article for the code of at least one
fault, "unknown" when there are faults and it has none, and "no fault found" otherwise. What counts
as a fault, and how causes are ordered, stands in `ranking`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from argus_pipeline.batches.manifest import Manifest
from argus_pipeline.diagnosis.articles_used import Shelf
from argus_pipeline.diagnosis.causes import Faults, find_faults
from argus_pipeline.diagnosis.evidence import Evidence, FeatureSummary, Kind
from argus_pipeline.diagnosis.material import Material
from argus_pipeline.diagnosis.model import (
    Claim,
    Confidence,
    Diagnosis,
    Label,
    Outcome,
    PastDiagnosis,
    RecordingState,
)
from argus_pipeline.diagnosis.ranking import (
    absence_confidence,
    is_fault,
    no_confidence,
    worse,
)
from argus_pipeline.diagnosis.text import amount, clean, unmasked

if TYPE_CHECKING:
    from argus_pipeline.knowledge.retrieval import ArticleMatch

MAX_LEADS: Final = 3
_NAMES: Final = 4
_SUMMARY_CHARACTERS: Final = 800
_NOTE_CHARACTERS: Final = 300


@dataclass(frozen=True, slots=True)
class Case:
    """A batch as the diagnosis sees it."""

    manifest: Manifest
    summary: FeatureSummary
    damaged: tuple[RecordingState, ...] = ()
    damaged_omitted: int = 0
    material: Material = field(default_factory=Material)

    def __deepcopy__(self, _: object) -> Case:
        """Itself: nothing of it ever changes, and Haystack copies what each component gets."""
        return self

    @property
    def faults(self) -> tuple[Evidence, ...]:
        """The evidence that calls for an explanation."""
        return tuple(piece for piece in self.summary.evidence if is_fault(piece))

    @property
    def codes(self) -> list[str]:
        """The codes to look up, in the order of the evidence."""
        return [str(piece.code) for piece in self.faults if piece.code is not None]

    @property
    def question(self) -> str:
        """The log's own words about the faults, for a search by wording; may be empty."""
        said = (unmasked(piece.quote) for piece in self.faults if piece.quote)
        return ". ".join(dict.fromkeys(text for text in said if text))


def compose(
    case: Case,
    matches: Sequence[ArticleMatch],
    notes: Sequence[str] = (),
    past: Sequence[PastDiagnosis] = (),
) -> Diagnosis:
    """The evidence-only diagnosis of a case.

    Args:
        case: the batch.
        matches: the articles that the retrieval found.
        notes: what the retrieval could not do.
        past: diagnoses of earlier batches that are like this one, D1 first.
    """
    shelf = Shelf(case.manifest, matches)
    faults = find_faults(case.manifest, case.summary, shelf, past)
    outcome, verdict, confidence = _verdict(case, faults)
    first, *further = _steps(case, faults, shelf)
    manifest = case.manifest
    return Diagnosis(
        batch=manifest.batch,
        vehicle=manifest.vehicle,
        platform=manifest.platform,
        firmware=manifest.firmware,
        firmware_from=manifest.firmware_from,
        campaign=manifest.campaign,
        outcome=outcome,
        verdict=verdict,
        label=Label.EVIDENCE_ONLY,
        confidence=confidence,
        first_step=first,
        likely_causes=faults.causes,
        checked=_checked(case),
        next_steps=tuple(further),
        unknowns=_unknowns(case, faults),
        evidence=case.summary.evidence,
        articles=shelf.used,
        damaged=case.damaged,
        damaged_omitted=case.damaged_omitted,
        material=case.material,
        top_codes=tuple(
            (str(p.code), str(p.severity), int(p.numbers["messages"]))
            for p in case.summary.of_kind(Kind.CODE)
        ),
        summary=_summary(case, verdict),
        notes=tuple(clean(note, _NOTE_CHARACTERS) for note in dict.fromkeys(notes)),
        past=tuple(past),
    )


def _verdict(case: Case, faults: Faults) -> tuple[Outcome, Claim, Confidence]:
    if faults.causes:
        first = faults.causes[0]
        title = first.claim.text.partition(". ")[0]
        text, citations = f"{Outcome.LIKELY}: {title} ({first.code})", first.claim.citations[:2]
        graver = [p for p in faults.unexplained if worse(p.severity, first.severity)]
        if graver:
            text += f"; {_named(graver)} of worse severity stays unexplained"
            citations += _ids(graver)
        return Outcome.LIKELY, Claim(text, citations), first.confidence
    if faults.unexplained:
        what = _named(faults.unexplained)
        text = f"{Outcome.UNKNOWN}: no article of the knowledge base explains {what}"
        reason = "nothing known explains what was found"
        named = _ids(faults.unexplained[:_NAMES])
        return Outcome.UNKNOWN, Claim(text, named), no_confidence(reason)
    scope, severities = _one(case, Kind.SCOPE), _one(case, Kind.SEVERITIES)
    text = f"{Outcome.NO_FAULT}: no fault code of severity warn or worse and no fatal message"
    return (
        Outcome.NO_FAULT,
        Claim(text, (scope.id, severities.id)),
        absence_confidence(case.summary),
    )


def _steps(case: Case, faults: Faults, shelf: Shelf) -> list[Claim]:
    """What to do, the first thing first; never empty."""
    steps: list[Claim] = []
    for number, cause in enumerate(faults.causes):
        advice = (*cause.checks, *cause.remedies)
        if number == 0:
            text = advice[0].text if advice else "Read the article and follow it."
            steps.append(Claim(text, (cause.articles[0], cause.claim.citations[0])))
            if cause.checks and cause.remedies:
                steps.append(
                    Claim(f"If that confirms it: {cause.remedies[0].text}", (cause.articles[0],))
                )
        elif advice:
            steps.append(Claim(f"For {cause.code}: {advice[0].text}", (cause.articles[0],)))
    if faults.unexplained:
        steps.append(_look_at(faults.unexplained[0]))
        steps += _leads(faults, shelf)
        steps.append(
            Claim(
                f"When the cause of {_named(faults.unexplained)} is found, write an article for it"
                " and import it with argus knowledge import: the next diagnosis then knows it.",
                _ids(faults.unexplained),
            )
        )
    errors = case.summary.of_kind(Kind.EVENT)
    if not faults.any and errors and shelf.by_text():
        steps += [_look_at(errors[0]), *_leads(faults, shelf)]
    if faults.further:
        steps.append(
            Claim(f"Also known, of less weight: {_named(faults.further)}.", _ids(faults.further))
        )
    damage = case.summary.of_kind(Kind.DAMAGE)
    if damage:
        names = _list([piece.references[0].recording for piece in damage])
        steps.append(
            Claim(
                f"Find out why {names} did not decode whole; the quarantine records list all gaps.",
                _ids(damage),
            )
        )
    return steps or [
        Claim("Nothing needs to be done for this batch.", (_one(case, Kind.SCOPE).id,))
    ]


def _look_at(piece: Evidence) -> Claim:
    what = piece.code or f"{piece.severity} message"
    place = piece.references[0]
    return Claim(
        f"Read what came before the first {what}: recording {place.recording}, table"
        f" {place.table}, byte offset {place.offset:,}.",
        (piece.id,),
    )


def _leads(faults: Faults, shelf: Shelf) -> list[Claim]:
    """Articles that may help with what is unexplained, each with why it may not."""
    leads = []
    elsewhere = [match for piece in faults.unexplained for match in shelf.elsewhere(piece)[:1]]
    for match in elsewhere[:MAX_LEADS]:
        lead = shelf.use(match)
        text = (
            f"On platform {lead.platform}, {lead.code} is known as: {lead.title}. Whether it means"
            " the same here is not known."
        )
        leads.append(Claim(text, (lead.id,)))
    for piece in faults.unexplained:
        for match in shelf.neighbours(piece)[:1]:
            lead = shelf.use(match)
            text = (
                f"{piece.code} is unknown; its neighbour {lead.code} is known as: {lead.title}."
                " Whether that holds here is not known."
            )
            leads.append(Claim(text, (piece.id, lead.id)))
    leads = leads[:MAX_LEADS]
    for match in shelf.by_text()[: MAX_LEADS - len(leads)]:
        lead = shelf.use(match)
        text = f"Perhaps related, by wording only: {lead.title} ({lead.code})."
        leads.append(Claim(text, (lead.id,)))
    return leads


def _checked(case: Case) -> tuple[Claim, ...]:
    scope, severities = _one(case, Kind.SCOPE), _one(case, Kind.SEVERITIES)
    checked = [
        Claim(
            f"{amount(int(scope.numbers['messages']), 'message')} from"
            f" {amount(int(scope.numbers['recordings']), 'recording')} were searched for fault"
            " codes and for fatal and error messages.",
            (scope.id, severities.id),
        )
    ]
    codes = [piece for piece in case.faults if piece.kind is Kind.CODE]
    if codes:
        update = _one(case, Kind.UPDATE)
        checked.append(
            Claim(
                f"{_named(codes)}: looked up in the knowledge base for platform"
                f" {clean(case.manifest.platform, 48)}, firmware"
                f" {clean(case.manifest.firmware, 48)}.",
                (*_ids(codes), update.id),
            )
        )
    return tuple(checked)


def _unknowns(case: Case, faults: Faults) -> tuple[Claim, ...]:
    unknowns = []
    if faults.causes and faults.unexplained:
        unknowns.append(
            Claim(f"No article explains {_named(faults.unexplained)}.", _ids(faults.unexplained))
        )
    errors = [piece for piece in case.summary.of_kind(Kind.EVENT) if not is_fault(piece)]
    if errors:
        unknowns.append(
            Claim(
                "Error messages without a fault code were seen; whether they mean a fault is not"
                " known.",
                _ids(errors),
            )
        )
    damage = case.summary.of_kind(Kind.DAMAGE)
    if damage:
        unknowns.append(
            Claim("What stood in the parts of recordings that could not be decoded.", _ids(damage))
        )
    scope = _one(case, Kind.SCOPE)
    lost = int(scope.numbers["lost_messages"])
    if lost:
        unknowns.append(
            Claim(
                f"What {amount(lost, 'message')} said that are missing by their counters.",
                (scope.id,),
            )
        )
    remainder = case.summary.of_kind(Kind.REMAINDER)
    if remainder:
        unknowns.append(
            Claim("What the list of evidence leaves out was counted, not judged.", _ids(remainder))
        )
    if case.manifest.firmware_from is not None and faults.any:
        unknowns.append(
            Claim(
                "Whether the update brought this: one batch alone does not say how often it came"
                " before the update.",
                (_one(case, Kind.UPDATE).id,),
            )
        )
    return tuple(unknowns)


def _summary(case: Case, verdict: Claim) -> str:
    codes = [f"{p.code} {p.severity}" for p in case.faults if p.code]
    parts = [verdict.text, ", ".join(codes), case.question]
    return clean(". ".join(part for part in parts if part), _SUMMARY_CHARACTERS)


def _one(case: Case, kind: Kind) -> Evidence:
    return case.summary.of_kind(kind)[0]


def _ids(pieces: Sequence[Evidence]) -> tuple[str, ...]:
    return tuple(piece.id for piece in pieces)


def _named(pieces: Sequence[Evidence]) -> str:
    """The codes of evidence, with "a fatal message without a code" for what has none."""
    names = dict.fromkeys(piece.code or "fatal messages without a code" for piece in pieces)
    return _list(list(names))


def _list(names: Sequence[str]) -> str:
    shown = list(names[:_NAMES])
    if len(names) > _NAMES:
        return ", ".join(shown) + " and others"
    return ", ".join(shown[:-1]) + " and " + shown[-1] if len(shown) > 1 else shown[0]
