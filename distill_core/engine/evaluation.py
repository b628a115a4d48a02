"""Figures of a model on a stream. A metric knows logits and labels only, nothing of how they came about.

Shapes: n samples of the stream, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from distill_core.spec.runtime import MetricName
from distill_core.stream import Stream

__all__ = ["evaluate", "predict"]

NUM_BINS = 15


@torch.no_grad()
def predict(model: nn.Module, stream: Stream, batch_size: int) -> Tensor:
    """Return the logits [n K] of every sample, in the stream's order, with the model in eval mode."""
    was_training = model.training
    model.eval()
    logits = [model(batch.images[stream.main_view]).float() for batch in stream.in_order(batch_size)]
    model.train(was_training)
    return torch.cat(logits)


def evaluate(
    model: nn.Module,
    stream: Stream,
    batch_size: int,
    metrics: Collection[MetricName],
    teacher: nn.Module | None = None,
) -> dict[str, float]:
    """Return the metrics of a model.

    Agreement is the accuracy against the teacher's guesses, and is left out where there is no teacher.
    """
    logits = predict(model, stream, batch_size)
    figures: dict[str, float] = {name: METRICS[name](logits, stream.labels) for name in metrics if name in METRICS}
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
