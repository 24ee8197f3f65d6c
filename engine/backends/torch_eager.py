"""PyTorch, eager: the exported program called as a module, nothing fused, nothing frozen."""

import operator
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from engine.backends.base import BackendInfo, BackendOptions
from engine.errors import InferenceError
from engine.spec import ModelSpec


def load(path: Path, spec: ModelSpec) -> torch.nn.Module:
    """The module of an exported program, less the checks of its input that torch.export adds to every call.

    They cost a call up to a tenth of its time, which the network that was exported does not pay either; `Segmenter`
    makes the batch, so its type and shape are right.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given buffer is not writable")
        module = torch.export.load(path).module(check_guards=False)
    module._forward_pre_hooks.clear()
    for node in module.graph.nodes:
        if node.target is torch.ops.aten._assert_tensor_metadata.default:
            module.graph.erase_node(node)
    widen_weights(module)
    module.graph.eliminate_dead_code()
    module.recompile()
    return module.requires_grad_(False)


def widen_weights(module: torch.fx.GraphModule) -> None:
    """Makes float32 of the weights that are stored in half precision, once instead of at every call."""
    for node in module.graph.nodes:
        if node.target is torch.ops.aten.to.dtype and node.args[0].op == "get_attr":
            stored = node.args[0].target
            parent, _, name = stored.rpartition(".")
            wide = operator.attrgetter(stored)(module).to(node.args[1])
            module.get_submodule(parent).register_parameter(name, torch.nn.Parameter(wide, requires_grad=False))
            node.replace_all_uses_with(node.args[0])


class TorchBackend:
    """Calls a torch module; torch modules in inference mode may be shared by threads."""

    def __init__(self, module: Callable[[torch.Tensor], torch.Tensor], runtime: str, precision: str = "FP32") -> None:
        self._module = module
        self._runtime = runtime
        self._precision = precision

    def infer(self, batch: np.ndarray) -> np.ndarray:
        try:
            writable = batch if batch.flags.writeable else batch.copy()  # torch warns about others
            with torch.inference_mode():
                return self._module(torch.from_numpy(writable)).numpy()
        except Exception as exc:
            raise InferenceError(f"{self._runtime} failed on a batch {batch.shape} ({exc}).") from exc

    def describe(self) -> BackendInfo:
        return BackendInfo(self._runtime, torch.__version__, "CPU", self._precision, torch.get_num_threads())


def prepare(loaded: torch.nn.Module, spec: ModelSpec, options: BackendOptions) -> TorchBackend:
    use_threads(options)
    return TorchBackend(loaded, "PyTorch")


def use_threads(options: BackendOptions) -> None:
    """Sets the threads of a call, where they are given; PyTorch has one number for the whole process."""
    if options.threads is not None:
        torch.set_num_threads(options.threads)
