"""What is known of a stream's samples before the data set is opened."""

from __future__ import annotations

from distill_core.spec.catalog import DatasetEntry
from distill_core.spec.data import StreamSpec
from distill_core.spec.transform import Shape

__all__ = ["num_classes_of", "shape_in_view", "shape_of"]


def num_classes_of(stream: StreamSpec, entry: DatasetEntry) -> int | None:
    """Return the classes of the data set; where its entry names none, its option `num_classes` does, if it has one."""
    found = entry.num_classes if entry.num_classes is not None else stream.params.get("num_classes")
    return found if isinstance(found, int) else None


def shape_of(stream: StreamSpec, entry: DatasetEntry) -> Shape | None:
    """Return the image shape [C H W] as the files have it.

    A side is None where it is not known. The option `channels` says the channels that the entry does not. None if
    the samples are no images.
    """
    if entry.image_shape is None:
        return None
    channels, height, width = entry.image_shape
    if channels is None:
        option = stream.params.get("channels")
        channels = option if isinstance(option, int) else 0
    return channels, height, width


def shape_in_view(stream: StreamSpec, entry: DatasetEntry, view: str) -> Shape | None:
    """Return the image shape [C H W] in a view; a side is None where no transform fixes it."""
    shape = shape_of(stream, entry)
    return None if shape is None else stream.views[view].shape(shape)
