"""Data sets and their transforms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

from stillhouse.torchdistill.document import Tagged
from stillhouse.torchdistill.ledger import Part

FOLDERS_OF_IMAGES = {"ImageFolder"}
SETS = {
    "CIFAR10": "cifar10",
    "CIFAR100": "cifar100",
    "MNIST": "mnist",
    "FashionMNIST": "fashion_mnist",
    "KMNIST": "kmnist",
}
"""torchvision's data sets -> ours."""

Streams = dict[str, dict[str, Any]]


def read_streams(datasets: Part, num_classes: int | None) -> Streams:
    """Return the streams of a file by the ids that its loaders name.

    Args:
        datasets: of the file.
        num_classes: of its models; folders of images do not say it.
    """
    streams: Streams = {}
    for name, entry in datasets.items():
        if entry.find("splits"):
            streams |= dict(_read_splits(entry))
        else:
            streams[name] = _read_call(entry, num_classes)
    return {name: stream for name, stream in streams.items() if stream}


def _read_call(entry: Part, num_classes: int | None) -> dict[str, Any]:
    """Return the stream of a data set that is called by name."""
    key, kwargs = entry.find("key").take_name(), entry.find("init", "kwargs")
    if key in FOLDERS_OF_IMAGES:
        stream = _read_folder(kwargs.find("root"), num_classes)
    elif key in SETS:
        stream = _read_set(SETS[key], kwargs)
    else:
        name = repr(key) if key else f"of {', '.join(name for name, _ in entry.items()):.60}"
        entry.lose(f"the data set {name} is none of ours: samples are images with a class here")
        return {}
    return stream | _read_view(kwargs.find("transform", "init", "kwargs", "transforms"), kwargs.find("transform"))


def _read_splits(entry: Part) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the streams of the older form: one data set with splits."""
    key = entry.find("key").take_name()
    entry.find("name").take()
    entry.find("root").note("data lie below the worker's data root (STILLHOUSE_DATA_ROOT)")
    for split in entry.find("splits").values():
        if key not in SETS:
            split.lose(f"the data set {key!r} is none of ours")
            continue
        name, kwargs = str(split.find("dataset_id").take()), split.find("kwargs")
        yield name, _read_set(SETS[key], kwargs) | _read_view(kwargs.find("transform_configs"), split)


def _read_folder(root: Part, num_classes: int | None) -> dict[str, Any]:
    path = PurePosixPath(str(root.peek()))
    root.note(f"a folder below the worker's data root (STILLHOUSE_DATA_ROOT), here that of {path.parent.parent}")
    params: dict[str, Any] = {"folder": path.parent.name}
    if num_classes is not None:
        params["num_classes"] = num_classes
    return {"dataset": "image_folder", "params": params, "split": path.name}


def _read_set(name: str, kwargs: Part) -> dict[str, Any]:
    kwargs.find("root").note("data lie below the worker's data root (STILLHOUSE_DATA_ROOT)")
    stream: dict[str, Any] = {"dataset": name, "split": "train" if kwargs.find("train").take() else "test"}
    if kwargs.find("download").take():
        stream["params"] = {"download": True}
    return stream


def _read_view(transforms: Part, place: Part) -> dict[str, Any]:
    place.find("key").take()
    found = [transform for part in transforms.elements() if (transform := _read_transform(part))]
    return {"views": {"main": {"transforms": found}}} if found else {}


def _read_transform(part: Part) -> dict[str, Any] | None:
    kwargs = part.find("init", "kwargs") if isinstance(part.peek(), Tagged) else part.find("kwargs")
    key = part.find("key").take_name()
    if key in {"ToTensor", "PILToTensor", "ConvertImageDtype"}:
        return None
    if key not in TRANSFORMS:
        part.lose(f"the transform {key!r} is none of ours")
        return None
    return TRANSFORMS[key](kwargs)


def _side(part: Part) -> int | None:
    """Return the side of a square in pixels."""
    size = part.take()
    sides = [side for side in (size if isinstance(size, list) else [size]) if isinstance(side, int)]
    if len(set(sides)) != 1 or sides[0] < 1:
        part.lose(f"{size!r:.60} is no square, and images are square here")
    return sides[0] if sides else None


def _resize(kwargs: Part) -> dict[str, Any]:
    keeps = isinstance(kwargs.find("size").peek(), int)
    return {"transform": "resize", "size": _side(kwargs.find("size"))} | ({"shorter_side": True} if keeps else {})


def _random_crop(kwargs: Part) -> dict[str, Any]:
    _side(kwargs.find("size"))
    return {"transform": "random_crop", "padding": kwargs.find("padding").take_number()}


def _random_resized_crop(kwargs: Part) -> dict[str, Any]:
    given = {name: kwargs.find(name).take() for name in ("scale", "ratio") if kwargs.find(name)}
    return {"transform": "random_resized_crop", "size": _side(kwargs.find("size")), **given}


def _horizontal_flip(kwargs: Part) -> dict[str, Any]:
    return {"transform": "horizontal_flip"} | (
        {"probability": kwargs.find("p").take_number()} if kwargs.find("p").peek() != 0.5 else _empty(kwargs.find("p"))
    )


def _empty(part: Part) -> dict[str, Any]:
    part.take()
    return {}


def _normalize(kwargs: Part) -> dict[str, Any]:
    return {
        "transform": "normalize",
        "mean": kwargs.find("mean").take_numbers(),
        "std": kwargs.find("std").take_numbers(),
    }


def _color_jitter(kwargs: Part) -> dict[str, Any]:
    names = ("brightness", "contrast", "saturation")
    return {"transform": "color_jitter"} | {
        name: kwargs.find(name).take_number() for name in names if kwargs.find(name)
    }


def _random_erasing(kwargs: Part) -> dict[str, Any]:
    names = {"p": "probability", "scale": "scale", "ratio": "ratio"}
    return {"transform": "random_erasing"} | {
        ours: kwargs.find(theirs).take() for theirs, ours in names.items() if kwargs.find(theirs)
    }


TRANSFORMS: dict[str, Callable[[Part], dict[str, Any]]] = {
    "Resize": _resize,
    "CenterCrop": lambda kwargs: {"transform": "center_crop", "size": _side(kwargs.find("size"))},
    "RandomCrop": _random_crop,
    "RandomResizedCrop": _random_resized_crop,
    "RandomHorizontalFlip": _horizontal_flip,
    "Normalize": _normalize,
    "ColorJitter": _color_jitter,
    "RandomErasing": _random_erasing,
    "Pad": lambda kwargs: {"transform": "pad", "padding": kwargs.find("padding").take_number()},
}
