"""TorchScript: the exported program traced and frozen when it is opened, which folds the batch norms."""

import warnings

import numpy as np
import torch

from engine.backends.base import Options
from engine.backends.torch_eager import TorchBackend, load, use_threads
from engine.spec import ModelSpec

__all__ = ["load", "prepare"]

WARM_UP_CALLS = 3  # the executor watches the first calls, then rewrites the graph


def prepare(loaded: torch.nn.Module, spec: ModelSpec, options: Options) -> TorchBackend:
    use_threads(options)
    example = torch.zeros((1, *spec.size_hw, 3), dtype=torch.uint8)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*torch.jit.*")
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        traced = torch.jit.trace(loaded, (example,), check_trace=False)
        backend = TorchBackend(torch.jit.freeze(traced.eval()), "TorchScript")
    for _ in range(WARM_UP_CALLS):
        backend.infer(np.zeros(example.shape, np.uint8))
    return backend
