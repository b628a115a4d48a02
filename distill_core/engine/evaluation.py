"""Figures of a model on a stream. A metric knows logits and labels only, nothing of how they came about.

Shapes: n samples of the stream, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from distill_core.errors import DataError
from distill_core.spec.runtime import MetricName
from distill_core.stream import Stream
from distill_core.tap import call_model

__all__ = ["ask_for_losses", "can_be_scored", "evaluate", "evaluating", "predict"]

NUM_BINS = 15
AT_REST = (nn.modules.batchnorm._NormBase, nn.modules.dropout._DropoutNd)  # noqa: SLF001  torch's only names for all


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch to eval mode, and each module back to its own mode afterwards: frozen ones stay in eval mode."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, is_training in modes.items():
            module.training = is_training


def ask_for_losses(model: nn.Module) -> None:
    """Switch to training mode, but for what keeps statistics or drops activations."""
    for module in model.modules():
        module.training = not isinstance(module, AT_REST)


@torch.no_grad()
def predict(model: nn.Module, stream: Stream, batch_size: int) -> Tensor:
    """Return the logits [n K] of every sample, in the stream's order, with the model in eval mode."""
    with evaluating(model):
        logits = [
            _find_logits(call_model(model, batch.inputs[stream.main_view])).float()
            for batch in stream.in_order(batch_size)
        ]
    return torch.cat(logits)


def can_be_scored(stream: Stream) -> bool:
    """Return whether the samples have classes to compare guesses with."""
    return isinstance(stream.labels, Tensor)


def evaluate(
    model: nn.Module,
    stream: Stream,
    batch_size: int,
    metrics: Collection[MetricName],
    teacher: nn.Module | None = None,
) -> dict[str, float]:
    """Return the metrics of a model.

    Agreement is the accuracy against the teacher's guesses, needs no labels, and is left out where there is no teacher.

    Raises:
        DataError: a metric needs classes, and the samples have none.
    """
    labels, wanted = stream.labels, [name for name in metrics if name in METRICS]
    if wanted and labels is None:
        raise DataError(f"the samples of {stream.spec.dataset!r} have no classes to evaluate {', '.join(wanted)} with")
    logits = predict(model, stream, batch_size)
    figures: dict[str, float] = {}
    if labels is not None:
        figures |= {name: METRICS[name](logits, labels) for name in wanted}
    if "agreement" in metrics and teacher is not None:
        figures["agreement"] = accuracy(logits, predict(teacher, stream, batch_size).argmax(1))
    return figures


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Return the share of samples whose largest logit is that of the label."""
    return int((logits.argmax(1) == labels).sum()) / len(labels)


def negative_log_likelihood(logits: Tensor, labels: Tensor) -> float:
    """Return the mean of -log p(label) in nats."""
    return float(functional.cross_entropy(logits.double(), labels))


def calibration_error(logits: Tensor, labels: Tensor) -> float:
    """Return the expected calibration error: sum over bins of |hits - confidence| / n, bins of equal width."""
    confidence, guess = logits.double().softmax(1).max(1)
    gap = (guess == labels).double() - confidence
    bins = (confidence * NUM_BINS).ceil().long().clamp(1, NUM_BINS) - 1
    return sum(abs(float(gap[bins == number].sum())) for number in range(NUM_BINS)) / len(labels)


METRICS: Mapping[str, Callable[[Tensor, Tensor], float]] = {
    "accuracy": accuracy,
    "nll": negative_log_likelihood,
    "ece": calibration_error,
}


def _find_logits(output: Any) -> Tensor:
    """Return the logits of what a model returned: itself, its entry `logits`, or its first entry."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping):
        output = output.get("logits", next(iter(output.values())))
    elif hasattr(output, "logits"):
        output = output.logits
    else:
        output = output[0]
    if not isinstance(output, Tensor):
        raise DataError(f"the model returned {type(output).__name__}, which holds no logits that could be evaluated")
    return output
