"""The diagnosis: numbered evidence, retrieved articles, a verdict whose every claim is checked."""

from argus_pipeline.diagnosis.model import Diagnosis
from argus_pipeline.diagnosis.pipeline import diagnose, load_diagnosis, save_diagnosis
from argus_pipeline.diagnosis.validator import Problem, check_citations

__all__ = [
    "Diagnosis",
    "Problem",
    "check_citations",
    "diagnose",
    "load_diagnosis",
    "save_diagnosis",
]
