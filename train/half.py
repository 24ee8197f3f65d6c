"""Weights that take 16 bits on disk and are computed with in float32."""

import torch
from torch import nn
from torch.nn.utils import parametrize


class Widen(nn.Module):
    """What is stored in half precision, as float32."""

    def forward(self, stored: torch.Tensor) -> torch.Tensor:
        return stored.float()


def store_in_half(network: nn.Module) -> None:
    """Rounds the weights of convolutions and linear layers to half precision, in place, and stores them so.

    Every export of the network holds 16-bit constants and their conversion; runtimes convert when they load, so their
    speed is that of a float32 network. Biases and norms, small and sensitive, stay as they are.

    Example:
        A weight of 0.1 becomes 0.0999755859375, the nearest number of half precision.
    """
    for layer in list(network.modules()):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.weight = nn.Parameter(layer.weight.half(), requires_grad=False)
            parametrize.register_parametrization(layer, "weight", Widen(), unsafe=True)


def widened(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of a network as it was trained, also where `store_in_half` has been at work."""
    names = {name: name.replace(".parametrizations.weight.original", ".weight") for name in state}
    return {names[name]: value.float() if value.dtype == torch.float16 else value for name, value in state.items()}
