"""Criteria: the weighted terms of an objective."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from stillhouse.torchdistill.ledger import Part
from stillhouse.torchdistill.places import Scope, is_logits, unwrap

Term = dict[str, Any]
Terms = dict[str, Term]
Read = Callable[[str, Part, float, Scope], Terms]

FUNCTIONS = {"MSELoss": "mse", "L1Loss": "l1", "SmoothL1Loss": "smooth_l1", "HuberLoss": "huber"}
COUNTERPARTS = {
    "FSPLoss": "fsp",
    "DABLoss": "ab",
    "VIDLoss": "vid",
    "CCKDLoss": "cckd",
    "RKDLoss": "rkd",
    "SSKDLoss": "sskd",
    "PADL2Loss": "pad",
    "ICKDLoss": "ickd",
    "DISTPlusLoss": "dist_plus",
    "SRDLoss": "srd",
    "SKDLoss": "skd",
    "KTALoss": "ktaad",
    "AffinityLoss": "ktaad",
    "RegularizationLoss": "ktaad_autoencoder",
}
"""Criteria whose methods are here, but whose settings are not translated -> the recipe that says them."""


def read_objective(criterion: Part, scope: Scope) -> Terms:
    """Return the terms of a stage."""
    key = criterion.find("key").take_name()
    if key != "WeightedSumLoss":
        return _read_term("term", criterion, criterion.nothing(), 1.0, scope)
    model_term = criterion.find("kwargs", "model_term", "weight")
    if model_term and model_term.take_number() != 0:
        model_term.lose("losses inside models are none here")
    objective: Terms = {}
    for name, entry in criterion.find("kwargs", "sub_terms").items():
        weight = entry.find("weight").take_number(1.0)
        found = _read_term(name, entry.find("criterion"), entry.find("criterion_wrapper"), weight, scope)
        for term_name, term in found.items():
            _add(objective, term_name, term)
    return objective


def _add(objective: Terms, name: str, term: Term) -> None:
    """Add a term; equal ones are summed, and levels of one review are one term."""
    for known in objective.values():
        if known["method"] == term["method"] == "review" and known["weight"] == term["weight"]:
            return
        if {**known, "weight": 0} == {**term, "weight": 0} and term["method"] == "ce":
            known["weight"] += term["weight"]
            return
    while name in objective:
        name += "_more"
    objective[name] = term


def _read_term(name: str, criterion: Part, wrapper: Part, weight: float, scope: Scope) -> Terms:
    key, kwargs = criterion.find("key").take_name(), criterion.find("kwargs")
    name = name.lower()
    if key in TRANSLATORS:
        return TRANSLATORS[key](name, kwargs, weight, scope)
    if key == "CrossEntropyLoss":
        return _read_ce(kwargs, wrapper, weight)
    if key in FUNCTIONS:
        return _read_plain(name, FUNCTIONS[key], kwargs, wrapper, weight, scope)
    if key in COUNTERPARTS:
        method = COUNTERPARTS[key]
        criterion.lose(f"{key} is the method {method!r} here: `stillhouse recipes {method}` says its settings")
    else:
        criterion.lose(f"the criterion {key!r} is none of ours: see `stillhouse methods`")
    wrapper.take()
    return {}


def _read_ce(kwargs: Part, wrapper: Part, weight: float) -> Terms:
    inner = wrapper.find("kwargs")
    if not is_logits(unwrap(str(inner.find("input", "module_path").take() or "."))):
        inner.find("input").lose("cross-entropy is of the model's prediction here")
    for name in ("is_from_teacher", "io"):
        inner.find("input", name).take()
    inner.find("target").take()
    wrapper.find("key").take()
    weights = inner.find("weights")
    if weights:
        weights.lose("models with several predictions are none here")
    kwargs.find("reduction").take()
    if kwargs.find("ignore_index"):
        kwargs.find("ignore_index").lose("every sample has a class here")
    smoothing = kwargs.find("label_smoothing").take_number(0.0)
    return {"ce": _term("ce", weight, {"label_smoothing": smoothing} if smoothing else {})}


def _read_plain(name: str, function: str, kwargs: Part, wrapper: Part, weight: float, scope: Scope) -> Terms:
    wrapper.find("key").take()
    source, target = wrapper.find("kwargs", "input"), wrapper.find("kwargs", "target")
    reduction = kwargs.find("reduction").take_text() or "mean"
    path = str(source.find("module_path").peek())
    if path.startswith("+"):
        return _read_hint(name, path.removeprefix("+"), source, target, weight, scope, reduction)
    if path.startswith("paraphraser"):
        source.take()
        target.take()
        return _read_paraphraser(name, weight, scope, reduction)
    params = {"loss": {"function": function}, "input": scope.plain_place(source), "target": scope.plain_place(target)}
    return {name: _term("loss", weight, params | ({"reduction": reduction} if reduction != "mean" else {}))}


def _read_hint(
    name: str, adaptation: str, source: Part, target: Part, weight: float, scope: Scope, reduction: str
) -> Terms:
    """Return the hints that torchdistill says as an adaptation behind the student's last module and a plain loss."""
    source.take()
    pairs = pairwise(scope.student.find("sequential").elements())
    behind = next((before for before, part in pairs if part.peek() == f"+{adaptation}"), None)
    adapter = scope.student.find("adaptations", adaptation)
    kernel = adapter.find("kwargs", "kernel_size").take_number(1)
    regressor = {1: "conv1x1", 3: "conv3x3"}.get(int(kernel), "fitted")
    for option in ("num_input_channels", "num_output_channels"):
        adapter.find("kwargs", option).note("channels follow from the models")
    for option in ("stride", "padding"):
        adapter.find("kwargs", option).take()
    if adapter.find("key").take_name() != "ConvReg" or behind is None:
        adapter.lose("the adaptation is no ConvReg behind a module of the student")
        return {}
    student = scope.place(behind, behind.nothing(), teacher=False)
    target.find("is_from_teacher").take()
    teacher = scope.place(target.find("module_path"), target.find("io"), teacher=True)
    has_relu = adapter.find("kwargs", "uses_relu").take() is not False
    params = {"student_place": student, "teacher_place": teacher, "regressor": regressor, "batch_norm_relu": has_relu}
    return {name: _term("fitnet", weight, params | ({"reduction": "sum"} if reduction == "sum" else {}))}


def _read_paraphraser(name: str, weight: float, scope: Scope, reduction: str) -> Terms:
    wrapper = scope.teacher.find("auxiliary_model_wrapper", "kwargs")
    kwargs = wrapper.find("paraphraser_kwargs")
    place = scope.place(wrapper.find("input_module_path"), wrapper.nothing(), teacher=True)
    params = {"teacher_place": place, "rate": kwargs.find("k").take_number(0.5)}
    params |= {"batch_norm": bool(kwargs.find("uses_bn").take())}
    return {name: _term("ft_paraphraser", weight, params | ({"reduction": "sum"} if reduction == "sum" else {}))}


def _read_kd(name: str, kwargs: Part, weight: float, scope: Scope, **options: Any) -> Terms:
    """Return alpha CE + beta T^2 KL as the two terms that it is; without alpha torchdistill leaves out T^2 as well."""
    for role in ("student", "teacher"):
        path, io = kwargs.find(f"{role}_module_path"), kwargs.find(f"{role}_module_io")
        if not is_logits(scope.place(path, io, teacher=role == "teacher")):
            path.lose("kd compares the predictions of the models")
    temperature, alpha = kwargs.find("temperature").take_number(1.0), kwargs.find("alpha").take_number()
    beta = kwargs.find("beta").take_number(None if alpha is None else 1 - alpha)
    if (reduction := kwargs.find("reduction").take_text()) not in {"", "batchmean"}:
        kwargs.find("reduction").lose(f"{reduction!r}: the divergence is the mean over the batch here")
    kwargs.find("eps").note("standard deviations have a floor of their own here")
    soft = {"temperature": temperature, **options}
    if not alpha:
        return {name: _term("kd", _tidy(weight / temperature**2 if temperature else 0), soft)}
    terms = {"ce": _term("ce", _tidy(weight * alpha), {})}
    return terms | ({name: _term("kd", _tidy(weight * beta), soft)} if beta else {})


def _tidy(weight: float) -> float:
    """Return a weight without the last bits that 1 - 0.9 leaves."""
    return round(weight, 12)


def _read_at(name: str, kwargs: Part, weight: float, scope: Scope) -> Terms:
    student, teacher = [], []
    for pair in kwargs.find("at_pairs").values():
        student.append(scope.place(pair.find("student", "path"), pair.find("student", "io"), teacher=False))
        teacher.append(scope.place(pair.find("teacher", "path"), pair.find("teacher", "io"), teacher=True))
        if pair.find("weight").take_number(1) != 1:
            pair.find("weight").lose("pairs of at weigh the same here; `parts` gives each a factor")
    params = {"student_places": student, "teacher_places": teacher, "form": kwargs.find("mode").take_text() or "code"}
    return {name: _term("at", weight, params)}


def _read_ft(name: str, kwargs: Part, weight: float, scope: Scope) -> Terms:
    student = scope.student.find("auxiliary_model_wrapper", "kwargs")
    teacher = scope.teacher.find("auxiliary_model_wrapper", "kwargs")
    params = {
        "student_place": scope.place(student.find("input_module_path"), kwargs.nothing(), teacher=False),
        "teacher_place": scope.place(teacher.find("input_module_path"), kwargs.nothing(), teacher=True),
        "batch_norm": bool(student.find("translator_kwargs", "uses_bn").take()),
        "power": kwargs.find("p").take_number(1),
    }
    for option in ("reduction", "paraphraser_path", "translator_path"):
        kwargs.find(option).take()
    return {name: _term("ft", weight, params)}


def _read_crd(name: str, kwargs: Part, weight: float, scope: Scope) -> Terms:
    params: dict[str, Any] = {}
    for role, part in (("student", scope.student), ("teacher", scope.teacher)):
        path = part.find("auxiliary_model_wrapper", "kwargs", "input_module_path")
        params[f"{role}_place"] = scope.place(path, kwargs.nothing(), teacher=role == "teacher")
    params |= {
        "embedding_size": kwargs.find("input_size").take_number(128),
        "num_negatives": kwargs.find("num_negative_samples").take_number(16384),
        "temperature": kwargs.find("temperature").take_number(0.07),
        "momentum": kwargs.find("momentum").take_number(0.5),
    }
    for option in ("output_size", "num_samples"):
        kwargs.find(option).note("the number of samples follows from the data")
    for option in ("teacher_norm_module_path", "student_norm_module_path", "student_empty_module_path", "eps"):
        kwargs.find(option).take()
    return {name: _term("crd", weight, params)}


def _read_review(_: str, kwargs: Part, weight: float, scope: Scope) -> Terms:
    """Return the whole review at its first level; the other levels say it again."""
    wrapper = scope.student.find("auxiliary_model_wrapper", "kwargs")
    levels = list(wrapper.find("abfs").elements())
    student = [scope.place(level.find("path"), level.find("io"), teacher=False) for level in levels]
    widest = max((level.find("kwargs", "mid_channels").take_number(512) for level in levels), default=512)
    for option in ("student_module_path", "student_module_io", "reduction", "output_sizes"):
        kwargs.find(option).take()
    scope.place(kwargs.find("teacher_module_path"), kwargs.find("teacher_module_io"), teacher=True)
    params: dict[str, Any] = {"student_places": student, "teacher_places": list(student)}
    return {"review": _term("review", weight, params | ({"max_channels": widest} if widest != 512 else {}))}


def _read_pair(method: str, options: Mapping[str, str], fixed: Mapping[str, Any]) -> Read:
    """Return the translator of a criterion between two places.

    Args:
        method: our key.
        options: torchdistill's names -> ours.
        fixed: our options that say what torchdistill does.
    """

    def read(name: str, kwargs: Part, weight: float, scope: Scope) -> Terms:
        params: dict[str, Any] = dict(fixed)
        for role in ("student", "teacher"):
            kind = "module" if kwargs.find(f"{role}_module_path") else "output"
            path, io = kwargs.find(f"{role}_{kind}_path"), kwargs.find(f"{role}_{kind}_io")
            place = scope.place(path, io, teacher=role == "teacher")
            if not is_logits(place):
                params[f"{role}_place"] = place
        params |= {ours: kwargs.find(theirs).take_number() for theirs, ours in options.items() if kwargs.find(theirs)}
        for option in ("reduction", "eps"):
            kwargs.find(option).take()
        return {name: _term(method, weight, params)}

    return read


def _term(method: str, weight: float, params: Mapping[str, Any]) -> Term:
    return {"method": method, "weight": weight} | ({"params": dict(params)} if params else {})


def _read_kd_standardised(name: str, kwargs: Part, weight: float, scope: Scope) -> Terms:
    return _read_kd(name, kwargs, weight, scope, standardise=True)


TRANSLATORS: dict[str, Read] = {
    "KDLoss": _read_kd,
    "LogitStdKDLoss": _read_kd_standardised,
    "ATLoss": _read_at,
    "FTLoss": _read_ft,
    "CRDLoss": _read_crd,
    "HierarchicalContextLoss": _read_review,
    "SPKDLoss": _read_pair("spkd", {}, {"row_norm": "l1"}),
    "PKTLoss": _read_pair("pkt", {}, {}),
    "DISTLoss": _read_pair("dist", {"beta": "beta", "gamma": "gamma", "tau": "temperature"}, {}),
}
