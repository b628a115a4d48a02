"""Any plain loss of torch between two places: activations of the student, of the teacher, or the labels.

Lei Jimmy Ba, Rich Caruana: "Do Deep Nets Really Need to be Deep?", NIPS 2014 (arXiv 1312.6184) regress the teacher's
logits, as this term does with its defaults. It is no method of its own but the building block of many, such as the sums
of squares of hint training and of split computing. What comes from the teacher gets no gradient.

Shapes: B batch, C channels, H height, W width, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional

from distill_core.distributed import current_world, mean_over_ranks
from distill_core.errors import Problem, SpecError
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import PlaceSpec
from distill_core.spec.reshape import (
    Flatten,
    LogSoftmax,
    Normalise,
    OneHot,
    Pool,
    PoolVector,
    Reshapes,
    ReshapeSpec,
    Shape,
    Softmax,
    Squeeze,
    ToFloat,
)
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term


class MSE(Config):
    """(x - y)^2."""

    function: Literal["mse"] = Field(description="Squared difference.")


class L1(Config):
    """|x - y|."""

    function: Literal["l1"] = Field(description="Absolute difference.")


class SmoothL1(Config):
    """d^2 / (2 beta) where d = |x - y| < beta, else d - beta / 2."""

    function: Literal["smooth_l1"] = Field(description="Absolute difference, quadratic near zero.")
    beta: float = Field(default=1.0, ge=0, le=1e6, description="Difference below which the loss is quadratic.")


class Huber(Config):
    """d^2 / 2 where d = |x - y| < delta, else delta (d - delta / 2)."""

    function: Literal["huber"] = Field(description="Half the squared difference, linear far from zero.")
    delta: float = Field(default=1.0, gt=0, le=1e6, description="Difference above which the loss is linear.")


class KLDiv(Config):
    """y (log y - x), where x holds log-probabilities and y probabilities."""

    function: Literal["kl_div"] = Field(description="Divergence of log-probabilities from probabilities.")
    log_target: bool = Field(default=False, description="Whether the target holds log-probabilities too.")


class CrossEntropy(Config):
    """-sum_k y_k log softmax(x)_k, where y holds classes or class probabilities."""

    function: Literal["cross_entropy"] = Field(description="Cross-entropy of logits with classes or probabilities.")
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the target's mass that is spread evenly over all classes."
    )
    ignore_class: int | None = Field(
        default=None, ge=0, le=65535, description="Class that marks what has no label; 255 in many segmentation sets."
    )


class NLL(Config):
    """-x_y, where x holds log-probabilities and y classes."""

    function: Literal["nll"] = Field(description="Negative log-likelihood of classes.")


class BCEWithLogits(Config):
    """-y log sigmoid(x) - (1 - y) log sigmoid(-x)."""

    function: Literal["bce_with_logits"] = Field(description="Binary cross-entropy of each logit with a probability.")


class CosineEmbedding(Config):
    """1 - cos(x, y) for vectors that shall be alike, max(0, cos(x, y) - margin) for vectors that shall be apart."""

    function: Literal["cosine_embedding"] = Field(description="Loss of the cosine of two vectors.")
    wanted: Literal["alike", "apart"] = Field(default="alike", description="What the two vectors shall be.")
    margin: float = Field(default=0.0, ge=-1, le=1, description="Cosine up to which vectors count as apart.")


class MarginRanking(Config):
    """max(0, y - x + margin)."""

    function: Literal["margin_ranking"] = Field(description="What the input lacks to exceed the target by a margin.")
    margin: float = Field(default=0.0, ge=0, le=1e6, description="How much larger the input shall be.")


class TripletMargin(Config):
    """max(0, |x - y| - |x - n| + margin)."""

    function: Literal["triplet_margin"] = Field(
        description="What the input lacks to be nearer to the target than to the negative by a margin."
    )
    margin: float = Field(default=1.0, ge=0, le=1e6, description="How much nearer the target shall be.")
    swap: bool = Field(default=False, description="Take the target's distance to the negative where it is smaller.")


Elementwise = MSE | L1 | SmoothL1 | Huber | KLDiv | BCEWithLogits | MarginRanking
LossSpec = Annotated[
    Elementwise | CrossEntropy | NLL | CosineEmbedding | TripletMargin, Field(discriminator="function")
]


class LossParams(Config):
    """Options of a plain loss."""

    loss: LossSpec = Field(default=MSE(function="mse"), description="Loss of torch.")
    input: PlaceSpec = Field(default=PlaceSpec(of="student", path="logits"), description="What is judged.")
    target: PlaceSpec = Field(default=PlaceSpec(of="teacher", path="logits"), description="What it is compared with.")
    negative: PlaceSpec | None = Field(default=None, description="What it is kept away from (triplet_margin).")
    input_steps: Reshapes = Field(default=(), description="Reshapes of the input, in order.")
    target_steps: Reshapes = Field(default=(), description="Reshapes of target and negative, in order.")
    detach_target: bool = Field(
        default=False, description="Whether the student learns nothing through a target of its own."
    )
    reduction: Literal["mean", "sum", "batchmean"] | None = Field(
        default=None,
        description="Mean over all elements, sum, or sum over the number of samples; batchmean for kl_div and mean "
        "for the others if left out.",
    )

    @model_validator(mode="after")
    def check_roles(self) -> Self:
        """Refuse a triplet without a negative, a negative that nothing uses, and what no student takes part in."""
        if isinstance(self.loss, TripletMargin) != (self.negative is not None):
            raise ValueError("triplet_margin, and no other loss, takes a `negative`")
        if all(place.of != "student" for place in self.roles.values()):
            raise ValueError("none of the places is the student's, so nothing would learn")
        return self

    @property
    def roles(self) -> dict[str, PlaceSpec]:
        """The places by field."""
        named = {"input": self.input, "target": self.target, "negative": self.negative}
        return {role: place for role, place in named.items() if place is not None}


@METHODS.register("loss")
class Loss(Term[LossParams]):
    """A plain loss of torch between two places of student, teacher and labels."""

    Params = LossParams
    needs = Needs()
    use = (
        "To build what no method here says: regression of logits, sums of squares between layers, a task's own "
        "loss with labels."
    )

    @classmethod
    def needs_of(cls, params: LossParams) -> Needs:
        """Return a teacher or labels where one of the places is theirs."""
        owners = {place.of for place in params.roles.values()}
        return Needs(teacher="teacher" in owners, labels="labels" in owners)

    @classmethod
    def places(cls, params: LossParams) -> Places:
        """Return the named places of student and teacher."""
        return Places(_places_of("student", params), _places_of("teacher", params))

    def build(self, setting: Setting) -> None:
        """Refuse places whose shapes the loss cannot compare."""
        self._num_classes = setting.num_classes
        shapes = {role: self._reshaped_shape(role, setting) for role in self.params.roles}
        given = shapes.pop("input")
        for role, shape in shapes.items():
            if given is not None and shape is not None and not _fits(self.params.loss, given, shape):
                raise _refuse(self.params.loss, role, given, shape)

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return the mean or sum of loss(input, target), or of loss(input, target, negative)."""
        sources = {"student": student, "teacher": teacher}
        tensors: list[Tensor] = []
        for role, spec in self.params.roles.items():
            x = batch.labels if spec.of == "labels" else sources[spec.of][Place.from_spec(spec)]
            if spec.of == "teacher" or (role != "input" and self.params.detach_target):
                x = x.detach()
            for step in self._steps(role):
                x = _reshape(step, x, self._num_classes)
            tensors.append(x.to(tensors[0].dtype) if tensors and x.is_floating_point() else x)
        return self._reduce(tensors)

    def _reduce(self, tensors: Sequence[Tensor]) -> Tensor:
        loss = self.params.loss
        reduction = self.params.reduction or ("batchmean" if isinstance(loss, KLDiv) else "mean")
        if reduction == "mean":
            return _compute(loss, tensors, "mean")
        total = _compute(loss, tensors, "sum")
        return total * current_world().size if reduction == "sum" else total / len(tensors[0])

    def _steps(self, role: str) -> Sequence[ReshapeSpec]:
        return self.params.input_steps if role == "input" else self.params.target_steps

    def _reshaped_shape(self, role: str, setting: Setting) -> Shape | None:
        """Return the shape behind the reshapes; None for labels that are no classes, which no probe has seen."""
        shape = _shape_of(self.params.roles[role], setting)
        if shape is None:
            return None
        for number, step in enumerate(self._steps(role)):
            try:
                shape = step.shape(shape, setting.num_classes)
            except ValueError as error:
                pointer = f"/params/{'input' if role == 'input' else 'target'}_steps/{number}"
                message = f"{error}, but the {role} has the shape {_word(shape)} there"
                raise SpecError([Problem(pointer, "shape_unfit", message, step.reshape)]) from None
        return shape


def _places_of(owner: str, params: LossParams) -> tuple[Place, ...]:
    return tuple(dict.fromkeys(Place.from_spec(place) for place in params.roles.values() if place.of == owner))


def _shape_of(spec: PlaceSpec, setting: Setting) -> Shape | None:
    if spec.of != "labels":
        return tuple(getattr(setting, spec.of)[Place.from_spec(spec)])
    batch_size = next(iter({**setting.student, **setting.teacher}.values()))[0]
    return None if setting.labels is None else (batch_size,)


def _reshape(step: ReshapeSpec, x: Tensor, num_classes: int | None) -> Tensor:
    match step:
        case Flatten():
            return x.flatten(1)
        case Squeeze():
            return x.reshape(step.shape(tuple(x.shape), num_classes))
        case Pool(size=size, kind=kind):
            pool = functional.adaptive_avg_pool2d if kind == "average" else functional.adaptive_max_pool2d
            pooled = pool(x, size)
            return pooled.flatten(1) if size == 1 else pooled
        case PoolVector(window=window):
            return functional.avg_pool1d(x[:, None], window)[:, 0]
        case Softmax(temperature=temperature):
            return functional.softmax(x / temperature, dim=1)
        case LogSoftmax(temperature=temperature):
            return functional.log_softmax(x / temperature, dim=1)
        case Normalise():
            return functional.normalize(x, dim=1)
        case OneHot():
            return functional.one_hot(x, num_classes or -1).movedim(-1, 1).float()
        case ToFloat():
            return x.float()


def _compute(loss: LossSpec, tensors: Sequence[Tensor], reduction: str) -> Tensor:
    x, target, *negative = tensors
    match loss:
        case MSE():
            return functional.mse_loss(x, target, reduction=reduction)
        case L1():
            return functional.l1_loss(x, target, reduction=reduction)
        case SmoothL1(beta=beta):
            return functional.smooth_l1_loss(x, target, reduction=reduction, beta=beta)
        case Huber(delta=delta):
            return functional.huber_loss(x, target, reduction=reduction, delta=delta)
        case KLDiv(log_target=log_target):  # torch warns of its own mean over elements
            total = functional.kl_div(x, target, reduction="sum", log_target=log_target)
            return total / x.numel() if reduction == "mean" else total
        case CrossEntropy():
            return _cross_entropy(loss, x, target, reduction)
        case NLL():
            return functional.nll_loss(x, target, reduction=reduction)
        case BCEWithLogits():
            return functional.binary_cross_entropy_with_logits(x, target, reduction=reduction)
        case CosineEmbedding(wanted=wanted, margin=margin):
            sign = x.new_full((len(x),), 1 if wanted == "alike" else -1)
            return functional.cosine_embedding_loss(x, target, sign, margin=margin, reduction=reduction)
        case MarginRanking(margin=margin):
            return functional.margin_ranking_loss(x, target, torch.ones_like(x), margin=margin, reduction=reduction)
        case TripletMargin(margin=margin, swap=swap):
            return functional.triplet_margin_loss(x, target, negative[0], margin=margin, swap=swap, reduction=reduction)


def _cross_entropy(loss: CrossEntropy, x: Tensor, target: Tensor, reduction: str) -> Tensor:
    """Return the cross-entropy; its mean is over what has a label on any rank."""
    smoothing, ignored = loss.label_smoothing, loss.ignore_class
    if ignored is None:
        return functional.cross_entropy(x, target, label_smoothing=smoothing, reduction=reduction)
    total = functional.cross_entropy(x, target, label_smoothing=smoothing, ignore_index=ignored, reduction="sum")
    count = (target != ignored).sum().to(total.dtype)
    return total / mean_over_ranks(count).clamp_min(1) if reduction == "mean" else total


def _fits(loss: LossSpec, x: Shape, target: Shape) -> bool:
    """Return whether a loss can compare an input and a target of these shapes."""
    are_classes = len(x) >= 2 and target == (x[0], *x[2:])
    match loss:
        case CrossEntropy():
            return are_classes or (x == target and len(x) >= 2)
        case NLL():
            return are_classes
        case CosineEmbedding() | TripletMargin():
            return x == target and len(x) == 2
        case _:
            return x == target


def _refuse(loss: LossSpec, role: str, x: Shape, target: Shape) -> SpecError:
    remedies = tuple(_find_remedies(loss, x, target))[:3]
    message = f"{loss.function} cannot compare an input of shape {_word(x)} with a {role} of shape {_word(target)}"
    help_ = "; these reshapes would help" if remedies else "; no reshape helps, but the term `fitnet` learns one"
    return SpecError([Problem(f"/params/{role}", "shape_unfit", message + help_, _word(target), remedies)])


def _find_remedies(loss: LossSpec, x: Shape, target: Shape) -> Iterator[str]:
    """Yield reshapes after which the shapes fit, the shortest first."""
    pairs = product(_list_options(x, target), _list_options(target, x))
    for mine, others in sorted(pairs, key=lambda pair: len(pair[0][0]) + len(pair[1][0])):
        if _fits(loss, mine[1], others[1]):
            chains = {"input_steps": mine[0], "target_steps": others[0]}
            yield " and ".join(f"{name}: [{', '.join(steps)}]" for name, steps in chains.items() if steps)


def _list_options(shape: Shape, other: Shape) -> Iterator[tuple[tuple[str, ...], Shape]]:
    """Yield chains of reshapes that may bring `shape` nearer to `other`, and what they give."""
    yield (), shape
    if len(shape) > 2:
        yield ("flatten",), (shape[0], prod(shape[1:]))
    if len(shape) == 4:
        yield ("pool",), shape[:2]
        if len(other) == 4 and other[2] == other[3] > 1:
            yield (f"pool to size {other[2]}",), (*shape[:2], *other[2:])
    window, rest = divmod(prod(shape[1:]), prod(other[1:]))
    if window > 1 and not rest:
        flat = ("flatten",) if len(shape) > 2 else ()
        yield (*flat, f"pool_vector by {window}"), (shape[0], prod(other[1:]))
    if len(shape) == 1:
        yield ("one_hot",), (shape[0], other[1]) if len(other) == 2 else shape
    if len(shape) == 2 and shape[1] == 1:
        yield ("squeeze",), shape[:1]


def _word(shape: Shape) -> str:
    return f"[{' '.join(map(str, ('B', *shape[1:])))}]"
