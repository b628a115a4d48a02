"""What a data set of the registry is, and what can be read from one."""

from __future__ import annotations

from distill_core.dataset.declaration import Dataset, Facts
from distill_core.dataset.image_files import ImageFiles
from distill_core.dataset.samples import Sample, Samples, Source, Targets, take_inputs, take_targets

__all__ = [
    "Dataset",
    "Facts",
    "ImageFiles",
    "Sample",
    "Samples",
    "Source",
    "Targets",
    "take_inputs",
    "take_targets",
]
