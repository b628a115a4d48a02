"""Contrastive representation distillation: the two views that the nets have of a sample agree, those of others do not.

Yonglong Tian, Dilip Krishnan, Phillip Isola: "Contrastive Representation Distillation", ICLR 2020 (arXiv 1910.10699).
Formula, constants and start values are the authors' code. We differ in four ways. Negatives are drawn with replacement,
on the device, as a function of (seed, step, sample), not by the data set. The banks take the embeddings after the
optimizer step, since the forward pass changes nothing. Until the constants Z are set, after the first step, each batch
gives its own. With several processes, Z is the mean of all, and every bank takes the rows of all.

Shapes: B batch, D embedding, N data-set size, M negatives.
"""

from __future__ import annotations

from math import prod
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distill_core.distributed import gather_rows, mean_over_ranks
from distill_core.draw import draw_below, hash_keys
from distill_core.errors import Problem, SpecError
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Path, auto_place
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term

EPSILON = 1e-7
DRAW_BITS = 31
CHUNK_ELEMENTS = 2**26
"""Similarities that are held at a time while scores are computed, 256 MiB in float32."""


class CRDParams(Config):
    """Options of contrastive representation distillation."""

    student_place: Path = auto_place("student", "pooled", "The student's representation.")
    teacher_place: Path = auto_place("teacher", "pooled", "The teacher's representation.")
    embedding_size: int = Field(default=128, ge=1, le=65536, description="Length of the embeddings of both.")
    num_negatives: int = Field(default=16384, ge=1, le=1_000_000, description="Negatives a sample.")
    negatives: Literal["other_classes", "other_samples"] = Field(
        default="other_classes", description="What a sample is contrasted with; only other_classes needs labels."
    )
    temperature: float = Field(default=0.07, ge=0.01, le=1000, description="Divides the similarities.")
    momentum: float = Field(
        default=0.5, ge=0, lt=1, description="Share that stays of a sample's embedding in the memory when it is seen."
    )


@METHODS.register("crd")
class CRD(Term[CRDParams]):
    """Contrast of each sample's embedding with memories of the other net's embeddings of all samples."""

    Params = CRDParams
    needs = Needs(teacher=True)
    use = (
        "The strongest of the relation methods for classification and transfer; with kd; memory for two vectors a "
        "sample."
    )

    bank_student: Tensor
    bank_teacher: Tensor
    normalisers: Tensor
    index: Tensor
    classes: Tensor
    by_class: Tensor
    class_starts: Tensor
    class_sizes: Tensor

    @classmethod
    def needs_of(cls, params: CRDParams) -> Needs:
        """Return labels only where negatives are told by class."""
        return Needs(teacher=True, labels=params.negatives == "other_classes")

    @classmethod
    def places(cls, params: CRDParams) -> Places:
        """Return the representations of both."""
        return Places((Place(params.student_place),), (Place(params.teacher_place),))

    def build(self, setting: Setting) -> None:
        """Make both embeddings, both memories and the table that negatives are drawn from."""
        size = self.params.embedding_size
        self.embed_student = nn.Linear(prod(setting.student[Place(self.params.student_place)][1:]), size)
        self.embed_teacher = nn.Linear(prod(setting.teacher[Place(self.params.teacher_place)][1:]), size)
        generator = torch.Generator().manual_seed(setting.seed)
        bound = (3 / size) ** 0.5
        for name in ("bank_student", "bank_teacher"):
            self.register_buffer(name, bound * (2 * torch.rand(setting.num_samples, size, generator=generator) - 1))
        self.register_buffer("normalisers", torch.zeros(2))
        self._seed = setting.seed
        self._is_scaled = False
        self.register_load_state_dict_post_hook(_look_again)  # type: ignore[no-untyped-call]
        self._tabulate(setting)

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return -mean over B of log h(x_0) + sum_m log(1 - h(x_m)), of student and teacher together.

        x = exp(<v, m> / T) / Z, h(x) = x / (x + M / N); v is the embedding by one net, m what the memory holds of the
        other net, of the sample itself (x_0) and of M negatives.
        """
        return self.contrast(student, teacher, self.draw_rows(batch))

    @torch.no_grad()
    def commit(self, student: Activations, teacher: Activations, batch: Batch) -> None:
        """Fix Z by the first batch, and move the memories towards the embeddings of the samples of all ranks."""
        embeddings = self._embed(student, teacher)
        if not self._has_normalisers():
            self.normalisers.copy_(self._estimate(self._score(embeddings, self.draw_rows(batch))))
        rows = gather_rows(self._find_rows(batch))
        gathered = gather_rows(torch.cat(embeddings, dim=1)).chunk(2, dim=1)
        for bank, embedding in zip((self.bank_student, self.bank_teacher), gathered, strict=True):
            moved = torch.lerp(embedding, bank[rows], self.params.momentum)
            bank.index_copy_(0, rows, functional.normalize(moved, dim=1))

    def contrast(self, student: Activations, teacher: Activations, rows: Tensor) -> Tensor:
        """Return the loss against given rows of the memories.

        Args:
            student: what the student's place gave.
            teacher: what the teacher's place gave.
            rows: a sample's own row and those of its negatives [B 1+M].
        """
        scores = self._score(self._embed(student, teacher), rows)
        normalisers = self.normalisers if self._has_normalisers() else self._estimate(scores)
        share = (rows.shape[1] - 1) / len(self.bank_student)
        return torch.stack([_contrast(x / z, share) for x, z in zip(scores, normalisers, strict=True)]).sum()

    def draw_rows(self, batch: Batch) -> Tensor:
        """Return each sample's own row and those of its negatives [B 1+M], a function of seed, step and sample."""
        rows = self._find_rows(batch)
        seed = hash_keys(self._seed, batch.step)
        first = draw_below(2**DRAW_BITS, seed, batch.index)
        slots = torch.arange(self.params.num_negatives, device=rows.device)
        bits = draw_below(2**DRAW_BITS, hash_keys(seed), first[:, None] + slots)
        classes = self.classes[rows]
        starts, sizes = self.class_starts[classes, None], self.class_sizes[classes, None]
        drawn = bits * (len(self.by_class) - sizes) >> DRAW_BITS
        drawn = drawn + sizes * (drawn >= starts)  # leave out the sample's own class
        return torch.cat([rows[:, None], self.by_class[drawn]], dim=1)

    def _tabulate(self, setting: Setting) -> None:
        """Sort the rows by class, so that those of the other classes are two runs."""
        if self.params.negatives == "other_samples":
            classes = torch.arange(setting.num_samples, device=setting.index.device)
        elif setting.labels is None:
            message = "the samples have no labels, so no negatives of other classes can be drawn"
            raise SpecError([Problem("/params/negatives", "labels_missing", message, self.params.negatives)])
        else:
            classes = setting.labels
        sizes = classes.bincount()
        if sizes.max() == setting.num_samples:
            message = f"the {setting.num_samples} samples have no {self.params.negatives}, so there are no negatives"
            raise SpecError([Problem("/params/negatives", "negatives_missing", message, self.params.negatives)])
        table = {
            "index": setting.index,
            "classes": classes,
            "by_class": classes.argsort(stable=True),
            "class_starts": sizes.cumsum(0) - sizes,
            "class_sizes": sizes,
        }
        for name, tensor in table.items():
            self.register_buffer(name, tensor, persistent=False)

    def _find_rows(self, batch: Batch) -> Tensor:
        """Return the memories' row of each sample [B]; a loss on foreign samples means little, but must not fail."""
        return torch.searchsorted(self.index, batch.index).clamp_max(len(self.index) - 1)

    def _embed(self, student: Activations, teacher: Activations) -> tuple[Tensor, Tensor]:
        mine: Tensor = self.embed_student(student[Place(self.params.student_place)].flatten(1))
        others: Tensor = self.embed_teacher(teacher[Place(self.params.teacher_place)].detach().flatten(1))
        return functional.normalize(mine, dim=1), functional.normalize(others, dim=1)

    def _score(self, embeddings: tuple[Tensor, Tensor], rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return exp(<v, m> / T) of student and teacher [B 1+M], each against the memory of the other."""
        student, teacher = embeddings
        temperature = self.params.temperature
        return (
            torch.exp(_look_up(student, self.bank_teacher, rows) / temperature),
            torch.exp(_look_up(teacher, self.bank_student, rows) / temperature),
        )

    def _estimate(self, scores: tuple[Tensor, Tensor]) -> Tensor:
        """Return the constants Z of student and teacher [2] by the scores of a batch."""
        means = torch.stack([score.detach().mean() for score in scores])
        return mean_over_ranks(means) * len(self.bank_student)

    def _has_normalisers(self) -> bool:
        """Return whether Z is set; asks the device until it is, and no more afterwards."""
        if not self._is_scaled:
            self._is_scaled = bool((self.normalisers > 0).all())
        return self._is_scaled


def _look_up(embedding: Tensor, bank: Tensor, rows: Tensor, limit: int = CHUNK_ELEMENTS) -> Tensor:
    """Return the products of each embedding [B D] with some rows of the bank [N D], [B 1+M].

    All N products of a few samples at a time, of which M are kept: a matrix product is faster than to gather
    M rows of D numbers a sample, and needs less memory.
    """
    size = max(1, limit // len(bank))
    parts = zip(embedding.split(size), rows.split(size), strict=True)
    return torch.cat([(part @ bank.mT).gather(1, chosen) for part, chosen in parts])


def _contrast(scores: Tensor, share: float) -> Tensor:
    """Return the loss of one direction; the first column [B 1+M] belongs to the samples themselves."""
    positive, negatives = scores[:, 0], scores[:, 1:]
    own = torch.log(positive / (positive + share + EPSILON))
    others = torch.log(share / (negatives + share + EPSILON)).sum(1)
    return -(own + others).mean()


def _look_again(term: CRD, _: object) -> None:
    """Forget whether Z was set, since another state has been loaded."""
    term._is_scaled = False  # noqa: SLF001  the hook of its own class
