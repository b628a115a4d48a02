"""What a term is built for, made from the tensors that a test gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from distill_core.methods import METHODS
from distill_core.spec.catalog import Entry
from distill_core.spec.components import fill_defaults
from distill_core.spec.layers import fill_places
from distill_core.spec.place import PRE
from distill_core.tap import Place
from distill_core.tensors import Batch
from distill_core.term import Setting, Term

Named = Mapping[str, Tensor]


def activate(tensors: Named) -> dict[Place, Tensor]:
    return {Place(path): tensor for path, tensor in tensors.items()}


def setting_of(student: Named, teacher: Named, **facts: Any) -> Setting:
    count = facts.get("num_samples", 8)
    known: dict[str, Any] = {
        "num_samples": count,
        "index_limit": count,
        "num_classes": 10,
        "labels": torch.arange(count) % 10,
        "index": torch.arange(count),
        "seed": 0,
    }
    return Setting(student=_shapes_of(student), teacher=_shapes_of(teacher), **known | facts)


def _shapes_of(tensors: Named) -> dict[Place, torch.Size]:
    return {place: tensor.shape for place, tensor in activate(tensors).items()}


def build_term(method: str, params: dict[str, Any], student: Named, teacher: Named, **facts: Any) -> Term[Any]:
    """Return a term for the given tensors; places that `params` leave out are sought among their names."""
    component = METHODS.find(method)
    entry = Entry(summary="", params=component.Params.model_json_schema())
    mine, others = ([name.removesuffix(PRE) for name in tensors] for tensors in (student, teacher))
    term = METHODS.create(method, fill_places(entry, fill_defaults(entry, params), mine, others))
    term.build(setting_of(student, teacher, **facts))
    return term.double()


def batch_of(size: int, labels: Any = None, step: int = 0) -> Batch:
    return Batch(torch.arange(size), torch.arange(size) % 10 if labels is None else labels, {}, step=step)


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def total(value: Tensor | dict[str, Tensor]) -> Tensor:
    return torch.stack(list(value.values())).sum() if isinstance(value, dict) else value
