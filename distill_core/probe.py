"""Feature points of a model that declares none: found by one forward pass, from what its modules are given and return.

A block is a module with several weight matrices, and a stage ends with the last block before the resolution changes.
Blocks of one resolution throughout, as in a plain vision transformer, are divided into four stages. Of a model without
blocks each resolution is a stage, but for the first, which is the stem.

Shapes: B batch, D features, H height, W width, K classes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, takewhile
from typing import Any

from torch import Tensor, nn

from distill_core.call import Call, list_tensors, record_calls
from distill_core.place import Place, unwrap
from distill_core.tensors import Inputs

__all__ = ["find_feature_points", "give_feature_points"]

NUM_GROUPS = 4
LEAST_SIDE = 64
"""Side of the images that a model is probed with: of smaller ones, several stages are left with one pixel."""
NUM_SAMPLES = 2
"""Samples that a model is probed with: with one, every dimension of 1 would look like the batch."""
NORMALISERS = (nn.Softmax, nn.LogSoftmax, nn.Sigmoid)
"""Modules that make probabilities of logits."""


def give_feature_points(model: nn.Module, inputs: Inputs) -> None:
    """Let a model that declares no feature points carry those that a probe finds.

    Args:
        model: any module; one that has feature points keeps them.
        inputs: what it is called with.
    """
    model = unwrap(model)
    if not hasattr(model, "feature_points"):
        model.feature_points = find_feature_points(model, inputs)  # type: ignore[assignment]


def find_feature_points(model: nn.Module, inputs: Inputs) -> dict[str, Place]:
    """Return the feature points of any model, which is left as it was.

    Args:
        model: any module; wrappers of torch.compile and DDP are looked through.
        inputs: what it is called with; two samples are used, and small images are enlarged if the model takes that.

    Returns:
        `stem`: what the first block is given. `stage1` and so on: the ends of the stages. `pooled`: the vector [B D]
        that the classifier is given. `logits`: what the model returns, of several entries the one called so or else
        the first of shape [B K]. What a model does not have is left out.
    """
    root, output = _watch(unwrap(model), _take(inputs))
    calls = list(root.inside())
    stem, stages = _find_stages(root)
    key, logits = _choose_logits(output)
    source = next((call for call in reversed(calls[1:]) if logits is not None and call.result_is(logits)), None)
    pooled = _find_pooled(calls, stages[-1] if stages else None, source)
    points = {} if stem is None else {"stem": _place(stem, calls)}
    points |= {name: _place(stage, calls) for name, stage in zip(_name_stages(stages), stages, strict=True)}
    if pooled is not None:
        points["pooled"] = Place(pooled.path, "in", call=_number(pooled, calls))
    if source is not None:
        is_normalised = isinstance(source.module, NORMALISERS)
        points["logits"] = Place(source.path, "in") if is_normalised else _place(source, calls)
    elif logits is not None:
        points["logits"] = Place("", key=key)
    return points


def _watch(model: nn.Module, inputs: Inputs) -> tuple[Call, Any]:
    """Return the calls of a forward pass and its output, of enlarged images where the model takes them."""
    larger = _enlarge(inputs)
    if larger is not None:
        try:
            return record_calls(model, larger)
        except (AssertionError, RuntimeError, ValueError):  # it takes images of one size alone
            pass
    return record_calls(model, inputs)


def _find_stages(root: Call) -> tuple[Call | None, Sequence[Call]]:
    """Return the call that gives the first block its input, and the last call of each stage."""
    units = [unit for unit in _divide(root) if unit.returned is not None]
    blocks = [unit for unit in units if unit.num_matrices > 1]
    if not blocks:
        return _find_plain_stages(units)
    groups = _group(list(_take_trunk(blocks)))
    if len(groups) > 1 and groups[0] == [next(unit for unit in units if unit.num_matrices)]:
        del groups[0]  # a stem of several convolutions
    if len(groups) > 1:
        return _before(groups[0][0]), [group[-1] for group in groups]
    repeated = _find_repeated(groups[0])
    count = min(NUM_GROUPS, len(repeated))
    return _before(repeated[0]), [repeated[len(repeated) * number // count - 1] for number in range(1, count + 1)]


def _take_trunk(blocks: Sequence[Call]) -> Iterator[Call]:
    """Yield the blocks before the resolution rises again: what follows is a decoder, or heads on earlier maps."""
    sizes = [math.prod(block.returned or ()) for block in blocks]
    for number, block in enumerate(blocks):
        if number and sizes[number] >= 2 * sizes[number - 1]:
            return
        yield block


def _find_plain_stages(units: Sequence[Call]) -> tuple[Call | None, Sequence[Call]]:
    ends = [group[-1] for group in _group(units) if any(unit.num_matrices for unit in group)]
    return (ends[0], ends[1:]) if len(ends) > 1 else (None, ends)


def _divide(call: Call) -> Iterator[Call]:
    """Yield the calls in a call, those that change the resolution more than once divided in their turn."""
    for inner in call.calls:
        if _is_step(inner):
            yield inner
        else:
            yield from _divide(inner)


def _is_step(call: Call) -> bool:
    """Return whether a call changes the resolution once at most: straight to that of what it returns."""
    if not call.calls:
        return True
    if call.taken is None or call.returned is None:
        return False
    low, high = sorted((math.prod(call.taken), math.prod(call.returned)))
    leaves = [inner.returned for inner in call.inside() if not inner.calls and inner.returned is not None]
    before = takewhile(lambda extent: extent != call.returned, leaves)
    return not any(low < math.prod(extent) < high for extent in before)


def _group(units: Sequence[Call]) -> list[list[Call]]:
    """Return runs of units of equal resolution."""
    return [list(group) for _, group in groupby(units, key=lambda unit: unit.returned)]


def _find_repeated(blocks: Sequence[Call]) -> Sequence[Call]:
    """Return the blocks that a single block mostly consists of, down to where they are several of one kind."""
    while len(blocks) == 1:
        inner = [call for call in blocks[0].calls if call.calls and call.returned is not None and call.num_matrices > 1]
        is_most = 2 * sum(call.num_matrices for call in inner) > blocks[0].num_matrices
        if not is_most or len({type(call.module) for call in inner}) > 1:
            break
        blocks = inner
    return blocks


def _before(call: Call) -> Call | None:
    """Return the outermost call that had ended with a tensor when a call began."""
    while call.caller is not None:
        siblings = call.caller.calls
        earlier = [other for other in siblings[: siblings.index(call)] if other.result is not None]
        if earlier:
            return earlier[-1]
        call = call.caller
    return None


def _name_stages(stages: Sequence[Call]) -> Sequence[str]:
    """Return the names of stages: `stage1` and so on, unless the model counts its stages itself."""
    own = [stage.path.rpartition(".")[2] for stage in stages]
    is_counted = len(set(own)) == len(own) and all(re.fullmatch("stage[0-9]+", name) for name in own)
    return own if is_counted else [f"stage{number}" for number in range(1, len(stages) + 1)]


def _choose_logits(output: Any) -> tuple[str | int | None, Tensor | None]:
    """Return the logits among what a model returns, and the key of this entry."""
    tensors = dict(list_tensors(output))
    if "logits" in tensors:
        return "logits", tensors["logits"]
    flat = [(key, tensor) for key, tensor in tensors.items() if tensor.ndim == 2]
    return next(iter([*flat, *tensors.items()]), (None, None))


def _find_pooled(calls: Sequence[Call], stage: Call | None, source: Call | None) -> Call | None:
    """Return the outermost call behind the last stage that is given a vector [B D], at the latest that of the logits.

    Args:
        calls: all calls, in order.
        stage: the last stage; without any, only what is given to the module of the logits counts.
        source: the call that returned the logits, if a module did.
    """
    last = len(calls) if source is None else calls.index(source) + 1
    first = last - 1 if stage is None else calls.index(stage) + sum(1 for _ in stage.inside())
    behind = calls[first:last] if source is not None or stage is not None else []
    return next((call for call in behind if call.is_given_vectors), None)


def _place(call: Call, calls: Sequence[Call]) -> Place:
    return Place(call.path, key=call.key, call=_number(call, calls))


def _number(call: Call, calls: Sequence[Call]) -> int | None:
    """Return which of several calls of its module a call is, None for the last."""
    return call.number if any(other.module is call.module and other.number > call.number for other in calls) else None


def _take(inputs: Inputs) -> Inputs:
    if isinstance(inputs, Mapping):
        return {name: tensor[:NUM_SAMPLES] for name, tensor in inputs.items()}
    return inputs[:NUM_SAMPLES]


def _enlarge(inputs: Inputs) -> Tensor | None:
    """Return images [B C H W] of the least side at least, None where there is nothing to enlarge."""
    if not isinstance(inputs, Tensor) or inputs.ndim != 4 or min(inputs.shape[2:]) >= LEAST_SIDE:
        return None
    factor = math.ceil(LEAST_SIDE / min(inputs.shape[2:]))
    return nn.functional.interpolate(inputs, scale_factor=factor)
