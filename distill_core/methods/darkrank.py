"""DarkRank: the student ranks the neighbours of a sample as the teacher does.

Yuntao Chen, Naiyan Wang, Zhaoxiang Zhang: "DarkRank: Accelerating Deep Metric Learning via Cross Sample Similarities
Transfer", AAAI 2018 (arXiv 1707.01220). The hard form, in which the teacher's ranking is the one that counts, as in the
code of RKD (Park et al. 2019), where every sample of the batch is a query in turn. The study of Ruffy and Chahal takes
scale 2. That embeddings have length 1, as is usual where metrics are learned, that code leaves to the model
(`normalise`). With several processes the batch is that of all of them.

Shapes: B batch, D features, R ranked neighbours.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from distill_core.distance import measure_distances
from distill_core.distributed import gather_rows
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Path, auto_place
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Term


class DarkRankParams(Config):
    """Options of DarkRank."""

    student_place: Path = auto_place("student", "pooled", "The student's representation.")
    teacher_place: Path = auto_place("teacher", "pooled", "The teacher's representation.")
    scale: float = Field(default=3.0, gt=0, le=1000, description="Factor of the scores, alpha in the paper.")
    power: float = Field(
        default=3.0, ge=1, le=10, description="Power of the distances in the scores, the paper's beta."
    )
    num_ranked: int = Field(
        default=4, ge=1, le=1024, description="Neighbours of a sample that are ranked, as many as there are at most."
    )
    normalise: bool = Field(default=False, description="Bring the representations of both to length 1 first.")


@METHODS.register("darkrank")
class DarkRank(Term[DarkRankParams]):
    """Likelihood that the student gives to the teacher's ranking of each sample's neighbours."""

    Params = DarkRankParams
    needs = Needs(teacher=True, smallest_batch=5)
    use = "For retrieval, where the order of neighbours counts; batches with several samples a class."

    @classmethod
    def needs_of(cls, params: DarkRankParams) -> Needs:
        """Return a batch that holds a sample and all neighbours that are ranked."""
        return Needs(teacher=True, smallest_batch=params.num_ranked + 1)

    @classmethod
    def places(cls, params: DarkRankParams) -> Places:
        """Return the representations of both."""
        return Places((Place(params.student_place),), (Place(params.teacher_place),))

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return -mean over B of sum_r (s_r - log sum_(q >= r) exp s_q), s = -scale d^power.

        d are the student's distances to the R nearest neighbours by the teacher, in the teacher's order.
        """
        params = self.params
        ranking = self._rank(teacher[Place(params.teacher_place)].detach())
        distances = self._measure(student[Place(params.student_place)])
        scores = -params.scale * distances.gather(1, ranking).pow(params.power)
        likelihood = scores.sum(1)
        for first in range(scores.shape[1]):
            likelihood = likelihood - scores[:, first:].logsumexp(1)
        return -likelihood.mean()

    def _rank(self, features: Tensor) -> Tensor:
        """Return the nearest neighbours of each sample [B R], the nearest first."""
        distances = self._measure(features).fill_diagonal_(-1)
        return distances.argsort(dim=1, stable=True)[:, 1 : self.params.num_ranked + 1]

    def _measure(self, features: Tensor) -> Tensor:
        rows = features.flatten(1)
        return measure_distances(gather_rows(functional.normalize(rows, dim=1) if self.params.normalise else rows))
