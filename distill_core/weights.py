"""Weight files: safetensors only, whose metadata says which model they fit.

The metadata is one entry, since safetensors writes several in an order that changes from run to run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from distill_core.errors import SpecError, WeightsError
from distill_core.files import SavedFile, hash_file, resolve_below, save_file
from distill_core.model import Model
from distill_core.models import MODELS
from distill_core.spec.model import ArtifactWeights, FileWeights, JobWeights, UploadWeights

__all__ = ["Input", "load_student", "load_weights", "locate_weights", "save_weights"]

METADATA_KEY = "stillhouse"
NUM_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Input:
    """A file that an earlier job made."""

    path: Path
    sha256: str


def save_weights(path: Path, model: Model) -> SavedFile:
    """Write the weights with the model's key and options; equal weights give equal bytes."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    identity = {"model": MODELS.key_of(type(model)), "params": model.params.as_document()}
    content = save(tensors, {METADATA_KEY: json.dumps(identity, sort_keys=True)})
    return save_file(path, lambda file: file.write(content))


def load_student(path: str | Path) -> Model:
    """Return the model of a downloaded `student.safetensors`, in eval mode on the CPU.

    Raises:
        WeightsError: the file is not what Stillhouse wrote.
    """
    tensors, identity = _read(Path(path))
    if identity is None:
        raise WeightsError(f"{path} does not say which model it holds; it was not written by Stillhouse")
    try:
        model = MODELS.create(identity["model"], identity["params"])
    except (SpecError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} holds a model that this version does not know: {error}") from error
    _fill(model, tensors, Path(path))
    return model.eval()


def load_weights(model: Model, path: Path) -> None:
    """Load a file into a model.

    Raises:
        WeightsError: the file is missing, is not safetensors, or holds the weights of another model.
    """
    tensors, identity = _read(path)
    key = MODELS.key_of(type(model))
    if identity is not None and identity.get("model") != key:
        found = identity.get("model")
        raise WeightsError(
            f"{path} holds the weights of {found!r}, and the spec's model is {key!r}: name a file of {key!r}, or set "
            f"the model to {found!r}"
        )
    _fill(model, tensors, path)


def _name(weights: ArtifactWeights | JobWeights | UploadWeights) -> tuple[str, str]:
    """Return what a source is, and the id under which the run gets it."""
    match weights:
        case JobWeights():
            return "student of", weights.job
        case UploadWeights():
            return "upload", weights.upload
    return "artifact", weights.artifact


def locate_weights(
    weights: ArtifactWeights | JobWeights | UploadWeights | FileWeights,
    inputs: Mapping[str, Input],
    root: Path | None,
) -> tuple[Path, str]:
    """Return the file that a spec means, and its sha256.

    Raises:
        WeightsError: there is no such file, it may not be read, or it is not the artifact that it should be.
    """
    if isinstance(weights, FileWeights):
        if root is None:
            raise WeightsError(f"{weights.file!r} cannot be found: no weights folder is configured")
        path = resolve_below(root, weights.file, WeightsError)
        return path, hash_file(_existing(path))
    what, name = _name(weights)
    if name not in inputs:
        raise WeightsError(f"the {what} {name} was not handed to the run; known: {sorted(inputs) or 'none'}")
    source = inputs[name]
    found = hash_file(_existing(source.path))
    if found != source.sha256:
        raise WeightsError(f"the {what} {name} is damaged: sha256 {found}, expected {source.sha256}")
    return source.path, found


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise WeightsError(f"there is no weight file {path}")
    return path


def _read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any] | None]:
    """Return the tensors of a file and what it says of its model, if anything."""
    _existing(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is not a dict
        identity = json.loads(metadata[METADATA_KEY]) if METADATA_KEY in metadata else None
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path} is not a readable safetensors file: {error}") from error
    if identity is not None and not isinstance(identity, dict):
        raise WeightsError(f"{path} has metadata that Stillhouse did not write")
    return tensors, identity


def _fill(model: Model, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    own = model.state_dict()
    complaints = [
        _complain("missing", [name for name in own if name not in tensors]),
        _complain("unexpected", [name for name in tensors if name not in own]),
        _complain(
            "of another shape",
            [
                f"{name} {tuple(tensors[name].shape)} instead of {tuple(own[name].shape)}"
                for name in own
                if name in tensors and tensors[name].shape != own[name].shape
            ],
        ),
    ]
    if any(complaints):
        key = MODELS.key_of(type(model))
        raise WeightsError(f"{path} does not fit the model {key!r}: {'; '.join(filter(None, complaints))}")
    model.load_state_dict(dict(tensors))


def _complain(what: str, names: list[str]) -> str:
    more = f" and {len(names) - NUM_NAMES_SHOWN} more" if len(names) > NUM_NAMES_SHOWN else ""
    return f"{what}: {', '.join(names[:NUM_NAMES_SHOWN])}{more}" if names else ""
