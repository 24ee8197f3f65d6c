"""torch.compile with its default backend, Inductor: the graph becomes C++ that the machine's own compiler builds.

The successor of Intel's extension for PyTorch, whose optimisations went into PyTorch itself. Compiling takes half a
minute and a C++ compiler at run time, so this backend is offered and never the default.
"""

import shutil

import numpy as np
import torch

from engine.backends.base import BackendOptions
from engine.backends.torch_eager import TorchBackend, load, use_threads
from engine.errors import BackendUnavailableError
from engine.spec import ModelSpec

__all__ = ["load", "prepare"]

COMPILERS = ("g++", "clang++", "c++")


def prepare(loaded: torch.nn.Module, spec: ModelSpec, options: BackendOptions) -> TorchBackend:
    """Compiles for `options.batch` pictures and makes the first call, in which the compiling happens."""
    if not any(shutil.which(compiler) for compiler in COMPILERS):
        raise BackendUnavailableError(
            f"torch-compile needs a C++ compiler at run time; none of {', '.join(COMPILERS)} was found. Install one."
        )
    use_threads(options)
    compiled = torch.compile(loaded, dynamic=False)

    def in_parts(batch: torch.Tensor) -> torch.Tensor:
        """Parts of one size, since another size is compiled anew."""
        parts = [pad_to(part, options.batch) for part in batch.split(options.batch)]
        answers = [compiled(part) for part in parts]
        return (torch.cat(answers) if len(answers) > 1 else answers[0])[: len(batch)]

    backend = TorchBackend(in_parts, "PyTorch, compiled")
    backend.infer(np.zeros((options.batch, *spec.size_hw, 3), np.uint8))
    return backend


def pad_to(part: torch.Tensor, count: int) -> torch.Tensor:
    """The part with black pictures after it, where it has fewer than `count`."""
    missing = count - len(part)
    return torch.cat([part, part.new_zeros((missing, *part.shape[1:]))]) if missing else part
