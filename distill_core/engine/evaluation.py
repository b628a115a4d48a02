"""Figures of a model on a stream. A metric knows logits and labels only, nothing of how they came about.

Shapes: n samples of the stream, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from distill_core.errors import DataError
from distill_core.outputs.comparison import Answers, count_bins
from distill_core.spec.runtime import MetricName
from distill_core.stream import Stream
from distill_core.tap import call_model

__all__ = ["ask", "ask_for_losses", "can_be_scored", "evaluate", "evaluating", "gives_logits", "predict", "score"]

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
    return _predict([model], stream, batch_size)[0]


@torch.no_grad()
def ask(model: nn.Module, stream: Stream, batch_size: int, teacher: nn.Module | None = None) -> Answers:
    """Return what a model, and the one that taught it, say to every sample; each sample is read once for both."""
    logits = _predict([model] if teacher is None else [model, teacher], stream, batch_size)
    return Answers(logits[0], stream.labels, logits[1] if teacher is not None else None)


@torch.no_grad()
def gives_logits(model: nn.Module, stream: Stream) -> bool:
    """Return whether a model answers the samples of a stream with logits."""
    rows = torch.arange(1, device=stream.device)
    with evaluating(model):
        output = call_model(model, stream.batch(rows, 0, (stream.main_view,)).inputs[stream.main_view])
    try:
        return _find_logits(output).dim() == 2
    except DataError:
        return False


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
    """Return the metrics of a model, see `score`."""
    check_classes(stream, metrics)
    return score(ask(model, stream, batch_size, teacher if "agreement" in metrics else None), metrics)


def check_classes(stream: Stream, metrics: Collection[MetricName]) -> None:
    """Refuse metrics that the samples cannot give.

    Raises:
        DataError: a metric needs classes, and the samples have none.
    """
    wanted = [name for name in metrics if name in METRICS]
    if wanted and stream.labels is None:
        raise DataError(f"the samples of {stream.spec.dataset!r} have no classes to evaluate {', '.join(wanted)} with")


def score(answers: Answers, metrics: Collection[MetricName]) -> dict[str, float]:
    """Return the metrics of answers.

    Agreement is the accuracy against the teacher's guesses, needs no labels, and is left out where there is no teacher.
    """
    figures: dict[str, float] = {}
    if answers.labels is not None:
        figures |= {name: METRICS[name](answers.student, answers.labels) for name in metrics if name in METRICS}
    if "agreement" in metrics and answers.teacher is not None:
        figures["agreement"] = accuracy(answers.student, answers.teacher.argmax(1))
    return figures


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Return the share of samples whose largest logit is that of the label."""
    return int((logits.argmax(1) == labels).sum()) / len(labels)


def negative_log_likelihood(logits: Tensor, labels: Tensor) -> float:
    """Return the mean of -log p(label) in nats."""
    return float(functional.cross_entropy(logits.double(), labels))


def calibration_error(logits: Tensor, labels: Tensor) -> float:
    """Return the expected calibration error: sum over bins of |hits - confidence| / n, bins of equal width."""
    _, confidence, hits = count_bins(logits, labels)
    return float((hits - confidence).abs().sum()) / len(labels)


METRICS: Mapping[str, Callable[[Tensor, Tensor], float]] = {
    "accuracy": accuracy,
    "nll": negative_log_likelihood,
    "ece": calibration_error,
}


def _predict(models: Sequence[nn.Module], stream: Stream, batch_size: int) -> list[Tensor]:
    logits: list[list[Tensor]] = [[] for _ in models]
    with ExitStack() as modes:
        for model in models:
            modes.enter_context(evaluating(model))
        for batch in stream.in_order(batch_size):
            for model, found in zip(models, logits, strict=True):
                found.append(_find_logits(call_model(model, batch.inputs[stream.main_view])).float())
    return [torch.cat(found) for found in logits]


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
