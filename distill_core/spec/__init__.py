"""The experiment spec, version 1: what a person may ask for. The one source of truth of the format; no torch."""

from distill_core.errors import Problem, SpecError
from distill_core.spec.check import check, resolve
from distill_core.spec.document import MAX_BYTES, parse_document, parse_json
from distill_core.spec.experiment import ExperimentSpec, ResolvedSpec

__all__ = [
    "MAX_BYTES",
    "ExperimentSpec",
    "Problem",
    "ResolvedSpec",
    "SpecError",
    "check",
    "parse_document",
    "parse_json",
    "resolve",
]
