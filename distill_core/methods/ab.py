"""AB: the student learns which neurons of the teacher are active, not how strongly.

Byeongho Heo, Minsik Lee, Sangdoo Yun, Jin Young Choi: "Knowledge Transfer via Distillation of Activation Boundaries
Formed by Hidden Neurons", AAAI 2019 (arXiv 1811.03233). In the paper a stage of its own, in front of learning from the
teacher's logits or the labels. A neuron is penalised by the squared distance to the margin on the teacher's side of
zero, summed over all neurons. The deepest layer counts whole, each layer in front of it half as much as the next, as in
the authors' code, whose factor 3/1000 is left to the weight of the term. A student's map of another shape goes through
a connector, a convolution without bias and BatchNorm: 1x1 as in the paper, and as in RepDistiller another kernel where
the sizes differ too. The teacher's BatchNorm works with its running statistics; in the authors' code with the batch's.
The method is about maps, so tokens of transformers are refused.

Shapes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from distill_core.connector import build_connector
from distill_core.errors import Problem, SpecError
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Paths, auto_places
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term


class ABParams(Config):
    """Options of the distillation of activation boundaries."""

    student_places: Paths = auto_places(
        "student", "stages.pre", "Maps of the student in front of the activation, from shallow to deep."
    )
    teacher_places: Paths = auto_places("teacher", "stages.pre", "Those of the teacher, each the partner of one.")
    margin: float = Field(
        default=1.0, gt=0, le=1000, description="Distance from zero at which a neuron is no longer penalised."
    )


@METHODS.register("ab")
class AB(Term[ABParams]):
    """Distance of the student's neurons to the teacher's side of their activation boundaries."""

    Params = ABParams
    needs = Needs(teacher=True)
    use = (
        "As a start of students of another architecture, in a stage without labels; needs the places before "
        "activations."
    )

    @classmethod
    def places(cls, params: ABParams) -> Places:
        """Return the maps in front of the activations of both."""
        return Places(tuple(map(Place, params.student_places)), tuple(map(Place, params.teacher_places)))

    def build(self, setting: Setting) -> None:
        """Make a connector a layer, none where the shapes agree; refuse maps that none can bring to one shape."""
        self.connectors = nn.ModuleList()
        pairs = zip(self.params.student_places, self.params.teacher_places, strict=True)
        for number, (mine, other) in enumerate(pairs):
            student, teacher = setting.student[Place(mine)], setting.teacher[Place(other)]
            is_equal = len(student) == 4 and student[1:] == teacher[1:]
            connector = nn.Identity() if is_equal else build_connector(student, teacher)
            if connector is None:
                message = (
                    f"no connector turns what {mine!r} of the student gives, {list(student[1:])}, into what {other!r} "
                    f"of the teacher gives, {list(teacher[1:])}"
                )
                allowed = "maps [C H W], the student's of the teacher's H and W, of half of them, or larger"
                raise SpecError([Problem(f"/params/student_places/{number}", "shape_unfit", message, mine, allowed)])
            self.connectors.append(connector)

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return sum_i 2^-(L-1-i) / B sum max(m + s, 0)^2 where t <= 0, max(m - s, 0)^2 where t > 0.

        s is the connected map of the student, i = 0 ... L-1 counts layers, the inner sum goes over B C H W.
        """
        losses = []
        places = zip(self.connectors, self.params.student_places, self.params.teacher_places, strict=True)
        for connector, mine, other in places:
            is_active = teacher[Place(other)].detach() > 0
            losses.append(_measure(connector(student[Place(mine)]), is_active, self.params.margin))
        return torch.stack([loss / 2**depth for depth, loss in enumerate(reversed(losses))]).sum()


def _measure(neurons: Tensor, is_active: Tensor, margin: float) -> Tensor:
    """Return the squared distances [B C H W] to the margin on the right side, summed, over B."""
    distance = torch.where(is_active, margin - neurons, margin + neurons).relu()
    return distance.square().sum() / len(neurons)
