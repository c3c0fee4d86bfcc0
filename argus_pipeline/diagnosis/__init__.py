"""The diagnosis: numbered evidence, retrieved articles, a verdict whose every claim is checked."""

from argus_pipeline.diagnosis.model import Diagnosis
from argus_pipeline.diagnosis.pipeline import (
    diagnose,
    load_diagnosis,
    make_case,
    save_diagnosis,
    supervise,
)
from argus_pipeline.diagnosis.validator import Problem, check_citations
from argus_pipeline.diagnosis.writer import Written

__all__ = [
    "Diagnosis",
    "Problem",
    "Written",
    "check_citations",
    "diagnose",
    "load_diagnosis",
    "make_case",
    "save_diagnosis",
    "supervise",
]
