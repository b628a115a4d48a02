"""How many images a second a stream gives: all samples on the device, read in this process, and read by workers.

    OMP_NUM_THREADS=1 python benchmarks/loading.py --images 512 --workers 0 1 2

A folder of JPEG photos is made, and every placement reads it through the ImageNet view (random part at 224x224, flip,
normalisation). The placements take turns, epoch by epoch, so that a busy machine slows all of them; what counts are the
ratios to reading in this process within a turn. With `--busy-ms` the reader works between batches, as a training step
does on a GPU that the host need not wait for: what is left of the ideal rate shows how much loading is hidden.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image

from distill_core.draw import draw_order
from distill_core.spec.data import StreamSpec
from distill_core.stream import Stream, open_stream

VIEW = (
    {"transform": "random_resized_crop", "size": 224},
    {"transform": "horizontal_flip"},
    {"transform": "normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
)


def make_photos(root: Path, count: int, height: int, width: int) -> int:
    """Write JPEG files that compress as photos do, and return their mean size in bytes."""
    generator = np.random.default_rng(0)
    folder = root / "photos/train/all"
    folder.mkdir(parents=True)
    for number in range(count):
        coarse = Image.fromarray(generator.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float32)
        grain = generator.normal(0, 6, smooth.shape)
        Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(folder / f"{number:06}.jpg", quality=90)
    return sum(path.stat().st_size for path in folder.iterdir()) // count


def open_placements(root: Path, device: torch.device, workers: list[int]) -> dict[str, Stream]:
    """Return the same stream, once on the device and once for each number of workers."""
    params = {"folder": "photos", "num_classes": 1}
    document = {"dataset": "image_folder", "params": params, "views": {"main": {"transforms": VIEW}}}
    spec = StreamSpec.model_validate(document)
    streams = {"device": open_stream(spec, root, device, placement="device")}
    for number in workers:
        streams[f"workers {number}"] = open_stream(spec, root, device, placement="workers", loader_workers=number)
    return streams


def measure(stream: Stream, epoch: int, batch_size: int, busy_ms: float) -> float:
    """Return images a second over one epoch."""
    rows = draw_order(epoch, len(stream), stream.device).split(batch_size)
    start = time.perf_counter()
    for batch in stream.batches(rows, epoch, ("main",)):
        until = time.perf_counter() + busy_ms / 1000
        time.sleep(max(0.0, until - time.perf_counter()))
        images = batch.inputs["main"]
    if stream.device.type == "cuda":
        torch.cuda.synchronize()
    assert isinstance(images, torch.Tensor)  # noqa: S101  a benchmark of wrong answers is worth nothing
    assert images.shape[1:] == (3, 224, 224)  # noqa: S101
    return len(stream) / (time.perf_counter() - start)


def main() -> None:
    """Make photos, measure, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--height", type=int, default=375)
    parser.add_argument("--width", type=int, default=500)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--busy-ms", type=float, default=0.0)
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as home:
        mean_bytes = make_photos(Path(home), options.images, options.height, options.width)
        start = time.perf_counter()
        streams = open_placements(Path(home), device, options.workers)
        opened_s = time.perf_counter() - start
        for stream in streams.values():
            measure(stream, 0, options.batch_size, 0.0)  # workers start, files come into the system's cache
        for turn in range(1, options.turns + 1):
            for name, stream in streams.items():
                rates.setdefault(name, []).append(measure(stream, turn, options.batch_size, options.busy_ms))
        for stream in streams.values():
            stream.close()
    base = rates[f"workers {options.workers[0]}"]
    report = {
        "device": device.type,
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "options": vars(options),
        "mean_file_bytes": mean_bytes,
        "opened_s": round(opened_s, 2),
        "images_a_second": {name: round(median(taken), 1) for name, taken in rates.items()},
        "ratio_to_first_workers": {
            name: round(median(mine / his for mine, his in zip(taken, base, strict=True)), 2)
            for name, taken in rates.items()
        },
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
