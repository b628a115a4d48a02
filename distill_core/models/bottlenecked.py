"""A model with one of its modules replaced by a bottleneck: what split computing runs half on a device, half elsewhere.

Yoshitomo Matsubara, Marco Levorato: "Neural Compression and Filtering for Edge-assisted Real-time Object Detection in
Challenged Networks", ICPR 2020 (arXiv 2007.15818). The device sends what flows through the narrowest place,
`bottleneck`. Encoder and decoder size themselves by what the replaced module is given and returns. Theirs are eight
2x2 convolutions for the first stage of ResNets on ImageNet; ours are four of 3x3, of which the second halves the map
and the third follows a nearest-neighbour enlargement to the size that the rest of the model expects.

All other modules keep the paths that they have in the base, so that weights can be taken over by name.

Shapes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from distill_core.errors import Problem, SpecError
from distill_core.model import ImageModelParams, Model
from distill_core.models import MODELS
from distill_core.place import ACTIVATIONS, find_part, list_feature_modules
from distill_core.spec.config import Name, Params
from distill_core.spec.place import Path

__all__ = ["Bottleneck", "Bottlenecked", "BottleneckedParams"]


class BottleneckedParams(ImageModelParams):
    """Options of a model with a bottleneck."""

    base: Name = Field(default="resnet20", description="Key of the model that the bottleneck is put into.")
    base_params: Params = Field(default_factory=dict, description="Its options beside those of the images.")
    at: Path = Field(default="stage1", min_length=1, description="Module of it that the bottleneck replaces.")
    channels: int = Field(default=3, ge=1, le=65536, description="Channels at the narrowest place.")


class Bottleneck(nn.Module):
    """Encoder and decoder of maps.

    Args:
        given: shape of the maps [B C H W] that it takes.
        wanted: shape of those that it returns.
        channels: of what lies between.
        ends_in_relu: whether what it returns is an activation.
    """

    def __init__(self, given: torch.Size, wanted: torch.Size, channels: int, *, ends_in_relu: bool) -> None:
        super().__init__()
        hidden = wanted[1]
        self.encoder = nn.Sequential(
            *_convolve(given[1], hidden), nn.ReLU(), nn.Conv2d(hidden, channels, 3, stride=2, padding=1, bias=False)
        )
        self.decoder = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Upsample(size=tuple(wanted[2:])),
            *_convolve(channels, hidden),
            nn.ReLU(),
            *_convolve(hidden, wanted[1]),
        )
        if ends_in_relu:
            self.decoder.append(nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """Return the map [B C H W] as it comes out of its code."""
        decoded: Tensor = self.decoder(self.encoder(x))
        return decoded


@MODELS.register("bottlenecked")
class Bottlenecked(Model):
    """Another model, one of whose modules is replaced by a bottleneck, for split computing."""

    Params = BottleneckedParams

    def __init__(self, params: BottleneckedParams) -> None:
        super().__init__(params)
        base = _build_base(params)
        path = _find_path(base, params.at)
        points, norms = list_feature_modules(base), dict(base.norms)
        _replace(base, path, _build_bottleneck(base, path, params))
        # Not registered: its modules are this one's own, under the paths that they have in the base.
        self._base = (base,)
        for name, module in base.named_children():
            self.add_module(name, module)
        self.norms = {point: norm for point, norm in norms.items() if not _lies_inside(norm, path)}
        # They follow from the options, while those of a class are the same for all its models.
        self.feature_points = _move_points(points, path)  # type: ignore[misc]

    def forward(self, x: Tensor) -> Tensor:
        """Return what the base does, of images [B C H W]."""
        output: Tensor = self._base[0].forward(x)
        return output

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all modules, the base's own included."""
        super().train(mode)
        self._base[0].training = mode
        return self


def _build_base(params: BottleneckedParams) -> Model:
    known = MODELS.find(params.base, "/params/base").Params.model_fields
    facts = {name: getattr(params, name) for name in ImageModelParams.model_fields if name in known}
    base = MODELS.create(params.base, {**params.base_params, **facts}, "/params/base")
    own = [name for name, _ in (*base.named_parameters(recurse=False), *base.named_buffers(recurse=False))]
    if own:
        message = f"{params.base!r} holds {own[0]!r} outside of its modules, so that it cannot be taken apart"
        raise SpecError([Problem("/params/base", "model_unfit", message, params.base)])
    return base


def _find_path(base: Model, at: str) -> str:
    """Return the path of the module that a module path or feature point means."""
    try:
        part = find_part(base, at)
    except SpecError as error:
        raise type(error)([replace(problem, pointer="/params/at") for problem in error.problems]) from None
    path: str = next(path for path, module in base.named_modules() if module is part)
    return path


def _build_bottleneck(base: Model, path: str, params: BottleneckedParams) -> Bottleneck:
    """Return a bottleneck that takes and returns maps of the sizes that the module at a path does."""
    module = base.get_submodule(path)
    given, wanted = _measure(base, module, params)
    if len(given) != 4 or len(wanted) != 4:
        message = f"{params.at!r} is given {list(given[1:])} a sample and returns {list(wanted[1:])}"
        allowed = "a module that takes a map [C H W] and returns one"
        raise SpecError([Problem("/params/at", "shape_unfit", message, params.at, allowed)])
    last = [*module.modules()][-1]
    return Bottleneck(given, wanted, params.channels, ends_in_relu=isinstance(last, ACTIVATIONS))


@torch.no_grad()
def _measure(base: Model, module: nn.Module, params: BottleneckedParams) -> tuple[torch.Size, torch.Size]:
    """Return the shapes of what a module is given and returns; empty ones where that is no single tensor."""
    seen: list[Any] = [None, None]

    def look(_: nn.Module, given: tuple[Any, ...], returned: Any) -> None:
        seen[:] = next(iter(given), None), returned

    handle = module.register_forward_hook(look)
    base.eval()(torch.zeros(1, params.in_channels, params.image_size, params.image_size))
    base.train()
    handle.remove()
    given, returned = (getattr(value, "shape", torch.Size()) for value in seen)
    return given, returned


def _convolve(channels: int, wanted: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, wanted, 3, padding=1, bias=False), nn.BatchNorm2d(wanted)]


def _replace(base: Model, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    base.get_submodule(parent).register_module(name, module)


def _move_points(points: Mapping[str, str], replaced: str) -> dict[str, str]:
    """Return feature points without those inside of a replaced module, the last of which is its end."""
    inside = [point for point, path in points.items() if _lies_inside(path, replaced)]
    moved = {point: replaced if point in inside[-1:] else path for point, path in points.items()}
    return {point: path for point, path in moved.items() if point not in inside[:-1]}


def _lies_inside(path: str, around: str) -> bool:
    return f"{path}.".startswith(f"{around}.")
