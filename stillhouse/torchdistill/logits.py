"""Criteria that compare the predictions of student and teacher."""

from __future__ import annotations

from typing import Any

from stillhouse.torchdistill.places import Scope
from stillhouse.torchdistill.term import (
    Entry,
    Terms,
    demand,
    demand_logits,
    find_places,
    find_wrapped_places,
    make_term,
    take_options,
)

MEAN_OF_BATCH = "the divergence is the mean over the batch here"
WITHOUT_SQUARE = "without a share of cross-entropy torchdistill leaves out beta and T^2: the weight is divided by T^2"
NOT_NORMALISED = "torchdistill compares what this gives as it is; here BatchNorm of both comes first, as in the paper"
CHANNEL_SIGN = (
    "torchdistill adds the channels' correlation, so that opposite maps are the best; here the loss is what it lacks "
    "to 1, as in the paper"
)


def read_kd(entry: Entry, scope: Scope, **options: Any) -> Terms:
    """Return alpha CE + beta T^2 KL as the two terms that it is; without alpha torchdistill leaves out T^2 as well."""
    kwargs = entry.kwargs
    demand_logits(kwargs, scope)
    temperature, alpha = kwargs.find("temperature").take_number(1.0), kwargs.find("alpha").take_number()
    beta = kwargs.find("beta").take_number(None if alpha is None else 1 - alpha)
    demand(kwargs.find("reduction"), "batchmean", because=MEAN_OF_BATCH)
    kwargs.find("eps").note("standard deviations have a floor of their own here")
    smoothing = kwargs.find("label_smoothing").take_number(0.0)
    soft = {"temperature": temperature, **options}
    if not alpha:
        if temperature != 1 or beta not in {None, 1}:
            kwargs.find("temperature").note(WITHOUT_SQUARE)
        return {entry.name: make_term("kd", entry.weight / temperature**2 if temperature else 0, soft)}
    labels = {"label_smoothing": smoothing} if smoothing else {}
    terms = {"ce": make_term("ce", entry.weight * alpha, labels)}
    return terms | ({entry.name: make_term("kd", entry.weight * beta, soft)} if beta else {})


def read_kd_standardised(entry: Entry, scope: Scope) -> Terms:
    """Return the same of logits with mean 0 and deviation 1."""
    return read_kd(entry, scope, standardise=True)


def read_dist_plus(entry: Entry, scope: Scope) -> Terms:
    """Return the four correlations, of which torchdistill adds that of the channels where it means to subtract it."""
    kwargs = entry.kwargs
    demand_logits(kwargs, scope, "logit_module")
    names = {"beta": "inter", "gamma": "intra", "iota": "channel", "kappa": "spatial"}
    parts = {ours: kwargs.find(theirs).take_number(1.0) for theirs, ours in names.items()}
    kwargs.find("eps").take()
    if parts["channel"]:
        entry.criterion.find("key").lose(CHANNEL_SIGN)
    params = find_places(kwargs, scope, "feature_module") | take_options(kwargs, {"tau": "temperature"})
    return {entry.name: make_term("dist_plus", entry.weight, params, parts)}


def read_skd(entries: list[Entry], scope: Scope) -> Terms:
    """Return the divergence and the directions as the one term that they are; a mode each makes a term each."""
    terms: Terms = {}
    for entry in entries:
        part = "instance" if entry.key == "SKDInstanceLoss" else "direction"
        demand_logits(entry.kwargs, scope)
        mode = entry.kwargs.find("mode").take_text() or "paper"
        options = take_options(entry.kwargs, {"temperature": "temperature", "tikhonov": "tikhonov"})
        other = {"instance": "direction", "direction": "instance"}[part]
        half = next(
            (term for term in terms.values() if term["params"]["mode"] == mode and not term["parts"][part]), None
        )
        if half is None:
            terms[entry.name] = {"params": {"mode": mode, **options}, "parts": {part: entry.weight, other: 0.0}}
        else:
            half["params"] |= options
            half["parts"][part] = entry.weight
    return {name: make_term("skd", 1.0, term["params"], term["parts"]) for name, term in terms.items()}


def read_sskd_head(entry: Entry, scope: Scope) -> Terms:
    """Return the training of the teacher's head."""
    for option in ("module_path", "module_io"):
        entry.kwargs.find(option).take()
    demand(entry.kwargs.find("reduction"), "mean", because="cross-entropy is the mean over turned images here")
    place = find_wrapped_places(scope)["teacher_place"]
    return {entry.name: make_term("sskd_head", entry.weight, {"teacher_place": place})}


def read_sskd(entry: Entry, scope: Scope) -> Terms:
    """Return the four losses: of labels, of soft targets, of similarities and of the soft targets of turned images."""
    kwargs = entry.kwargs
    demand_logits(kwargs, scope, "linear_module")
    for role in ("student", "teacher"):
        for option in ("path", "io"):
            kwargs.find(f"{role}_ss_module_{option}").take()
    demand(kwargs.find("reduction"), "batchmean", because=MEAN_OF_BATCH)
    weights = kwargs.find("loss_weights").take_numbers() or [1.0] * 4
    if len(weights) != 4:
        kwargs.find("loss_weights").lose(
            "four weights are wanted: of labels, soft targets, similarities, turned images"
        )
        weights = [1.0] * 4
    ce, kd, similarities, turned = (entry.weight * weight for weight in weights)
    temperature = kwargs.find("kl_temp").take_number(4.0)
    names = {
        "ss_temp": "ss_temperature",
        "tf_temp": "tf_temperature",
        "ss_ratio": "ss_ratio",
        "tf_ratio": "tf_ratio",
    }
    params = find_wrapped_places(scope) | take_options(kwargs, names)
    terms = {
        "ce": make_term("ce", ce),
        f"{entry.name}_kd": make_term("kd", kd, {"temperature": temperature}),
        entry.name: make_term("sskd", 1.0, params, {"ss": similarities, "tf": turned}),
    }
    return {name: term for name, term in terms.items() if term["weight"]}


def read_srd(entry: Entry, scope: Scope) -> Terms:
    """Return 2 log sum + KL, whose divergence has no factor T^2."""
    kwargs = entry.kwargs
    demand_logits(kwargs, scope, "linear_module")
    for role in ("student", "teacher"):
        path = kwargs.find(f"{role}_feature_module_path")
        kwargs.find(f"{role}_feature_module_io").take()
        if str(path.take()) != "norm_layer":
            path.lose(NOT_NORMALISED)
        wrapper = scope.wrapper(role)
        demand(wrapper.find("norm_kwargs", "eps"), 1e-4, because="BatchNorm has epsilon 1e-4 here")
        demand(wrapper.find("norm_kwargs", "affine"), False, because="BatchNorm learns nothing here")
        if bool(wrapper.find("linear_kwargs")) is (role == "teacher"):
            wrapper.lose("a linear layer stands behind the student alone here")
    demand(kwargs.find("reduction"), "batchmean", because=MEAN_OF_BATCH)
    temperature = kwargs.find("temperature").take_number(1.0)
    params = find_wrapped_places(scope) | {"exponent": kwargs.find("exponent").take_number(1.0)}
    soft = make_term("kd", entry.weight / temperature**2 if temperature else 0, {"temperature": temperature})
    return {entry.name: make_term("srd", 2 * entry.weight, params), f"{entry.name}_kd": soft}
