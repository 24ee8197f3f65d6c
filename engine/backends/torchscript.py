"""TorchScript: the exported program traced and frozen when it is opened, which folds the batch norms."""

import warnings
from typing import cast

import numpy as np
import torch

from engine.backends.base import BackendOptions
from engine.backends.torch_eager import TorchBackend, load, use_threads
from engine.spec import ModelSpec

__all__ = ["load", "prepare"]

WARM_UP_CALLS = 3  # the executor watches the first calls, then rewrites the graph


def prepare(loaded: torch.nn.Module, spec: ModelSpec, options: BackendOptions) -> TorchBackend:
    use_threads(options)
    example = torch.zeros((1, *spec.size_hw, 3), dtype=torch.uint8)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*torch.jit.*")
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        traced = torch.jit.trace(followed(loaded), (example,), check_trace=False)
        backend = TorchBackend(torch.jit.freeze(traced.eval()), "TorchScript")
    for _ in range(WARM_UP_CALLS):
        backend.infer(np.zeros(example.shape, np.uint8))
    return backend


def followed(loaded: torch.nn.Module) -> torch.nn.Module:
    """The exported program with sizes asked for by methods of tensors, which tracing follows.

    The operators by which it asks for them give plain numbers: the batch of the example would be written down for good.
    """
    program = cast(torch.fx.GraphModule, loaded)
    for node in program.graph.nodes:
        if node.target is torch.ops.aten.sym_size.int:
            node.op, node.target = "call_method", "size"
        elif node.target is torch.ops.aten.expand.default:
            tensor, sizes = node.args
            node.op, node.target, node.args = "call_method", "expand", (tensor, *sizes)
    program.recompile()
    return program
