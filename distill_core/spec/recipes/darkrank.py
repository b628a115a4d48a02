"""DarkRank: the student ranks the neighbours of a sample as the teacher does.

Yuntao Chen, Naiyan Wang, Zhaoxiang Zhang: "DarkRank: Accelerating Deep Metric Learning via Cross Sample Similarities
Transfer", AAAI 2018 (arXiv 1707.01220).

Settings: scale 3, power 3 and four ranked neighbours as in the code of RKD's authors, embeddings of length 1 as is
usual where metrics are learned. The paper finds people again in other pictures and has no figures for classification:
weight 1 beside the labels under the CIFAR-100 protocol (see the package) is ours. Ruffy and Chahal 2019 (arXiv
1912.10850) take scale 2.

    | stage  | learns  | objective       |
    | distil | student | ce + darkrank   |
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.place import Path, auto_place
from distill_core.spec.recipes import RECIPES, Recipe, Stages, Temperature, Weight


@RECIPES.register("darkrank")
class DarkRank(Recipe):
    """Ranking of each sample's neighbours beside the labels, in one stage."""

    student_place: Path = auto_place("student", "pooled", "The student's representation.")
    teacher_place: Path = auto_place("teacher", "pooled", "The teacher's representation.")
    scale: float = Field(default=3.0, gt=0, le=1000, description="Factor of the scores, alpha in the paper.")
    power: float = Field(
        default=3.0, ge=1, le=10, description="Power of the distances in the scores, the paper's beta."
    )
    num_ranked: int = Field(default=4, ge=1, le=1024, description="Neighbours of a sample that are ranked.")
    normalise: bool = Field(default=True, description="Bring the representations of both to length 1 first.")
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    kd_weight: Weight = Field(default=0.0, description="Weight of the teacher's soft targets; 0 leaves them out.")
    darkrank_weight: Weight = Field(default=1.0, description="Weight of the ranking.")
    temperature: Temperature = Field(default=4.0, description="Divides the logits of both before the softmax.")

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "kd": {"method": "kd", "weight": self.kd_weight, "params": {"temperature": self.temperature}},
                    "darkrank": {
                        "method": "darkrank",
                        "weight": self.darkrank_weight,
                        "params": {
                            "student_place": self.student_place,
                            "teacher_place": self.teacher_place,
                            "scale": self.scale,
                            "power": self.power,
                            "num_ranked": self.num_ranked,
                            "normalise": self.normalise,
                        },
                    },
                },
            },
        )
