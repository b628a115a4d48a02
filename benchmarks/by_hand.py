"""Training loops as one writes them by hand for a single experiment: nothing in them can be left out.

They are the measure of what the engine may cost. Data lies in memory as bytes and is rendered batch by batch, the
teacher comes before the student, the optimizer is torch's fused SGD, and losses are read every ten steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Samples", "alone", "distil", "hint", "read_cifar", "read_digits", "write_cifar"]

LOG_INTERVAL = 10
NUM_STEPS = 1_000_000  # of the cosine; no loop here is run to its end
PADDING = 4


@dataclass(frozen=True, slots=True)
class Samples:
    """Data in memory.

    Attributes:
        pixels: [N C H W] uint8.
        labels: [N] int64.
        mean: of each channel [C 1 1], of pixels in [0, 1].
        std: of each channel [C 1 1].
        is_random: whether images are cropped and mirrored at random.
    """

    pixels: Tensor
    labels: Tensor
    mean: Tensor
    std: Tensor
    is_random: bool = False

    def batches(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images [B C H W] and labels [B], epoch after epoch; short batches are left out."""
        padded = functional.pad(self.pixels, [PADDING] * 4) if self.is_random else self.pixels
        while True:
            order = torch.randperm(len(self.labels), device=self.labels.device)
            for rows in order.split(batch_size)[: len(order) // batch_size]:
                pixels = self._augment(padded, rows) if self.is_random else padded[rows]
                yield pixels.float().div_(255).sub_(self.mean).div_(self.std), self.labels[rows]

    def _augment(self, padded: Tensor, rows: Tensor) -> Tensor:
        count, (channels, height, width) = len(rows), self.pixels.shape[1:]
        top, left = torch.randint(2 * PADDING + 1, (2, count, 1), device=rows.device)
        down, across = (torch.arange(side, device=rows.device) for side in (height, width))
        planes = torch.arange(channels, device=rows.device)[None, :, None, None]
        cut = padded[
            rows[:, None, None, None], planes, (top + down)[:, None, :, None], (left + across)[:, None, None, :]
        ]
        is_flipped = torch.rand(count, device=rows.device) < 0.5
        return torch.where(is_flipped[:, None, None, None], cut.flip(-1), cut)


def distil(teacher: nn.Module, student: nn.Module, samples: Samples, batch_size: int) -> Callable[[], None]:
    """Return a function that takes one step of knowledge distillation."""
    teacher.eval()
    return _step_through(_distil(teacher, student.train(), samples, batch_size))


def alone(student: nn.Module, samples: Samples, batch_size: int) -> Callable[[], None]:
    """Return a function that takes one step of cross-entropy."""
    return _step_through(_alone(student.train(), samples, batch_size))


def hint(
    teacher: nn.Module,
    student: nn.Module,
    regressor: nn.Module,
    samples: Samples,
    batch_size: int,
    size: int,
) -> Callable[[], None]:
    """Return a function that takes one step of hint training, of models that were cut by hand; images are resized."""
    teacher.eval()
    return _step_through(_hint(teacher, nn.Sequential(student, regressor).train(), samples, batch_size, size))


def _distil(teacher: nn.Module, student: nn.Module, samples: Samples, batch_size: int) -> Iterator[Tensor]:
    optimizer, schedule = _make_optimizer(student)
    for images, labels in samples.batches(batch_size):
        with torch.no_grad():
            taught = teacher(images)
        said = student(images)
        ce = functional.cross_entropy(said, labels)
        said, taught = functional.log_softmax(said / 4, 1), functional.log_softmax(taught / 4, 1)
        kd = functional.kl_div(said, taught, reduction="batchmean", log_target=True) * 16
        loss = 0.1 * ce + 0.9 * kd
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        yield torch.stack([ce, kd, loss]).detach()


def _alone(student: nn.Module, samples: Samples, batch_size: int) -> Iterator[Tensor]:
    optimizer, schedule = _make_optimizer(student)
    for images, labels in samples.batches(batch_size):
        loss = functional.cross_entropy(student(images), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        yield loss.detach()


def _hint(teacher: nn.Module, student: nn.Module, samples: Samples, batch_size: int, size: int) -> Iterator[Tensor]:
    optimizer, schedule = _make_optimizer(student)
    for small, _ in samples.batches(batch_size):
        images = functional.interpolate(small, (size, size), mode="bilinear", antialias=True)
        with torch.no_grad():
            taught = teacher(images)
        loss = functional.mse_loss(student(images), taught)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        yield loss.detach()


def _make_optimizer(model: nn.Module) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=True)
    return optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, NUM_STEPS)


def _step_through(steps: Iterator[Tensor]) -> Callable[[], None]:
    """Return a function that takes a step, and every ten steps reads the mean losses."""
    pending: list[Tensor] = []

    def step() -> None:
        torch.use_deterministic_algorithms(mode=False)
        pending.append(next(steps))
        if len(pending) == LOG_INTERVAL:
            torch.stack(pending).mean(0).tolist()
            pending.clear()

    return step


def write_cifar(root: Path) -> None:
    """Write random pixels and labels in the form of CIFAR-10's training files."""
    folder = root / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for number in range(1, 6):
        records = generator.integers(0, 256, (10_000, 3073), dtype=np.uint8)
        records[:, 0] %= 10
        records.tofile(folder / f"data_batch_{number}.bin")


def read_cifar(root: Path, count: int, device: str = "cpu", *, is_random: bool = False) -> Samples:
    """Read the first samples of the training files."""
    paths = sorted((root / "cifar-10-batches-bin").glob("data_batch_*.bin"))
    records = np.concatenate([np.fromfile(path, np.uint8).reshape(-1, 3073) for path in paths])[:count]
    mean, std = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
    pixels = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy())
    return _place(pixels, torch.from_numpy(records[:, 0].astype(np.int64)), mean, std, device, is_random=is_random)


def read_digits(*, is_random: bool = False) -> Samples:
    """Read the digits of 8x8 pixels."""
    digits = load_digits()
    pixels = torch.from_numpy(digits.images * 255 / 16).to(torch.uint8).unsqueeze(1)
    labels = torch.from_numpy(digits.target)
    return _place(pixels, labels, (0.3050,), (0.3758,), "cpu", is_random=is_random)


def _place(
    pixels: Tensor, labels: Tensor, mean: tuple[float, ...], std: tuple[float, ...], device: str, *, is_random: bool
) -> Samples:
    shift, scale = (torch.tensor(values, device=device).reshape(-1, 1, 1) for values in (mean, std))
    return Samples(pixels.to(device), labels.to(device), shift, scale, is_random)
