"""Small models, data sets and a method of every shape of batch, and whole runs of them.

They are known to the registries only inside of `registered`: everything else of the tests sees what is installed.

Shapes: B batch, C channels, H height, W width, D width, K classes, L tokens.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.vision_transformer import VisionTransformer
from torchvision.ops import MultiScaleRoIAlign

from distill_core.dataset import Dataset, Facts, Samples
from distill_core.datasets import DATASETS
from distill_core.methods import METHODS
from distill_core.model import Model
from distill_core.models import MODELS
from distill_core.spec.config import Config
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch, Inputs
from distill_core.term import Needs, Places, Setting, Term

NUM_SAMPLES: Mapping[str, int] = {"train": 12, "test": 8}
LENGTH, VOCABULARY = 6, 20
PLAIN: Mapping[str, Any] = {"splits": NUM_SAMPLES, "mean": None, "std": None}
COLOURED: Mapping[str, Any] = {"splits": NUM_SAMPLES, "mean": (0.5,) * 3, "std": (0.3,) * 3}


class Said(NamedTuple):
    """What the reader returns."""

    logits: Tensor
    hidden_states: tuple[Tensor, ...]


class Toy(Model):
    """A model that remembers that it was built, so that a test can look at the models of a run."""

    built: ClassVar[list[Model]] = []

    def __init__(self, params: Config) -> None:
        super().__init__(params)
        self.built.append(self)


class WidthParams(Config):
    """Options of a toy model."""

    num_classes: int = Field(ge=1, description="Classes.")
    width: int = Field(default=8, description="Channels or features.")


class Readers(Toy):
    """A transformer that is called with named tokens and answers as models of Hugging Face do."""

    Params = WidthParams
    feature_points: ClassVar = {"stage1": "layers.0", "stage2": "layers.1", "logits": "head"}

    def __init__(self, params: WidthParams) -> None:
        super().__init__(params)
        self.embedding = nn.Embedding(VOCABULARY, params.width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(params.width, 2, 2 * params.width, batch_first=True) for _ in range(2)
        )
        self.head = nn.Linear(params.width, params.num_classes)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Said:
        """Return logits [B K] and three hidden states [B L D] of tokens [B L], whose mask [B L] is 0 for no token."""
        hidden = [self.embedding(input_ids)]
        for layer in self.layers:
            hidden.append(layer(hidden[-1], src_key_padding_mask=attention_mask == 0))
        return Said(self.head(hidden[-1][:, 0]), tuple(hidden))


class Detector(Toy):
    """Faster R-CNN of a few thousand weights; in training mode it returns its own losses."""

    Params = WidthParams
    feature_points: ClassVar = {"stage1": "network.backbone.body", "maps": "network.backbone"}

    def __init__(self, params: WidthParams) -> None:
        super().__init__(params)
        self.network = FasterRCNN(
            Backbone(params.width),
            min_size=32,
            max_size=64,
            rpn_anchor_generator=AnchorGenerator(((8, 16),), ((1.0,),)),
            rpn_pre_nms_top_n_train=40,
            rpn_post_nms_top_n_train=20,
            rpn_post_nms_top_n_test=10,
            box_roi_pool=MultiScaleRoIAlign(["0"], output_size=2, sampling_ratio=1),
            box_head=TwoMLPHead(4 * params.width, 16),
            box_predictor=FastRCNNPredictor(16, params.num_classes + 1),
        )

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None) -> Any:
        """Return losses by name in training mode, else a dictionary of boxes an image [C H W]."""
        return self.network(images, targets)


class Backbone(nn.Module):
    """Maps [B D H/4 W/4] in a dictionary, as detectors have them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out_channels = width
        self.body = nn.Sequential(
            nn.Conv2d(3, width, 3, 2, 1), nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3, 2, 1)
        )

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """Return the only map."""
        return OrderedDict({"0": self.body(images)})


class SeeingParams(WidthParams):
    """Options of a toy model of images of one size."""

    in_channels: int = Field(ge=1, description="Channels.")
    image_size: int = Field(ge=4, description="Side.")


class Seer(Toy):
    """Two convolutions, of which one knows the batch's statistics."""

    Params = SeeingParams
    feature_points: ClassVar = {"stage1": "body.2", "logits": "head"}

    def __init__(self, params: SeeingParams) -> None:
        super().__init__(params)
        width = params.width
        self.body = nn.Sequential(
            nn.Conv2d(params.in_channels, width, 3, 2, 1), nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3)
        )
        self.head = nn.Linear(width, params.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [B K] of images [B C H W]."""
        logits: Tensor = self.head(self.body(x).mean((2, 3)))
        return logits


class Gossip(Seer):
    """A model whose answer to an image depends on the images beside it, in eval mode too."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [B K] of images [B C H W]."""
        features = self.body(x).mean((2, 3))
        logits: Tensor = self.head(features - features.mean(0))
        return logits


class ViT(Toy):
    """Torchvision's vision transformer with two layers."""

    Params = SeeingParams
    feature_points: ClassVar = {
        "stage1": "network.encoder.layers.encoder_layer_0",
        "stage2": "network.encoder.layers.encoder_layer_1",
        "logits": "network.heads.head",
    }

    def __init__(self, params: SeeingParams) -> None:
        super().__init__(params)
        self.network = VisionTransformer(
            params.image_size, 4, 2, 2, params.width, 2 * params.width, num_classes=params.num_classes
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [B K] of images [B 3 H W]."""
        logits: Tensor = self.network(x)
        return logits


class LabelParams(Config):
    """Options of a toy data set."""

    unlabelled: bool = Field(default=False, description="Whether the labels are kept back.")


def draw(split: str) -> torch.Generator:
    """Return random numbers of a split's own."""
    return torch.Generator().manual_seed(len(split))


class Toys(Dataset):
    """A toy data set, made in memory."""

    Params = LabelParams

    def __init__(self, params: LabelParams) -> None:
        super().__init__(params)
        self.is_labelled = not params.unlabelled


class Words(Toys):
    """Sentences of 1 to L tokens, whose class is that of their first one."""

    facts: ClassVar = Facts(num_classes=3, image_shape=None, **PLAIN)

    def read(self, split: str, root: Path, scratch: Path | None = None) -> Samples:
        """Return tokens and their mask [N L]."""
        count, generator = NUM_SAMPLES[split], draw(split)
        tokens = torch.randint(VOCABULARY, (count, LENGTH), generator=generator)
        lengths = torch.randint(1, LENGTH + 1, (count, 1), generator=generator)
        mask = (torch.arange(LENGTH) < lengths).long()
        inputs = {"input_ids": tokens * mask, "attention_mask": mask}
        return Samples(inputs, tokens[:, 0] % 3 if self.is_labelled else None)


class Murmurs(Words):
    """The same without any classes."""

    facts: ClassVar = Facts(num_classes=None, image_shape=None, **PLAIN)

    def read(self, split: str, root: Path, scratch: Path | None = None) -> Samples:
        """Return tokens and their mask [N L]."""
        return Samples(super().read(split, root).inputs, None)


class Colours(Toys):
    """Images of one size, whose class is their brightest channel."""

    facts: ClassVar = Facts(num_classes=3, image_shape=(3, 8, 8), **COLOURED)

    def read(self, split: str, root: Path, scratch: Path | None = None) -> Samples:
        """Return images [N 3 8 8]."""
        images = torch.randint(256, (NUM_SAMPLES[split], 3, 8, 8), generator=draw(split), dtype=torch.uint8)
        labels = images.float().mean((2, 3)).argmax(1)
        return Samples(images, labels if self.is_labelled else None)


class Scenes(Toys):
    """Images of unequal sizes with boxes of two kinds."""

    facts: ClassVar = Facts(num_classes=2, image_shape=(3, None, None), **COLOURED)
    has_one_size: ClassVar = False

    def read(self, split: str, root: Path, scratch: Path | None = None) -> Samples:
        """Return N images [3 H W] and their boxes."""
        generator = draw(split)
        images, targets = [], []
        for number in range(NUM_SAMPLES[split]):
            height, width = self.size(number)
            images.append(torch.randint(256, (3, height, width), generator=generator, dtype=torch.uint8))
            boxes = torch.tensor([[2.0, 3.0, 14.0, 16.0], [8.0, 8.0, 22.0, 20.0]])
            targets.append({"boxes": boxes, "labels": torch.tensor([1, 2])})
        pixels: Inputs = torch.stack(images) if self.has_one_size else images
        return Samples(pixels, targets if self.is_labelled else None)

    def size(self, number: int) -> tuple[int, int]:
        """Return height and width of an image."""
        return 32 - number % 3 * 4, 24 + number % 4 * 4


class Squares(Scenes):
    """The same with images of one size, which come in one tensor."""

    facts: ClassVar = Facts(num_classes=2, image_shape=(3, 32, 32), **COLOURED)
    has_one_size: ClassVar = True

    def size(self, number: int) -> tuple[int, int]:
        """Return height and width of an image."""
        return 32, 32


class NoParams(Config):
    """No options."""


class OwnLosses(Term[NoParams]):
    """The losses that a detector returns in training mode."""

    Params = NoParams
    needs = Needs()
    names: ClassVar = ("loss_classifier", "loss_box_reg", "loss_objectness", "loss_rpn_box_reg")

    @classmethod
    def places(cls, params: NoParams) -> Places:
        """Return what the model itself returns."""
        return Places(student=tuple(Place("", key=name) for name in cls.names))

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> dict[str, Tensor]:
        """Return each loss by its name."""
        return {name: student[Place("", key=name)] for name in self.names}


class Rotations(Term[NoParams]):
    """How an image was turned is told from its logits by a linear layer."""

    Params = NoParams
    needs = Needs()
    prepared = ("turned",)
    place: ClassVar = Place("logits", view="turned")

    @classmethod
    def places(cls, params: NoParams) -> Places:
        """Return the logits of the turned images."""
        return Places(student=(cls.place,))

    def build(self, setting: Setting) -> None:
        """Make the layer."""
        self.head = nn.Linear(setting.student[self.place][1], 3)

    def prepare(self, batch: Batch) -> dict[str, Inputs]:
        """Return every image [B C H W] turned by 90, 180 and 270 degrees, [3B C H W]."""
        (images,) = batch.inputs.values()
        assert isinstance(images, Tensor)
        return {"turned": torch.cat([images.rot90(turns, (2, 3)) for turns in (1, 2, 3)])}

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return the cross-entropy of the angles."""
        angles = torch.arange(3).repeat_interleave(len(batch))
        return functional.cross_entropy(self.head(student[self.place]), angles)


TOYS: Mapping[Any, Mapping[str, type]] = {
    MODELS: {"toy_reader": Readers, "toy_detector": Detector, "toy_seer": Seer, "toy_gossip": Gossip, "toy_vit": ViT},
    DATASETS: {"words": Words, "murmurs": Murmurs, "colours": Colours, "scenes": Scenes, "squares": Squares},
    METHODS: {"own_losses": OwnLosses, "rotations": Rotations},
}


@contextmanager
def registered() -> Iterator[None]:
    """Make the toys known for a while."""
    with pytest.MonkeyPatch.context() as patch:
        for registry, components in TOYS.items():
            assert not set(registry) & set(components)
            for key, component in components.items():
                patch.setitem(registry._components, key, component)
        yield
