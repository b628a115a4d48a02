"""The auto-encoder of maps whose code stands for the teacher's map in factor transfer and knowledge adaptation.

Jangho Kim, SeongUk Park, Nojun Kwak: "Paraphrasing Complex Network: Network Compression via Factor Transfer",
NeurIPS 2018 (arXiv 1802.04977).

Shapes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

__all__ = ["Paraphraser", "stack_convolutions"]


class Paraphraser(nn.Module):
    """Auto-encoder of maps; its code is the teacher's factor.

    Args:
        channels: of the map.
        num_factors: channels of the code.
        batch_norm: whether BatchNorm follows each convolution.
    """

    def __init__(self, channels: int, num_factors: int, *, batch_norm: bool) -> None:
        super().__init__()
        self.channels = channels
        self.num_factors = num_factors
        widths = (channels, channels, num_factors, num_factors)
        self.encoder = stack_convolutions(nn.Conv2d, widths, batch_norm=batch_norm)
        self.decoder = stack_convolutions(nn.ConvTranspose2d, widths[::-1], batch_norm=batch_norm)

    def forward(self, x: Tensor) -> Tensor:
        """Return the map [B C H W] as it comes out of its code."""
        reconstruction: Tensor = self.decoder(self.encoder(x))
        return reconstruction


def stack_convolutions(
    convolution: type[nn.Conv2d | nn.ConvTranspose2d], widths: tuple[int, ...], *, batch_norm: bool
) -> nn.Sequential:
    """Return 3x3 convolutions from width to width, each with a LeakyReLU behind it."""
    stack = nn.Sequential()
    for before, after in pairwise(widths):
        norm = [nn.BatchNorm2d(after)] if batch_norm else []
        stack.extend([convolution(before, after, 3, stride=1, padding=1), *norm, nn.LeakyReLU(0.1)])
    return stack
