"""Which teacher outputs of a stage are kept, and why."""

from __future__ import annotations

import hashlib
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed
from torch import Tensor, nn

from distill_core.cache import Column, OutputCache, attach, is_complete, open_cache
from distill_core.distributed import broadcast_document
from distill_core.engine.context import Context
from distill_core.engine.device import Machine, list_versions
from distill_core.engine.plan import Stage
from distill_core.engine.store import Store
from distill_core.engine.teachers import Teacher, Teachers
from distill_core.errors import CacheError
from distill_core.source import Source
from distill_core.spec.data import ViewSpec
from distill_core.tensors import Batch

__all__ = ["Cache", "open_stores", "tell_cache"]

logger = logging.getLogger(__name__)

BUSY = "another job is building it at this moment"

NUM_CHECKED = 4
"""Samples that a complete entry is asked about before it is believed."""

PATIENCE_S = 30.0
"""How long an interrupted run waits for its own former process to let go of an entry."""

TOLERANCE = 1e-3
"""Difference, relative to the largest output, that batches of other sizes and rounding may make."""


@dataclass(frozen=True, slots=True)
class Cache:
    """Where teacher outputs may be kept.

    Attributes:
        root: folder that the jobs of a host share; None keeps nothing.
        max_bytes: size that all entries together may have.
        token: name of the run among those that use an entry.
    """

    root: Path | None = None
    max_bytes: int = 50 * 2**30
    token: str = "run"  # noqa: S105  a name, no secret


class _Refusal(Exception):  # noqa: N818  no error: the outputs are not kept, for the reason it holds
    """Why the outputs of a source are not kept."""


def open_stores(
    stage: Stage,
    teachers: Teachers,
    machine: Machine,
    cache: Cache,
    context: Context,
    saved: Mapping[str, Any] | None,
) -> None:
    """Decide for every teacher and view of a stage whether outputs are kept, and say so.

    The decision holds for the whole stage: a resumed stage takes up the one that its checkpoint holds. Where the entry
    that the run itself has filled was lost since, or another run has made it anew, an entry of its own is filled again.

    Raises:
        CacheError: the stage wants a cache (`mode: on`) and cannot have it.
    """
    for teacher in teachers.teachers:
        for source in teacher.sources:
            name = teacher.name_outputs(source, stage.spec.train)
            before = None if saved is None else saved.get(name)
            if saved is not None and before is None:
                continue  # it began without
            try:
                store, reason = _open(stage, teacher, source, machine, cache, before)
            except _Refusal as refusal:
                if stage.spec.cache.mode == "on":
                    raise CacheError(f"the outputs of {name} cannot be kept: {refusal}") from refusal
                tell_cache(context, stage, name, "off", str(refusal))
                continue
            teacher.stores[source] = store
            tell_cache(context, stage, name, store.cache.mode, reason)


def tell_cache(context: Context, stage: Stage, name: str, mode: str, reason: str) -> None:
    """Say what becomes of a teacher's outputs: off, write, read, or ready once others may read them."""
    logger.info("stage %s: cache of %s: %s: %s", stage.spec.name, name, mode, reason)
    context.report("cache", stage=stage.spec.name, outputs=name, mode=mode, reason=reason)


def _open(
    stage: Stage, teacher: Teacher, source: Source, machine: Machine, cache: Cache, before: Mapping[str, Any] | None
) -> tuple[Store, str]:
    view = _find_view(stage, source, machine, cache)
    batch = _sample(stage, source, NUM_CHECKED)
    if isinstance(source.inputs_of(batch), Sequence):
        raise _Refusal("the images have unequal sizes, so what a teacher says to one depends on those beside it")
    said = teacher.run(batch, [source])[source]
    columns = {place: _describe(str(place), tensor, stage) for place, tensor in said.items()}
    num_variants = view.variants if view.is_random and view.variants else 1
    shared = _identify(stage, teacher, source, machine)

    def check_worth() -> None:
        if before is None and stage.spec.epochs <= num_variants and stage.spec.cache.mode == "auto":
            epochs = stage.spec.epochs
            raise _Refusal(f"nothing would be read again: {epochs} epochs of {num_variants} variants")
        _check_independence(stage, teacher, source)

    def open_one(identity: Mapping[str, Any]) -> tuple[Store, str]:
        opened = _open_entry(stage, machine, cache, identity, num_variants, list(columns.values()), check_worth)
        lossy = stage.spec.cache.format != "exact" or stage.spec.cache.top_k is not None
        names = {place: column.name for place, column in columns.items()}
        is_own = opened.builder == cache.token
        store = Store(opened, names, stage.train.index.cpu(), stage.device, is_lossy=lossy, is_own=is_own)
        try:
            return store, _choose(stage, teacher, source, store, before, cache)
        except BaseException:
            store.close()
            raise

    if before is None or not before["is_own"]:
        return open_one(shared)
    try:
        return open_one(shared)
    except _Refusal as refusal:
        # Rows of other batches differ in their last bits, so the run fills an entry that nobody else looks for.
        store, _ = open_one({**shared, "run": cache.token})
        return store, f"filled again for this run alone: {refusal}"


def _find_view(stage: Stage, source: Source, machine: Machine, cache: Cache) -> ViewSpec:
    """Return the view of a source, if what a teacher says to it can be kept at all."""
    if stage.spec.cache.mode == "off":
        raise _Refusal("the spec says so")
    if cache.root is None:
        raise _Refusal("no folder is set for it (--cache-root)")
    if machine.runtime.nodes > 1:
        raise _Refusal("the hosts of the run share no folder")
    if source.stream is not None:
        raise _Refusal("it is a further stream, whose samples do not come once an epoch")
    if ":" in source.view:
        raise _Refusal("the view is derived at every step")
    if stage.spec.mix is not None and not stage.spec.mix.cached_labels:
        raise _Refusal("mixup and cutmix show new images at every step; mix.cached_labels mixes stored outputs instead")
    view = stage.train.spec.views[source.view]
    if view.is_random and view.variants is None:
        raise _Refusal(f"the view {source.view!r} is drawn anew in every epoch; `variants` makes it repeat")
    return view


def _describe(name: str, value: Any, stage: Stage) -> Column:
    """Return the column of a place; its outputs must have a row a sample."""
    if not isinstance(value, Tensor) or value.dim() < 1 or len(value) != min(NUM_CHECKED, len(stage.train)):
        raise _Refusal(f"{name!r} does not give one row a sample")
    if not value.is_floating_point():
        raise _Refusal(f"{name!r} gives {value.dtype}, and only floating point is kept")
    formats = {torch.float64: "fp64", torch.float32: "fp32"}
    chosen = stage.spec.cache.format
    top_k = stage.spec.cache.top_k if value.dim() == 2 and (stage.spec.cache.top_k or 0) < value.shape[1] else None
    return Column(name, tuple(value.shape[1:]), formats[value.dtype] if chosen == "exact" else chosen, top_k)  # type: ignore[arg-type]


def _open_entry(
    stage: Stage,
    machine: Machine,
    cache: Cache,
    identity: Mapping[str, Any],
    num_variants: int,
    columns: list[Column],
    check_worth: Callable[[], None],
) -> OutputCache:
    """Open the entry on the first process, and attach the others to it; a new one is begun only if that is worth it."""
    root = cache.root or Path()  # `_find_view` has refused a run without one
    opened: OutputCache | None = None
    outcome: dict[str, str | None] = {"key": None, "refusal": None}
    if machine.world.is_first:
        try:
            if not is_complete(root, identity, len(stage.train), num_variants, columns):
                check_worth()
            opened = _open_patiently(root, identity, len(stage.train), num_variants, columns, cache)
            outcome = {"key": opened.key, "refusal": BUSY if opened.mode == "busy" else None}
        except (CacheError, _Refusal) as error:
            outcome["refusal"] = str(error)
    outcome = broadcast_document(outcome)
    if outcome["refusal"] is not None:
        raise _Refusal(outcome["refusal"])
    return opened or attach(root, str(outcome["key"]))


def _open_patiently(
    root: Path, identity: Mapping[str, Any], num_rows: int, num_variants: int, columns: list[Column], cache: Cache
) -> OutputCache:
    """Open an entry; where an earlier process of this very run still holds it, wait until that is gone."""
    retrying = Retrying(
        stop=stop_after_delay(PATIENCE_S),
        wait=wait_fixed(0.2),
        retry=retry_if_result(lambda entry: entry.mode == "busy" and entry.builder == cache.token),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    entry: OutputCache = retrying(
        open_cache, root, identity, num_rows, num_variants, columns, cache.max_bytes, cache.token
    )
    return entry


def _choose(
    stage: Stage, teacher: Teacher, source: Source, store: Store, before: Mapping[str, Any] | None, cache: Cache
) -> str:
    """Return why an opened entry is used; refuse it where it is of no use."""
    mode, epochs, num_variants = store.cache.mode, stage.spec.epochs, store.num_variants
    if before is not None:
        if not _is_the_same(store.cache, before, cache.token):
            raise _Refusal("the entry that the run used is gone or was made anew")
        return "as before the run was interrupted"
    if mode == "read":
        _check_rows(stage, teacher, source, store, cache)
        return f"complete, built by {store.cache.builder}"
    size = store.cache.layout.needed_bytes / 2**20
    return f"written in the first {num_variants} of {epochs} epochs, {size:.1f} MiB"


def _is_the_same(cache: OutputCache, before: Mapping[str, Any], token: str) -> bool:
    """Return whether an entry holds the rows that a checkpoint's run saw, or can get them again."""
    if cache.mode == "read":
        return cache.builder == token if before["fingerprint"] is None else cache.fingerprint == before["fingerprint"]
    return bool(before["is_own"])


def _check_rows(stage: Stage, teacher: Teacher, source: Source, store: Store, cache: Cache) -> None:
    """Ask the teacher about a few samples, and compare with what is stored of them."""
    batch = _sample(stage, source, NUM_CHECKED)
    live, stored = teacher.run(batch, [source])[source], store.look_up(batch.index, 0)
    for place, tensor in live.items():
        expected = store.cache.encode_decode({str(place): tensor})[str(place)] if tensor.is_floating_point() else tensor
        if not _are_close(stored[place], expected.to(stored[place].device)):
            folder = cache.root and cache.root / store.cache.key
            raise _Refusal(f"{folder} holds other outputs of {teacher.name!r} than it gives now; delete the folder")


def _check_independence(stage: Stage, teacher: Teacher, source: Source) -> None:
    """Refuse a teacher whose answer to a sample depends on the others of its batch."""
    batch = _sample(stage, source, NUM_CHECKED)
    together = teacher.run(batch, [source])[source]
    alone = teacher.run(_sample(stage, source, 1), [source])[source]
    for place, tensor in together.items():
        if not _are_close(alone[place], tensor[:1]):
            raise _Refusal(f"what {teacher.name!r} says to a sample depends on the other samples of the batch")


def _are_close(found: Tensor, expected: Tensor) -> bool:
    scale = float(expected.abs().max()) or 1.0
    return found.shape == expected.shape and float((found - expected).abs().max()) <= TOLERANCE * scale


def _sample(stage: Stage, source: Source, count: int) -> Batch:
    rows = torch.arange(min(count, len(stage.train)), device=stage.train.device)
    return stage.train.batch(rows, 0, (source.view,))


def _identify(stage: Stage, teacher: Teacher, source: Source, machine: Machine) -> dict[str, Any]:
    """Return all that has a say in what the teacher says."""
    model, section = teacher.model, stage.spec.sections.get(teacher.name)
    index = hashlib.sha256(stage.train.index.cpu().numpy().tobytes()).hexdigest()
    return {
        "weights": digest_weights(model),
        "model": f"{type(model).__module__}.{type(model).__qualname__}",
        "code": hashlib.sha256(inspect.getsource(inspect.getmodule(type(model)) or type(model)).encode()).hexdigest(),
        "section": None if section is None else section.as_document(),
        "data": stage.train.fingerprint,
        "index": index,
        "view": stage.train.spec.views[source.view].as_document(),
        "precision": machine.runtime.precision,
        "memory_format": machine.runtime.memory_format,
        "device": machine.device.type,
        "placement": stage.train.placement,
        "versions": list_versions(),
    }


def digest_weights(model: nn.Module) -> str:
    """Return the sha256 of a model's weights and buffers."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
