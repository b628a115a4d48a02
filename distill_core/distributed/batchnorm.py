"""BatchNorm whose statistics cover the rows of all ranks.

Shapes: B rows of this rank, C channels, W ranks.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from distill_core.distributed.exchange import gather_equal_rows
from distill_core.distributed.world import World

__all__ = ["synchronise_batchnorm"]

logger = logging.getLogger(__name__)


def synchronise_batchnorm(module: nn.Module, world: World) -> ExitStack:
    """Have every BatchNorm1d, 2d and 3d below `module` take its training statistics over all ranks.

    The modules, their parameters, buffers, hooks and paths stay the same objects; only what their forward computes
    changes, and it changes back when the returned stack is closed or left as a `with` block.
    """
    undo = ExitStack()
    if world.size == 1:
        return undo
    for path, child in module.named_modules():
        if not isinstance(child, _BatchNorm) or isinstance(child, nn.SyncBatchNorm):
            continue
        if type(child).forward is not _BatchNorm.forward:
            logger.warning("BatchNorm %r computes in its own way and keeps statistics of its own rank", path)
            continue
        # An attribute of the instance is found before the class's method, and deleting it is the way back.
        child.__dict__["forward"] = partial(_forward, child, _build_twin(child))
        undo.callback(child.__dict__.pop, "forward")
    return undo


def _forward(module: _BatchNorm, twin: nn.SyncBatchNorm, x: Tensor) -> Tensor:
    if not module.training:
        return _BatchNorm.forward(module, x)
    if x.device.type == "cuda":
        twin.training = True
        return twin(x)  # type: ignore[no-any-return]  # Module.__call__ is untyped
    module._check_input_dim(x)  # noqa: SLF001  the checks of the class whose forward this stands for
    return _normalise(module, x)


def _build_twin(module: _BatchNorm) -> nn.SyncBatchNorm:
    """Return torch's kernel for GPUs over the same parameters and buffers: it shares the dictionaries of them."""
    twin = nn.SyncBatchNorm(module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats)
    twin.__dict__["_parameters"], twin.__dict__["_buffers"] = module._parameters, module._buffers  # noqa: SLF001
    return twin


def _normalise(module: _BatchNorm, x: Tensor) -> Tensor:
    """Compute weight * (x - mean) / sqrt(var + eps) + bias over all rows of all ranks, as a single process would.

    Each rank's mean and variance are exchanged, not its sums of squares: nothing large is subtracted from another.
    """
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    others = [dim for dim in range(x.ndim) if dim != 1]
    count = wide.new_full((1,), x.numel() / x.shape[1])
    var, mean = torch.var_mean(wide, others, correction=0)
    table = gather_equal_rows(torch.cat([mean, var, count]).unsqueeze(0))
    means, variances, counts = table.split([x.shape[1], x.shape[1], 1], dim=1)
    total = counts.sum().detach()
    if total <= 1:
        raise ValueError(f"BatchNorm needs more than one value a channel over all ranks, got input {list(x.shape)}")
    share = (counts / total).detach()
    mean = (share * means).sum(0)
    var = (share * (variances + (means - mean).square())).sum(0)
    _update_running(module, mean.detach(), var.detach() * (total / (total - 1)))
    shape = [1, -1, *([1] * (x.ndim - 2))]
    result: Tensor = (wide - mean.view(shape)) * torch.rsqrt(var + module.eps).view(shape)
    if module.affine:
        result = result * module.weight.view(shape) + module.bias.view(shape)
    return result.to(x.dtype)


@torch.no_grad()
def _update_running(module: _BatchNorm, mean: Tensor, unbiased: Tensor) -> None:
    if not module.track_running_stats or module.running_mean is None or module.running_var is None:
        return
    counter = cast("Tensor", module.num_batches_tracked)
    counter.add_(1)
    momentum = 1 / float(counter) if module.momentum is None else module.momentum
    module.running_mean.lerp_(mean.to(module.running_mean.dtype), momentum)
    module.running_var.lerp_(unbiased.to(module.running_var.dtype), momentum)
