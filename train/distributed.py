"""Several processes that train one network, with the same result as one.

    torchrun --nproc-per-node 2 -m -- train fit --data ROOT --run runs/fastsegnet

(The two dashes keep torchrun from taking our `--run` for one of its own options.)

Each process takes its part of every batch. What a network computes from the whole batch is computed from the whole
batch: the statistics of batch norm and what dropout drops; gradients are averaged (`DistributedDataParallel`). A batch
is drawn from the seed and the epoch alone, and the loss of a batch is the mean of the losses of its parts
(train/losses.py), so the weights are those of one process, up to the order in which numbers are added.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import BatchSampler, Sampler

from engine.errors import InputError


@dataclass(frozen=True)
class Processes:
    """Those that train together.

    Attributes:
        rank: the number of this one; the first, 0, validates, prints and writes.
        count: how many there are.
        local_rank: its number on this machine, and of its GPU.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def part(self, batch: list[int]) -> list[int]:
        """What this process takes of a batch that `count` divides; all parts in the order of ranks are the batch."""
        size = len(batch) // self.count
        return batch[self.rank * size : (self.rank + 1) * size]

    def mean(self, value: float) -> float:
        """The mean of all processes' values."""
        if self.count == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=_device())
        distributed.all_reduce(total)
        return total.item() / self.count

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """The first does what is in the block, then the others do: one writes a file, the others find it."""
        if self.count > 1 and not self.is_first:
            distributed.barrier()
        yield
        if self.count > 1 and self.is_first:
            distributed.barrier()

    def share(self, network: nn.Module) -> nn.Module:
        """The network to train with: takes a part of a batch, answers and learns as if it had taken the whole.

        Layers of `network` are exchanged in place, so make the optimizer after it; the names of the tensors stay.
        """
        if self.count == 1:
            return network
        for parent in list(network.modules()):
            for name, layer in parent.named_children():
                if isinstance(layer, nn.BatchNorm2d):
                    setattr(parent, name, WholeBatchNorm2d.like(layer))
                elif isinstance(layer, nn.Dropout2d):
                    setattr(parent, name, WholeDropout2d(self, layer.p))
        # Buffers need no broadcast: statistics of the whole batch are the same everywhere.
        return DistributedDataParallel(network, broadcast_buffers=False, gradient_as_bucket_view=True)


@contextmanager
def joined() -> Iterator[Processes]:
    """Joins the processes that `torchrun` started, if it did; they part at the end.

    Raises:
        InputError: not every process on this machine has a GPU of its own.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes()
        return
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    if torch.cuda.is_available():
        if local_rank >= torch.cuda.device_count():
            raise InputError(
                f"Process {local_rank} has no GPU: there are {torch.cuda.device_count()}. Start as many processes."
            )
        torch.cuda.set_device(local_rank)
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Grad strides do not match")  # of depthwise weights; harmless
            yield Processes(distributed.get_rank(), distributed.get_world_size(), local_rank)
    finally:
        distributed.destroy_process_group()


def _device() -> torch.device:
    """Where collective operations take place."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class PartOfBatches(Sampler[list[int]]):
    """Batches of which every process takes its part.

    Args:
        batches: draws whole batches, the same in every process.
        processes: those that share them.
    """

    def __init__(self, batches: BatchSampler, processes: Processes) -> None:
        self.batches = batches
        self.processes = processes

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        return map(self.processes.part, self.batches)


class WholeBatchNorm2d(nn.BatchNorm2d):
    """Batch norm with the statistics of the whole batch, of which every process holds an equal part.

    torch's own `SyncBatchNorm` runs on GPUs only. In evaluation mode it is `nn.BatchNorm2d`.

    Source: Ioffe, Szegedy, "Batch Normalization", 2015 (arXiv:1502.03167), algorithm 1; parts are joined as in Chan,
    Golub, LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1982.
    """

    @classmethod
    def like(cls, layer: nn.BatchNorm2d) -> "WholeBatchNorm2d":
        """One with the parameters and buffers of `layer`."""
        copy = cls(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
        copy.to(layer.weight.device)
        copy.load_state_dict(layer.state_dict())
        copy.weight.requires_grad_(layer.weight.requires_grad)
        copy.bias.requires_grad_(layer.bias.requires_grad)
        return copy.train(layer.training)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """float32 or bfloat16 (n, C, H, W), this process's part of the batch; the same shape and dtype."""
        if not self.training:
            return super().forward(features)
        values = features.float()
        count = distributed.get_world_size()
        # One row for each process, its own filled in: adding them up is telling each other.
        own = torch.stack(torch.var_mean(values, dim=(0, 2, 3), correction=0))
        rows = own.new_zeros((count, *own.shape)).index_copy(
            0, torch.tensor([distributed.get_rank()], device=own.device), own[None]
        )
        variances, means = all_reduce(rows).unbind(dim=1)
        mean = means.mean(dim=0)
        variance = (variances + (means - mean) ** 2).mean(dim=0)
        with torch.no_grad():
            pixels = count * values[:, 0].numel()
            statistics = ((self.running_mean, mean), (self.running_var, variance * pixels / (pixels - 1)))
            for running, found in statistics:
                if running is not None and self.momentum is not None:
                    running.lerp_(found, self.momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked += 1
        scale = self.weight * torch.rsqrt(variance + self.eps)
        channels = (1, -1, 1, 1)
        normalised = (values - mean.view(channels)) * scale.view(channels) + self.bias.view(channels)
        return normalised.to(features.dtype)


class WholeDropout2d(nn.Module):
    """Drops the channels that one process with the whole batch would drop; its random generator is at the same place.

    Args:
        processes: those that share the batch.
        p: probability of a channel to be dropped.
    """

    def __init__(self, processes: Processes, p: float) -> None:
        super().__init__()
        self.processes = processes
        self.p = p

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """float32 or bfloat16 (n, C, H, W), this process's part of the batch; the same shape and dtype."""
        if not self.training:
            return features
        count, channels = features.shape[:2]
        kept = functional.dropout2d(features.new_ones((count * self.processes.count, channels, 1, 1)), self.p)
        return features * kept[self.processes.rank * count : (self.processes.rank + 1) * count]
