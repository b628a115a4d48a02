"""Rules within one stream: what cannot work although every field is well-formed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from distill_core.errors import Problem
from distill_core.spec.catalog import DatasetEntry
from distill_core.spec.data import StreamSpec, TransformSpec
from distill_core.spec.document import join_pointer
from distill_core.spec.nearest import nearest_names
from distill_core.spec.stream_facts import shape_of
from distill_core.spec.transform import Normalize, Shape, Transform

__all__ = ["find_misfits", "find_stream_problems"]


def find_stream_problems(pointer: str, stream: StreamSpec, entry: DatasetEntry) -> Iterator[Problem]:
    """Yield what cannot work in a stream that is written out."""
    yield from _check_split(pointer, stream, entry)
    shape = shape_of(stream, entry)
    for name, view in stream.views.items():
        place = join_pointer(pointer, "views", name, "transforms")
        for index, transform in enumerate(view.transforms):
            if shape is None:
                message = f"only images can be transformed, and the samples of {stream.dataset!r} are named tensors"
                yield Problem(f"{place}/{index}", "transform_unfit", message, transform.transform, "no transforms")
            else:
                yield from _check_transform(f"{place}/{index}", transform, shape[0])
        yield from _check_order(place, view.transforms)


def find_misfits(
    shape: Shape | None, model: str, params: Mapping[str, Any], derived: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield code and message where a model cannot take images.

    Args:
        shape: [C H W] of the images in a view, None if the samples are no images.
        model: name of the model.
        params: its options, written out.
        derived: options of it that follow from the data; a model that has none of the image's takes lists of images.
    """
    if shape is None or not {"in_channels", "image_size"} & set(derived):
        return
    channels, height, width = shape
    if height is None or width is None:
        message = f"the images have unequal sizes, and the model {model!r} takes one size: end the view with resize, "
        yield "size_unknown", message + "center_crop or random_resized_crop"
        return
    size = min(height, width)
    wanted = (params.get("in_channels", channels), params.get("image_size", size))
    if wanted != (channels, size):
        message = f"{channels} channels of {height}x{width}, and the model {model!r} takes {wanted[0]} of "
        yield "shapes_differ", message + f"{wanted[1]}x{wanted[1]}"


def _check_split(pointer: str, stream: StreamSpec, entry: DatasetEntry) -> Iterator[Problem]:
    """Where only the files know the splits, the run checks them when it opens them."""
    if entry.splits is None:
        return
    if stream.split not in entry.splits:
        names = nearest_names(stream.split, entry.splits)
        message = f"the data set {stream.dataset!r} has no split {stream.split!r}"
        yield Problem(f"{pointer}/split", "unknown_name", message, stream.split, tuple(entry.splits), names)
        return
    available = stream.num_available(entry.splits[stream.split])
    if available == 0:
        message = f"no sample of the split {stream.split!r} is left for the stream"
        yield Problem(f"{pointer}/hold_out/ratio", "value_invalid", message, stream.hold_out and stream.hold_out.ratio)
    elif stream.num_samples is not None and stream.num_samples > available:
        message = f"only {available} samples of the split {stream.split!r} are there for the stream"
        yield Problem(f"{pointer}/num_samples", "value_invalid", message, stream.num_samples, f"at most {available}")


def _check_transform(pointer: str, transform: Transform, num_channels: int) -> Iterator[Problem]:
    for field, allowed in transform.faults().items():
        value = list(getattr(transform, field))
        yield Problem(f"{pointer}/{field}", "value_invalid", f"{field} must be {allowed}", value, allowed)
    if isinstance(transform, Normalize):
        yield from _check_normalize(pointer, transform, num_channels)


def _check_order(pointer: str, transforms: Sequence[TransformSpec]) -> Iterator[Problem]:
    for index, transform in enumerate(transforms):
        if transform.takes_pixels and any(isinstance(earlier, Normalize) for earlier in transforms[:index]):
            name = transform.transform
            message = f"{name} takes pixels, and normalize has made other numbers of them: put it before"
            yield Problem(f"{pointer}/{index}", "transform_unfit", message, name, "before normalize")


def _check_normalize(pointer: str, transform: Normalize, num_channels: int) -> Iterator[Problem]:
    for field, values in (("mean", transform.mean), ("std", transform.std)):
        if values is None:
            message = f"the data set states no {field} of its pixels: write it out, {num_channels} values"
            yield Problem(f"{pointer}/{field}", "field_missing", message, None, f"{num_channels} values")
        elif len(values) != num_channels:
            message = f"{len(values)} values for images of {num_channels} channels"
            yield Problem(f"{pointer}/{field}", "value_invalid", message, list(values), f"{num_channels} values")
    if any(value <= 0 for value in transform.std or ()):
        shown = list(transform.std or ())
        yield Problem(f"{pointer}/std", "value_invalid", "a deviation must be above 0", shown, "> 0")
