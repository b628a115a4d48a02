"""Opening a stream: which samples of the split it has, and where they come to lie.

Shapes: n samples of the stream.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from distill_core.dataset import Source, Targets, take_targets
from distill_core.datasets import DATASETS
from distill_core.draw import draw_order
from distill_core.errors import Problem, SpecError
from distill_core.spec.data import StreamSpec
from distill_core.spec.document import join_pointer
from distill_core.stream.ahead import move
from distill_core.stream.loader import DeviceLoader, Loader, Placement, Views
from distill_core.stream.stream import Stream
from distill_core.stream.workers import WorkerLoader

__all__ = ["open_stream"]

SUBSET_SEED = 0
CPU_LIMIT_BYTES = 2 * 2**30
GPU_SHARE = 1 / 8
"""Share of a GPU's whole memory; by what is free now, a run would depend on its neighbours."""

logger = logging.getLogger(__name__)


def open_stream(
    spec: StreamSpec,
    root: Path,
    device: torch.device,
    pointer: str = "",
    *,
    placement: Literal["auto"] | Placement = "auto",
    loader_workers: int = 0,
    scratch: Path | None = None,
) -> Stream:
    """Open a stream.

    Args:
        spec: which samples, seen through which views; written out.
        root: folder of the data sets.
        device: where batches come to lie.
        pointer: place of the stream in the spec.
        placement: whether all samples lie on the device or are read by workers; auto keeps on the device what has
            one size and takes less than 2 GiB, or an eighth of a GPU's memory.
        loader_workers: worker processes; 0 reads in this process.
        scratch: folder in which digests of files are remembered, so that the next run need not read them all.

    Raises:
        DataError: the data set is missing or is not what it claims.
        SpecError: the views do not fit the samples.
    """
    dataset = DATASETS.create(spec.dataset, spec.params, pointer)
    source = dataset.load(spec.split, root, scratch)
    index = _choose(spec, len(source), pointer)
    views = Views(spec.views, _fit(spec, source, pointer))
    chosen = _place(source, len(index), device) if placement == "auto" else placement
    logger.info("%s: %d samples, placement %s", pointer or spec.dataset, len(index), chosen)
    loader: Loader
    if chosen == "device":
        samples = source.gather(index)
        inputs = move({"": samples.inputs}, device)[""]
        loader, targets = DeviceLoader(inputs, index.to(device), views), samples.targets
    else:
        loader = WorkerLoader(source, index, views, device, loader_workers)
        targets = take_targets(source.targets, index)
    return Stream(
        spec,
        index.to(device),
        _move(targets, device),
        source.fingerprint(),
        len(source),
        dataset.known_facts().num_classes,
        loader,
        dataset.name_classes(),
    )


def _choose(spec: StreamSpec, count: int, pointer: str) -> Tensor:
    """Return the places in the split that the stream has, ascending [n]."""
    cpu = torch.device("cpu")
    index = torch.arange(count)
    if spec.hold_out is not None:
        order = draw_order(spec.hold_out.seed, count, cpu)
        num_held_out = spec.hold_out.num_held_out(count)
        index = order[:num_held_out] if spec.hold_out.part == "held_out" else order[num_held_out:]
    if len(index) < (spec.num_samples or 1):
        message = f"only {len(index)} samples of the split {spec.split!r} are there for the stream"
        problem = Problem(f"{pointer}/num_samples", "value_invalid", message, spec.num_samples)
        raise SpecError([problem])
    if spec.num_samples is not None:
        index = index.sort().values
        index = index[draw_order(SUBSET_SEED, len(index), cpu)[: spec.num_samples]]
    return index.sort().values


def _place(source: Source, count: int, device: torch.device) -> Placement:
    if source.shape is not None and None in source.shape:
        return "workers"
    limit = float(CPU_LIMIT_BYTES)
    if device.type == "cuda":
        limit = GPU_SHARE * torch.cuda.get_device_properties(device).total_memory
    return "device" if source.num_bytes * count / len(source) <= limit else "workers"


def _fit(spec: StreamSpec, source: Source, pointer: str) -> frozenset[str]:
    """Return the views that give all samples one size.

    Raises:
        SpecError: transforms of what is no image, or of images whose boxes and masks would not follow.
    """
    has_targets = source.targets is not None and not isinstance(source.targets, Tensor)
    problems = []
    for name, view in spec.views.items():
        for number, transform in enumerate(view.transforms):
            place = join_pointer(pointer, "views", name, "transforms", number)
            if source.shape is None:
                message = "only images can be transformed, and these samples are named tensors"
                problems.append(Problem(place, "transform_unfit", message, transform.transform))
            elif has_targets and transform.moves_pixels:
                message = "the samples have targets with places in the image, which would not follow"
                problems.append(Problem(place, "transform_unfit", message, transform.transform))
    if problems:
        raise SpecError(problems)
    if source.shape is None:
        return frozenset()
    shape = source.shape
    return frozenset(name for name, view in spec.views.items() if None not in view.shape(shape))


def _move(targets: Targets, device: torch.device) -> Targets:
    if targets is None or isinstance(targets, Tensor):
        return targets if targets is None else targets.to(device)
    return [{name: tensor.to(device) for name, tensor in target.items()} for target in targets]
