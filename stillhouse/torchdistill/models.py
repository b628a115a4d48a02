"""Models and where their weights come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from distill_core.spec.catalog import load_catalog
from stillhouse.torchdistill.document import Tagged
from stillhouse.torchdistill.ledger import Part

SMALL = re.compile(r"resnet(\d+)$")
WIDE = re.compile(r"wide_resnet(\d+)_(\d+)$")
BOTTLENECKED = {"custom_resnet50": ("resnet50", "layer2"), "custom_resnet152": ("resnet152", "layer2")}
"""Models of another repository whose head ends in a bottleneck -> base and last module of the head."""

CONVERT = "a file below the worker's weights root (STILLHOUSE_WEIGHTS_ROOT), made with safetensors from"


def read_model(part: Part, *, small: bool) -> dict[str, Any]:
    """Return a model of the spec.

    Args:
        part: the model of the file.
        small: whether its images are small: torchdistill calls CIFAR's ResNets as ImageNet's are called.
    """
    key = str(part.find("key").take() or "")
    if key in BOTTLENECKED:
        return _read_bottlenecked(part, key)
    model: dict[str, Any] = {"model": find_model(key, small=small)}
    if model["model"] not in load_catalog().models:
        part.lose(f"no model of ours is {key!r}: see `stillhouse models`")
        return model
    kwargs = part.find("kwargs")
    kwargs.find("num_classes").note("the number of classes follows from the data")
    for name in ("progress", "memory_efficient"):
        kwargs.find(name).take()
    weights = _read_weights(part, kwargs, model["model"])
    part.find("dst_ckpt").note("the student is an artifact of the job")
    return model | ({"weights": weights} if weights else {})


def find_base(model: Mapping[str, Any]) -> tuple[str, str]:
    """Return the key of a model, or of its base, and the module that a bottleneck replaces."""
    params = model.get("params", {})
    return str(params.get("base") or model.get("model") or ""), str(params.get("at") or "")


def _read_bottlenecked(part: Part, key: str) -> dict[str, Any]:
    """Return the nearest of our models, and say what is another there."""
    base, module = BOTTLENECKED[key]
    kwargs = part.find("kwargs")
    channels = kwargs.find("bottleneck_channel").take_number(12)
    part.find("key").lose(
        f"{key!r} is code of another repository, which is not read: `bottlenecked` stands here, with layers of its own "
        f"in the place of {module!r} of {base!r}, and all in front of it as it is"
    )
    for name in ("repo_or_dir", "dst_ckpt"):
        part.find(name).take()
    for name in ("bottleneck_idx", "num_classes"):
        kwargs.find(name).take()
    for name in ("weights", "pretrained"):
        kwargs.find(name).note("all but the bottleneck takes over the teacher's weights when the first stage begins")
    return {"model": "bottlenecked", "params": {"base": base, "at": module, "channels": channels}}


def find_model(key: str, *, small: bool) -> str:
    """Return our key of a model of torchdistill; its own where there is none."""
    if small and (match := SMALL.match(key)):
        return f"cifar_resnet{match[1]}"
    if match := WIDE.match(key):
        return f"wrn_{match[1]}_{match[2]}"
    return key


def _read_weights(part: Part, kwargs: Part, model: str) -> dict[str, Any] | None:
    """Return the weights' place: a file that must be made of what torchdistill takes from elsewhere."""
    file = {"file": f"{model}.safetensors"}
    checkpoint, pretrained, weights = part.find("src_ckpt"), kwargs.find("pretrained"), kwargs.find("weights")
    if checkpoint:
        name = f"{PurePosixPath(str(checkpoint.peek())).stem}.safetensors"
        checkpoint.note(f"{name}: {CONVERT} {checkpoint.peek()}, a pickle, which is not read here")
        pretrained.take()
        weights.take()
        return {"file": name}
    if weights:
        weights.note(f"{file['file']}: {CONVERT} torchvision's {_name_weights(weights.peek())}")
        return file
    if pretrained.peek() is True:
        pretrained.note(f"{file['file']}: {CONVERT} the weights that torchdistill downloads for {model!r}")
        return file
    pretrained.take()
    return None


def _name_weights(value: Any) -> str:
    """Return what `!getattr [!import_get {key: …ResNet34_Weights}, IMAGENET1K_V1]` names."""
    if isinstance(value, Tagged) and isinstance(value.value, list) and len(value.value) == 2:
        holder, name = value.value
        owner = holder.value.get("key", "") if isinstance(holder, Tagged) and isinstance(holder.value, dict) else ""
        return f"{str(owner).rpartition('.')[2]}.{name}"
    return str(value)
