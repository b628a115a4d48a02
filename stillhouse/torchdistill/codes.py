"""Criteria about a code of the teacher's map: factor transfer and knowledge adaptation, two stages each."""

from __future__ import annotations

from typing import Any

from stillhouse.torchdistill.places import Scope
from stillhouse.torchdistill.term import Entry, Terms, demand, make_term

ADAPTATION = {"KTALoss", "AffinityLoss"}
REGULARISATION = "RegularizationLoss"


def read_ft(entry: Entry, scope: Scope) -> Terms:
    """Return the translator's stage; with power 2 torchdistill takes the length of a sample's difference."""
    power = entry.kwargs.find("p").take_number(1)
    demand(entry.kwargs.find("reduction"), "mean", because="differences are averaged here")
    for option in ("paraphraser_path", "translator_path"):
        entry.kwargs.find(option).take()
    translator = scope.wrapper("student").find("translator_kwargs")
    params = _find_input_places(scope) | {"batch_norm": translator.find("uses_bn").take() is not False, "power": power}
    return {entry.name: make_term("ft", entry.weight, params | ({"reduction": "norm"} if power != 1 else {}))}


def _find_input_places(scope: Scope) -> dict[str, Any]:
    return {
        f"{role}_place": scope.place(path, path.nothing(), teacher=role == "teacher")
        for role in ("student", "teacher")
        for path in (scope.wrapper(role).find("input_module_path"),)
    }


def read_autoencoder(entries: list[Entry], scope: Scope) -> Terms:
    """Return the auto-encoder's stage: knowledge adaptation's where its code is asked for, else factor transfer's.

    The entries are its squared differences, and what keeps its code sparse.
    """
    errors = [entry for entry in entries if entry.key != REGULARISATION]
    sparsity = 0.0
    for entry in entries:
        if entry.key == REGULARISATION:
            sparsity += entry.weight
            demand(entry.kwargs.find("p"), 1, because="the sum of absolute values keeps a code sparse here")
            for option in ("is_from_teacher", "module_path", "io", "io_type"):
                entry.kwargs.find(option).take()
        else:
            for side in ("input", "target"):
                entry.wrapper.find("kwargs", side).take()
            entry.wrapper.find("key").take()
    if len(errors) != 1 or not errors[0].weight:
        entries[0].criterion.lose("an auto-encoder learns by the squared differences of its output here")
        return {}
    error = errors[0]
    reduction = error.kwargs.find("reduction").take_text() or "mean"
    wrapper = scope.wrapper("teacher")
    kwargs = wrapper.find("paraphraser_kwargs")
    place = scope.place(wrapper.find("input_module_path"), wrapper.nothing(), teacher=True)
    params: dict[str, Any] = {"teacher_place": place, "rate": kwargs.find("k").take_number(0.5)}
    params |= {"batch_norm": kwargs.find("uses_bn").take() is not False}
    if not sparsity and not scope.is_adapted:
        sums = {"reduction": "sum"} if reduction == "sum" else {}
        return {error.name: make_term("ft_paraphraser", error.weight, params | sums)}
    demand(error.kwargs.find("reduction"), "mean", because="squares are averaged here, beside a sparse code")
    return {error.name: make_term("ktaad_autoencoder", error.weight, params | {"sparsity": sparsity / error.weight})}


def read_adaptation(entries: list[Entry], scope: Scope) -> Terms:
    """Return both losses of the student's stage as the one term that they are."""
    parts = {"kta": 0.0, "ad": 0.0}
    for entry in entries:
        kwargs = entry.kwargs
        demand(kwargs.find("reduction"), "mean", because="differences are averaged here")
        if entry.key == "KTALoss":
            demand(kwargs.find("p"), 1, because="absolute differences are compared here")
            demand(kwargs.find("q"), 2, because="codes are brought to Euclidean length 1 here")
            options = ["knowledge_translator_path", "feature_adapter_path"]
        else:
            options = [f"{role}_module_{option}" for role in ("student", "teacher") for option in ("path", "io")]
        for option in options:
            kwargs.find(option).take()
        parts["kta" if entry.key == "KTALoss" else "ad"] += entry.weight
    for adapter in ("feature", "affinity"):
        convolution = scope.wrapper("student").find(f"{adapter}_adapter_config", "conv_kwargs")
        demand(convolution.find("kernel_size"), 3, [3, 3], because="adapters are 3x3 convolutions here")
    return {entries[0].name: make_term("ktaad", 1.0, _find_input_places(scope), parts)}
