"""PyTorch, eager, with autocast to bfloat16: half the bytes and, on a CPU with the arithmetic for it, twice the speed.

Offered only on such a CPU. Others compute bfloat16 in software, which was measured to be 50 to 100 times slower than
FP32.
"""

import torch

from engine.backends.base import BackendOptions
from engine.backends.torch_eager import TorchBackend, load, use_threads
from engine.errors import BackendUnavailableError
from engine.machine import instruction_sets
from engine.spec import ModelSpec

__all__ = ["load", "prepare"]

NEEDED = ("BF16", "AMX BF16")  # any of these instruction sets


def prepare(loaded: torch.nn.Module, spec: ModelSpec, options: BackendOptions) -> TorchBackend:
    if not set(NEEDED) & set(instruction_sets()):
        raise BackendUnavailableError(
            "torch-bf16 needs a CPU with bfloat16 arithmetic (AVX-512 BF16 or AMX); this one has none and would take "
            "50 to 100 times as long. Choose torch."
        )
    use_threads(options)

    def in_bfloat16(batch: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return loaded(batch).float()

    return TorchBackend(in_bfloat16, "PyTorch", "BF16 (convolutions), FP32")
