"""One process a device: who takes part, what they tell one another, and what that means for a loss.

Every rank holds the whole objective and an equal, contiguous share of each global batch. DistributedDataParallel then
averages the gradients over the W ranks. The result is the gradient of one process on the global batch when

- a loss that is a **mean over rows** is computed on the local rows, as it is: the mean of equal shares' means is the
  mean;
- a loss that is a **sum over rows** is multiplied by W, which the average takes back;
- a **masked mean** divides the sum over its local rows by the count of all ranks and is multiplied by W:
  `local.sum() * W / sum_over_ranks(count)`;
- a loss that **compares samples** gathers both sides with `gather_rows` and computes the global loss on every rank. The
  backward pass of the gathering adds up what all W equal losses say of a row, W times the true gradient of the local
  rows, and the average takes the W back;
- **BatchNorm** takes its statistics over all ranks: `synchronise_batchnorm`.

With a single process every function here returns what it was given.
"""

from distill_core.distributed.batchnorm import synchronise_batchnorm
from distill_core.distributed.exchange import (
    agree,
    any_over_ranks,
    broadcast_document,
    gather_rows,
    mean_over_ranks,
    sum_over_ranks,
)
from distill_core.distributed.parallel import Share, accumulate, share, wrap
from distill_core.distributed.world import World, current_world, join_world, leave_world

__all__ = [
    "Share",
    "World",
    "accumulate",
    "agree",
    "any_over_ranks",
    "broadcast_document",
    "current_world",
    "gather_rows",
    "join_world",
    "leave_world",
    "mean_over_ranks",
    "share",
    "sum_over_ranks",
    "synchronise_batchnorm",
    "wrap",
]
