"""Losses of torch between two places that a wrapper names: labels, activations, hints."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from stillhouse.torchdistill.ledger import Part
from stillhouse.torchdistill.places import Scope, is_logits, unwrap
from stillhouse.torchdistill.term import Entry, Terms, make_term

FUNCTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "MSELoss": ("mse", ()),
    "L1Loss": ("l1", ()),
    "SmoothL1Loss": ("smooth_l1", ("beta",)),
    "HuberLoss": ("huber", ("delta",)),
    "KLDivLoss": ("kl_div", ("log_target",)),
    "NLLLoss": ("nll", ()),
    "BCEWithLogitsLoss": ("bce_with_logits", ()),
    "CrossEntropyLoss": ("cross_entropy", ("label_smoothing",)),
}
"""Losses of torch -> ours and the options that both have."""


def read_plain(entry: Entry, scope: Scope) -> Terms:
    """Return the term of a loss of torch, or one an entry of the output where it is of several."""
    entry.wrapper.find("key").take()
    wrapper = entry.wrapper.find("kwargs")
    source, target = wrapper.find("input"), wrapper.find("target")
    path = unwrap(str(source.find("module_path").peek() or "."))
    if path.startswith("+"):
        return _read_hint(entry, path.removeprefix("+"), source, target, scope)
    params = _read_loss(entry)
    wanted = scope.plain_place(target) if target.find("module_path") or target.find("io") else _read_labels(target)
    is_whole = entry.key == "CrossEntropyLoss" and not wrapper.find("weights") and "reduction" not in params
    if is_whole and wanted == {"of": "labels"} and is_logits(path) and not source.find("is_from_teacher").peek():
        source.take()
        if "ignore_class" not in params["loss"]:
            smoothing = {name: value for name, value in params["loss"].items() if name != "function" and value}
            return {"ce": make_term("ce", entry.weight, smoothing)}
    terms: Terms = {}
    for key, factor in _list_outputs(wrapper.find("weights")):
        places = {"input": scope.plain_place(source, key=key), "target": wanted}
        name = entry.name if len(terms) == 0 else f"{entry.name}_{len(terms) + 1}"
        terms[name] = make_term("loss", entry.weight * factor, params | places)
    return terms


def _read_labels(target: Part) -> dict[str, Any]:
    target.take()
    return {"of": "labels"}


def _list_outputs(weights: Part) -> Iterator[tuple[str | None, float]]:
    """Yield the entries of a model's output and their factors; the output itself where none are said."""
    if not weights:
        yield None, 1.0
    for key, weight in weights.items():
        yield key, weight.take_number(1.0)


def _read_loss(entry: Entry) -> dict[str, Any]:
    """Return the options `loss` and `reduction`."""
    function, options = FUNCTIONS[entry.key]
    loss: dict[str, Any] = {"function": function}
    for name in options:
        part = entry.kwargs.find(name)
        if part:
            loss[name] = bool(part.take()) if name == "log_target" else part.take_number()
    ignored = entry.kwargs.find("ignore_index")
    if ignored and entry.key in {"CrossEntropyLoss", "NLLLoss"}:
        number = ignored.take_number(-1)
        if number >= 0 and entry.key == "CrossEntropyLoss":
            loss["ignore_class"] = number
        elif number >= 0:
            ignored.lose("nll counts every sample here; cross_entropy can leave a class out")
    reduction = entry.kwargs.find("reduction").take_text() or "mean"
    is_default = reduction == "mean" and function != "kl_div"
    return {"loss": loss} | ({} if is_default else {"reduction": reduction})


def _read_hint(entry: Entry, adaptation: str, source: Part, target: Part, scope: Scope) -> Terms:
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
    if entry.key != "MSELoss":
        entry.criterion.lose("hints are learned by squared differences here")
        return {}
    student = scope.place(behind, behind.nothing(), teacher=False)
    target.find("is_from_teacher").take()
    teacher = scope.place(target.find("module_path"), target.find("io"), teacher=True)
    has_relu = adapter.find("kwargs", "uses_relu").take() is not False
    params = {"student_place": student, "teacher_place": teacher, "regressor": regressor, "batch_norm_relu": has_relu}
    reduction = entry.kwargs.find("reduction").take_text()
    return {
        entry.name: make_term("fitnet", entry.weight, params | ({"reduction": "sum"} if reduction == "sum" else {}))
    }


def is_about_paraphraser(entry: Entry) -> bool:
    """Whether a loss of torch trains the auto-encoder that torchdistill puts behind the teacher."""
    path = unwrap(str(entry.wrapper.find("kwargs", "input", "module_path").peek()))
    return entry.key == "MSELoss" and path.startswith("paraphraser")
