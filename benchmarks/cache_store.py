"""What the teacher-output cache costs beside a bare NumPy memory map of the same rows.

    python benchmarks/cache_store.py --rows 50000 --repeats 2000

Each figure is the median over batches of random rows. The cache and the bare map are measured in turn, batch by
batch, on the same rows; `ratio` is the median of the pairs' ratios. The bare map holds whole rows in the column's
number format, also beside top-k: there the two sides differ in work and in bytes. `write` fills rows for the first
time and meets the pages' first faults on both sides. `bytes_ratio` is what the folder takes, complete, over the raw
bytes of the rows.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor

from distill_core.cache import Column, OutputCache, list_entries, open_cache

_NAME = "logits"


def take_time(call: Callable[[], object]) -> float:
    """Return the microseconds of a call."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e6


def compare(pairs: Iterator[tuple[Callable[[], object], Callable[[], object]]]) -> dict[str, float]:
    """Return medians of (cache, bare) calls, alternating which comes first."""
    taken: list[tuple[float, float]] = []
    for number, (cache, bare) in enumerate(pairs):
        if number % 2:
            second = take_time(bare)
            taken.append((take_time(cache), second))
        else:
            first = take_time(cache)
            taken.append((first, take_time(bare)))
    return {
        "cache_us": round(median(pair[0] for pair in taken), 1),
        "bare_us": round(median(pair[1] for pair in taken), 1),
        "ratio": round(median(pair[0] / pair[1] for pair in taken), 2),
    }


def measure(folder: Path, column: Column, rows: int, batch: int, repeats: int) -> dict[str, object]:
    """Fill and read one column, and return its figures."""
    values = torch.randn(rows, *column.shape)
    store = np.dtype("float16" if column.format == "fp16" else "float32")
    bare = np.memmap(folder / "bare.bin", dtype=store, mode="w+", shape=(rows, *column.shape))
    cache = open_cache(folder / "cache", {"benchmark": repr(column)}, rows, 1, [column], 2**40, "benchmark")
    order = torch.randperm(rows)
    batches = order[: rows // batch * batch].split(batch)

    def write_bare(index: Tensor) -> None:
        bare[index.numpy()] = values[index].numpy()

    def read_bare(index: Tensor) -> None:
        bare[index.numpy()].astype(np.float32, copy=False)

    def write_cache(index: Tensor) -> None:
        cache.write(0, index, {_NAME: values[index]})

    def writes() -> Iterator[tuple[Callable[[], object], Callable[[], object]]]:
        for index in batches:
            yield partial(write_cache, index), partial(write_bare, index)

    def reads() -> Iterator[tuple[Callable[[], object], Callable[[], object]]]:
        for number in range(repeats):
            index = batches[number % len(batches)]
            yield partial(cache.read, 0, index), partial(read_bare, index)

    figures: dict[str, object] = {"batch": batch, "row_bytes": sum(part.row_bytes for part in column.parts)}
    figures["write"] = compare(writes())
    figures["read_while_building"] = compare(reads())
    finish(cache, values)
    figures["flush_ms"] = round(take_time(cache.flush) / 1000, 1)
    figures["seal_ms"] = round(take_time(cache.seal) / 1000, 1)
    figures["read"] = compare(reads())
    figures["verify_ms"] = round(take_time(cache.verify) / 1000, 1)
    cache.close()
    arguments = (folder / "cache", {"benchmark": repr(column)}, rows, 1, [column], 2**40, "benchmark")
    figures["open_ms"] = round(median(take_time(lambda: open_cache(*arguments).close()) for _ in range(9)) / 1000, 2)
    (entry,) = [found for found in list_entries(folder / "cache") if found.key == cache.key]
    raw = rows * sum(part.row_bytes for part in column.parts)
    return figures | {"bytes_ratio": round(entry.size_bytes / raw, 4)}


def finish(cache: OutputCache, values: Tensor) -> None:
    """Write the rows that were no full batch."""
    rest = cache.missing(0)
    cache.write(0, rest, {_NAME: values[rest]})


def measure_row_checksums(shape: tuple[int, ...], batch: int) -> float:
    """Return what a checksum of each row read would add, in microseconds a batch."""
    rows = np.zeros((batch, *shape), dtype=np.float32)
    return round(median(take_time(lambda: [zlib.crc32(row) for row in rows]) for _ in range(200)), 1)


def main() -> None:
    """Measure some columns and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=2_000)
    options = parser.parse_args()
    cases = {
        "100 logits, fp32": (Column(_NAME, (100,)), options.rows, 128),
        "100 logits, fp16": (Column(_NAME, (100,), "fp16"), options.rows, 128),
        "1000 logits, top 20, fp16": (Column(_NAME, (1000,), "fp16", top_k=20), options.rows, 128),
        "64x8x8 map, fp32": (Column(_NAME, (64, 8, 8)), options.rows // 10, 128),
        "64x8x8 map, fp16": (Column(_NAME, (64, 8, 8), "fp16"), options.rows // 10, 128),
    }
    results: dict[str, object] = {"threads": torch.get_num_threads(), "rows": options.rows}
    for name, (column, rows, batch) in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            results[name] = measure(Path(folder), column, rows, batch, options.repeats)
    results["row_checksums_us"] = measure_row_checksums((100,), 128)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
