"""Criteria about representations: how the samples of a batch lie to one another, and vectors sample by sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillhouse.torchdistill.places import Scope
from stillhouse.torchdistill.term import (
    ROLES,
    Entry,
    Read,
    Terms,
    demand,
    find_places,
    find_wrapped_places,
    make_term,
    take_options,
)


def read_pair(method: str, options: Mapping[str, str], fixed: Mapping[str, Any], kind: str = "module") -> Read:
    """Return the reader of a criterion between two places.

    Args:
        method: our key.
        options: torchdistill's names -> ours.
        fixed: our options that say what torchdistill does.
        kind: what torchdistill calls a place, `module` or `output`.
    """

    def read(entry: Entry, scope: Scope) -> Terms:
        kwargs = entry.kwargs
        params = {**fixed, **find_places(kwargs, scope, kind), **take_options(kwargs, options)}
        demand(kwargs.find("reduction"), "batchmean", because="the loss is the mean over all pairs of the batch here")
        kwargs.find("eps").take()
        return {entry.name: make_term(method, entry.weight, params)}

    return read


def read_rkd(entry: Entry, scope: Scope) -> Terms:
    """Return distances and angles, of which a factor 0 leaves out one."""
    kwargs = entry.kwargs
    params = find_places(kwargs, scope, "output")
    demand(kwargs.find("reduction"), "mean", because="differences are averaged over pairs and triplets here")
    parts = {"distance": "dist_factor", "angle": "angle_factor"}
    factors = {ours: kwargs.find(theirs).take_number(0.0) for ours, theirs in parts.items()}
    kept = {name: factor for name, factor in factors.items() if factor}
    if len(kept) == 1:
        params["relations"] = next(iter(kept))
    return {entry.name: make_term("rkd", entry.weight, params, kept)} if kept else {}


def read_cckd(entry: Entry, scope: Scope) -> Terms:
    """Return the norm, not squared, of the difference between kernels of embeddings of any length."""
    for role in ROLES:
        entry.kwargs.find(f"{role}_linear_path").take()
    demand(entry.kwargs.find("reduction"), "batchmean", because="the norm is divided by the square of the batch here")
    kernel = entry.kwargs.find("kernel_config") or entry.kwargs.find("kernel_params")
    kind = kernel.find("type").take_text() or kernel.find("key").take_text() or "gaussian"
    kernel.find("key").take()
    params = find_wrapped_places(scope) | _read_embedding(scope) | {"kernel": kind}
    params |= take_options(kernel, {"gamma": "gamma", "max_p": "order"})
    return {entry.name: make_term("cckd", entry.weight, params | {"unit_norm": False, "reduction": "norm"})}


def _read_embedding(scope: Scope) -> dict[str, Any]:
    """Return the length of the embeddings that linear layers make of both."""
    linear = {role: scope.wrapper(role).find("linear_kwargs") for role in ROLES}
    sizes = [part.find("out_features").take_number(128) for part in linear.values()]
    if sizes[0] != sizes[1]:
        linear["teacher"].lose("the embeddings of both have the same length here")
    for part in linear.values():
        demand(part.find("bias"), True, because="embeddings have a bias here")
    return {"embedding_size": sizes[0]}


def read_crd(entry: Entry, scope: Scope) -> Terms:
    """Return the contrast with memories, whose length follows from the data."""
    kwargs = entry.kwargs
    params = find_wrapped_places(scope) | {"embedding_size": kwargs.find("input_size").take_number(128)}
    names = {"num_negative_samples": "num_negatives", "temperature": "temperature", "momentum": "momentum"}
    params |= take_options(kwargs, names)
    for option in ("output_size", "num_samples"):
        kwargs.find(option).note("the number of samples follows from the data")
    for option in ("teacher_norm_module_path", "student_norm_module_path", "student_empty_module_path", "eps"):
        kwargs.find(option).take()
    return {entry.name: make_term("crd", entry.weight, params)}


def read_pad(entry: Entry, scope: Scope) -> Terms:
    """Return the likelihood of the teacher's pooled features; the branch of variances is the method's own."""
    kwargs = entry.kwargs
    params = find_places(kwargs, scope, "embed_module")
    demand(kwargs.find("reduction"), "mean", because="likelihoods are averaged here")
    demand(kwargs.find("eps"), 1e-6, because="variances are at least 1e-6 here")
    for option in ("module_path", "module_io"):
        kwargs.find(option).take()
    return {entry.name: make_term("pad", entry.weight, params)}
