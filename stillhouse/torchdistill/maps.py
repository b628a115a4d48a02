"""Criteria that compare maps of student and teacher."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stillhouse.torchdistill.ledger import Part
from stillhouse.torchdistill.places import Scope, unwrap
from stillhouse.torchdistill.term import ROLES, Entry, Term, Terms, demand, find_module, make_term

FORMS = {"code": "code", "paper": "length"}
"""Torchdistill's mode `paper` has no factor 1/2."""


def read_at(entry: Entry, scope: Scope) -> Terms:
    """Return the attentions of all pairs as one term, with a factor a pair."""
    places, parts = _read_pairs(entry.kwargs.find("at_pairs"), scope)
    mode = entry.kwargs.find("mode").take_text() or "code"
    return {entry.name: make_term("at", entry.weight, places | {"form": FORMS.get(mode, mode)}, parts)}


def _read_pairs(pairs: Part, scope: Scope) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the places of pairs, and the factor of each."""
    places: dict[str, Any] = {f"{role}_places": [] for role in ROLES}
    parts = {}
    for number, pair in enumerate(pairs.values(), start=1):
        for role in ROLES:
            place = scope.place(pair.find(role, "path"), pair.find(role, "io"), teacher=role == "teacher")
            places[f"{role}_places"].append(place)
        parts[f"place{number}"] = pair.find("weight").take_number(1)
    return places, parts


def read_fsp(entry: Entry, scope: Scope) -> Terms:
    """Return the flows of all pairs, whose columns' lengths are summed."""
    pairs: dict[str, Any] = {f"{role}_pairs": [] for role in ROLES}
    parts = {}
    for number, pair in enumerate(entry.kwargs.find("fsp_pairs").values(), start=1):
        for role in ROLES:
            ends = (pair.find(f"{role}_{end}") for end in ("first", "second"))
            places = [scope.place(end.find("path"), end.find("io"), teacher=role == "teacher") for end in ends]
            pairs[f"{role}_pairs"].append(places)
        parts[f"pair{number}"] = pair.find("weight").take_number(1)
    return {entry.name: make_term("fsp", entry.weight, {**pairs, "reduction": "column_norm"}, parts)}


def _walk_pairs(entry: Entry, scope: Scope, holder: str, modules: Part) -> Iterator[tuple[str, Term, Part | None]]:
    """Yield the name of a pair's own term, its places and weight, and the module behind the student's place."""
    pairs = list(entry.kwargs.find("feature_pairs").items())
    for key, pair in pairs:
        path, io = pair.find("student", "path"), pair.find("student", "io")
        module = find_module(path, holder, modules)
        if module is not None:
            io.take()
            path, io = module.find("path"), module.find("io")
        params = {
            "student_place": scope.place(path, io, teacher=False),
            "teacher_place": scope.place(pair.find("teacher", "path"), pair.find("teacher", "io"), teacher=True),
        }
        weight = entry.weight * pair.find("weight").take_number(1)
        name = entry.name if len(pairs) == 1 else f"{entry.name}_{key.lower()}"
        yield name, {"weight": weight, "params": params}, module


def read_ab(entry: Entry, scope: Scope) -> Terms:
    """Return a term a pair: together the shallower ones would count half of the deeper."""
    demand(entry.kwargs.find("reduction"), "mean", because="distances are summed over neurons, the mean over the batch")
    margin = entry.kwargs.find("margin").take_number(1.0)
    terms: Terms = {}
    for name, pair, connector in _walk_pairs(
        entry, scope, "connector_dict", scope.wrapper("student").find("connectors")
    ):
        if connector is not None:
            _check_connector(connector)
        places = {f"{role}_places": [pair["params"][f"{role}_place"]] for role in ROLES}
        terms[name] = make_term("ab", pair["weight"], {**places, "margin": margin})
    return terms


def _check_connector(connector: Part) -> None:
    """Say where a connector is another than the method's own, a 1x1 convolution without bias and BatchNorm."""
    convolution = connector.find("conv2d_kwargs")
    demand(convolution.find("kernel_size"), 1, [1, 1], because="connectors are 1x1 convolutions here")
    demand(convolution.find("stride"), 1, [1, 1], because="connectors keep the size of maps here")
    if convolution.find("bias").take() is not False or not connector.find("bn2d_kwargs"):
        connector.lose("connectors have no bias and end in BatchNorm here")
    if convolution.find("in_channels").take() == convolution.find("out_channels").take():
        connector.lose("no connector stands between maps of one shape here")


def read_vid(entry: Entry, scope: Scope) -> Terms:
    """Return the likelihoods of all pairs as one term, with a factor a pair."""
    entry.kwargs.find("margin").note("it changes nothing there")
    places: dict[str, Any] = {f"{role}_places": [] for role in ROLES}
    parts, options = {}, []
    regressors = scope.wrapper("student").find("regressors")
    for number, (_, pair, regressor) in enumerate(_walk_pairs(entry, scope, "regressor_dict", regressors), start=1):
        for role in ROLES:
            places[f"{role}_places"].append(pair["params"][f"{role}_place"])
        parts[f"place{number}"] = pair["weight"]
        options.append(_read_regressor(regressor) if regressor is not None else {})
    if any(option != options[0] for option in options):
        entry.criterion.lose("all layers have the same variance at first, least variance and relative width here")
    return {entry.name: make_term("vid", 1.0, {**places, **(options[0] if options else {})}, parts)}


def _read_regressor(regressor: Part) -> dict[str, Any]:
    """Return its options; some of torchdistill's own files call them `regressor_kwargs`."""
    kwargs = regressor.find("kwargs") or regressor.find("regressor_kwargs")
    names = {"init_pred_var": "initial_variance", "eps": "epsilon"}
    options = {ours: kwargs.find(theirs).take_number() for theirs, ours in names.items() if kwargs.find(theirs)}
    width, channels = (kwargs.find(f"{name}_channels").take_number(1) for name in ("middle", "out"))
    return options | ({"width_ratio": width / channels} if channels and width != channels else {})


def read_ickd(entry: Entry, scope: Scope) -> Terms:
    """Return a term a pair, behind a 3x3 convolution where torchdistill has one."""
    embeddings = scope.wrapper("student").find("embeddings")
    terms: Terms = {}
    for name, pair, embedding in _walk_pairs(entry, scope, "embed_dict", embeddings):
        kind = "none" if embedding is None else "conv3x3"
        options = {"embedding": kind, "reduction": "torchdistill"}
        terms[name] = make_term("ickd", pair["weight"], pair["params"] | options)
    return terms


def read_review(entries: list[Entry], scope: Scope) -> Terms:
    """Return all levels as the one term that they are."""
    wrapper = scope.wrapper("student")
    levels = list(wrapper.find("abfs").elements())
    student = [scope.place(level.find("path"), level.find("io"), teacher=False) for level in levels]
    teacher: dict[str, str] = {}
    for entry in entries:
        kwargs = entry.kwargs
        level = unwrap(str(kwargs.find("student_module_path").take()))
        kwargs.find("student_module_io").take()
        path, io = kwargs.find("teacher_module_path"), kwargs.find("teacher_module_io")
        teacher[level] = scope.place(path, io, teacher=True)
        demand(kwargs.find("reduction"), "mean", because="squares are averaged here")
        demand(kwargs.find("output_sizes"), [4, 2, 1], because="maps are pooled to 4, 2 and 1 here")
        if entry.weight != entries[0].weight:
            entry.criterion.lose("all levels of a review weigh the same here")
    names = [f"abf_modules.{number}" for number in reversed(range(len(levels)))]
    if not levels or set(names) != teacher.keys():
        entries[0].criterion.lose("a review is of every level of its chain here: each of `abfs` needs its loss")
        return {}
    params: dict[str, Any] = {"student_places": student, "teacher_places": [teacher[name] for name in names]}
    return {"review": make_term("review", entries[0].weight, params | _read_width(levels))}


def _read_width(levels: list[Part]) -> dict[str, Any]:
    """Return the channels inside of the chain where they are not the usual ones."""
    widest = max(level.find("kwargs", "mid_channels").take_number(512) for level in levels)
    deepest = levels[-1].find("kwargs", "in_channels").take_number(widest)
    if widest > deepest:
        levels[-1].lose(f"a chain is as wide as the deepest place at most here, {deepest} channels")
    return {"max_channels": widest} if widest != 512 else {}
