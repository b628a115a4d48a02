"""Models of every shape of inputs, small enough to be traced in a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from distill_core.model import Model
from distill_core.models import MODELS
from distill_core.tensors import Inputs

OPTIONS = {"num_classes": 10, "in_channels": 1, "image_size": 8}


def make_classifier(key: str = "light_nn") -> Model:
    """Return an image classifier of the registry with weights that are always the same."""
    torch.manual_seed(0)
    return MODELS.create(key, OPTIONS).eval()


def make_images(count: int = 5) -> Tensor:
    """Return images [B 1 8 8]."""
    return torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(1))


class Reader(nn.Module):
    """A transformer that takes named tensors and gives a dictionary, as Hugging Face's do."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(50, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(16, 3)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """Return the logits [B 3] and states [B L 16] of tokens [B L]."""
        states = self.encoder(self.embedding(input_ids), src_key_padding_mask=attention_mask == 0)
        return {"logits": self.head(states[:, 0]), "hidden": states}


def make_tokens(count: int = 4) -> dict[str, Tensor]:
    """Return tokens [B 7], the last ones masked."""
    ids = torch.randint(0, 50, (count, 7), generator=torch.Generator().manual_seed(1))
    mask = torch.ones(count, 7, dtype=torch.int64)
    mask[:, 5:] = 0
    return {"input_ids": ids, "attention_mask": mask}


class Sizer(nn.Module):
    """A model of a list of images of any sizes, as detectors are."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 2)

    def forward(self, images: Sequence[Tensor]) -> Tensor:
        """Return a row [B 2] for each image [3 H W]."""
        logits: Tensor = self.head(torch.stack([image.mean((1, 2)) for image in images]))
        return logits


def make_list(count: int = 3) -> list[Tensor]:
    """Return images [3 H W] of growing width."""
    return [torch.ones(3, 8, 8 + number) for number in range(count)]


def list_tensors(inputs: Inputs) -> list[Tensor]:
    """Return the tensors of inputs of any shape."""
    if isinstance(inputs, Tensor):
        return [inputs]
    return list(inputs.values() if isinstance(inputs, Mapping) else inputs)
