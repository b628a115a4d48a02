"""SemCKD: each map of the student learns from all maps of the teacher, by how much, attention decides a sample.

Defang Chen, Jian-Ping Mei, Yuan Zhang, Can Wang, Zhe Wang, Yan Feng, Chun Chen: "Cross-Layer Distillation with Semantic
Calibration", AAAI 2021 (arXiv 2012.03236). Queries and keys are made of a sample's similarities to all samples of its
batch, so the batch size N of the first step is baked into their layers. The authors skip batches of other sizes. Here a
shorter one is filled up with zeros, and a longer one, which only validation may have, is taken in groups of N: neither
stops a run, but similarities to fewer samples say less, so `drop_last` should leave a short batch out. With several
processes N is the size of the global batch. Of two maps the larger is average-pooled to the size of the smaller. The
student learns through the attention as well, as in the authors' code, which has an option `scale` and 1 for it. The
paper knows maps alone.

Shapes: B batch, N batch size, C channels, H height, W width, S maps of the student, T maps of the teacher, D length of
queries and keys.
"""

from __future__ import annotations

from typing import cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distill_core.distributed import current_world, gather_rows
from distill_core.errors import Problem, SpecError
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Paths, auto_places
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term

WIDENING = 2
"""Width of the hidden layers, as a multiple of what they end in."""


class SemCKDParams(Config):
    """Options of SemCKD."""

    student_places: Paths = auto_places("student", "stages", "Maps of the student, each a query.", paired=False)
    teacher_places: Paths = auto_places("teacher", "stages", "Maps of the teacher, each a key.", paired=False)
    factor: int = Field(default=4, ge=1, le=65536, description="Batch size divided by the length of queries and keys.")
    scale: float = Field(
        default=1.0, gt=0, le=1000, description="Divides the products of queries and keys; larger is more even."
    )


@METHODS.register("semckd")
class SemCKD(Term[SemCKDParams]):
    """Differences between all maps of the student and all of the teacher, weighted by attention a sample."""

    Params = SemCKDParams
    needs = Needs(teacher=True, smallest_batch=2)
    use = "When it is not clear which layers belong together: attention decides; batches of one size."

    @classmethod
    def places(cls, params: SemCKDParams) -> Places:
        """Return the maps of both."""
        return Places(tuple(map(Place, params.student_places)), tuple(map(Place, params.teacher_places)))

    def build(self, setting: Setting) -> None:
        """Make the queries and keys, sized by the batch, and a projector a pair of maps."""
        students = _list_channels(setting, "student", self.params.student_places)
        teachers = _list_channels(setting, "teacher", self.params.teacher_places)
        shares = next(iter(setting.student.values()))[0]
        self.batch_size = shares * current_world().size
        length = max(1, self.batch_size // self.params.factor)
        self.queries = nn.ModuleList(_embed(self.batch_size, length) for _ in students)
        self.keys = nn.ModuleList(_embed(self.batch_size, length) for _ in teachers)
        self.projectors = nn.ModuleList(
            nn.ModuleList(_project(mine, others) for others in teachers) for mine in students
        )

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return sum over i j of a_ij mean over C H W of (p_ij(f_i) - f_j)^2, averaged over B and i.

        a_ij [B S T] = softmax over j of <q_i, k_j> / scale; q_i = u(MLP_i(F_i F_i^T)) of the student's map F_i, its
        sample's row, and k_j likewise of the teacher's; u(x) = x / |x|_2.
        """
        mine = [student[Place(path)] for path in self.params.student_places]
        others = [teacher[Place(path)].detach() for path in self.params.teacher_places]
        queries = [embed(self._compare_samples(x)) for embed, x in zip(self.queries, mine, strict=True)]
        keys = [embed(self._compare_samples(x)) for embed, x in zip(self.keys, others, strict=True)]
        attention = torch.softmax(_stack(queries) @ _stack(keys).mT / self.params.scale, dim=2)
        differences = torch.stack([self._differ(i, x, others) for i, x in enumerate(mine)], dim=1)
        return (attention * differences).sum(2).mean()

    def _compare_samples(self, features: Tensor) -> Tensor:
        """Return the products of each sample of this rank with those of its group of N [B N]."""
        rows = features.flatten(1)
        gathered = gather_rows(rows)
        gram = functional.pad(rows @ gathered.mT, (0, -len(gathered) % self.batch_size))
        first = current_world().rank * len(rows)
        group = torch.arange(first, first + len(rows), device=rows.device) // self.batch_size
        places = torch.arange(len(rows), device=rows.device)
        own: Tensor = gram.unflatten(1, (-1, self.batch_size))[places, group]
        return own

    def _differ(self, number: int, mine: Tensor, others: list[Tensor]) -> Tensor:
        """Return the mean squared difference of a map of the student from each of the teacher [B T]."""
        found = []
        for project, other in zip(cast("nn.ModuleList", self.projectors[number]), others, strict=True):
            size = min(mine.shape[2], other.shape[2]), min(mine.shape[3], other.shape[3])
            found.append((project(_shrink(mine, size)) - _shrink(other, size)).square().flatten(1).mean(1))
        return torch.stack(found, dim=1)


def _list_channels(setting: Setting, role: str, paths: Paths) -> list[int]:
    shapes = setting.student if role == "student" else setting.teacher
    for index, path in enumerate(paths):
        shape = shapes[Place(path)]
        if len(shape) != 4:
            message = f"{path!r} gives {list(shape[1:])} a sample, but SemCKD projects maps [C H W]"
            raise SpecError([Problem(f"/params/{role}_places/{index}", "shape_unfit", message, path)])
    return [shapes[Place(path)][1] for path in paths]


def _embed(batch_size: int, length: int) -> nn.Sequential:
    """Return the layers that make a query or key of a sample's similarities."""
    hidden = WIDENING * length
    return nn.Sequential(nn.Linear(batch_size, hidden), nn.ReLU(), nn.Linear(hidden, length))


def _project(channels: int, wanted: int) -> nn.Sequential:
    """Return the convolutions that turn a map of the student into one of the teacher's channels."""
    hidden = WIDENING * wanted
    layers: list[nn.Module] = [nn.Conv2d(channels, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU()]
    layers += [nn.Conv2d(hidden, hidden, 3, padding=1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(hidden, wanted, 1, bias=False))


def _stack(embedded: list[Tensor]) -> Tensor:
    """Return vectors [B D] with length 1, one behind the other [B S D]."""
    return torch.stack([functional.normalize(x, dim=1) for x in embedded], dim=1)


def _shrink(x: Tensor, size: tuple[int, int]) -> Tensor:
    return x if tuple(x.shape[2:]) == size else functional.adaptive_avg_pool2d(x, size)
