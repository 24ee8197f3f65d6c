"""The architectures that `python -m train fit --network NAME` knows; one file each."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torchvision.models import MobileNet_V2_Weights, mobilenet_v2

from engine.errors import InputError, unknown_name
from train.networks.fastsegnet import SMALL_MLP_CHANNELS, FastSegNet
from train.networks.fastsegnet_cnn import FastSegNetCNN
from train.networks.vision_transformer import from_torchvision

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "fastsegnet": partial(FastSegNet, mlp_channels=SMALL_MLP_CHANNELS),
    "fastsegnet-large": FastSegNet,
    "fastsegnet-cnn": FastSegNetCNN,
}


def build(name: str, **options: object) -> nn.Module:
    """A network with random weights; `options` are those of its class.

    Raises:
        InputError: there is no network of that name.
    """
    if name not in NETWORKS:
        raise unknown_name("network", name, NETWORKS)
    return NETWORKS[name](**options)


def channels_last(network: nn.Module) -> nn.Module:
    """The same network, its weights laid out as convolutions read them fastest."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the stubs lack it


def load_encoder_weights(network: nn.Module, source: str) -> None:
    """Starts the pretrained parts of a network from weights on file.

    Args:
        network: one with an `encoder` cut from torchvision's `mobilenet_v2().features`, and perhaps a `transformer`.
        source: `none`, `imagenet` (torchvision's download, of the encoder), or paths of state dicts, joined by commas:
            torchvision's MobileNetV2 (keys `features.N...`) goes to the encoder, torchvision's VisionTransformer (keys
            `conv_proj...`) to the transformer.

    Raises:
        InputError: a file is missing, is no state dict, or belongs to another architecture.
    """
    if source == "none":
        return
    for part in source.split(","):
        if part == "imagenet":
            state = mobilenet_v2(weights=MobileNet_V2_Weights.IMAGENET1K_V2).state_dict()
        else:
            state = read_state_dict(part)
        if "conv_proj.weight" in state and hasattr(network, "transformer"):
            load_whole(
                network.get_submodule("transformer"), from_torchvision(state), part, "a VisionTransformer of size tiny"
            )
        else:
            prefix = "features."
            state = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            load_whole(network.get_submodule("encoder"), state, part, "MobileNetV2 with keys `features.N...`")


def read_state_dict(path: str) -> dict[str, torch.Tensor]:
    if not Path(path).is_file():
        raise InputError(f"There are no encoder weights at {path}. Give `imagenet`, `none` or the path of a file.")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as exc:  # torch.load has no error type of its own
        raise InputError(f"{path} is no file of weights that torch can load ({exc}).") from exc


def load_whole(module: nn.Module, state: dict[str, torch.Tensor], source: str, expected: str) -> None:
    """Loads every tensor of `module`; what else `state` holds is left."""
    wanted = module.state_dict()
    unfit = [key for key, value in wanted.items() if key not in state or state[key].shape != value.shape]
    if unfit:
        raise InputError(
            f"{source} does not fit the encoder: {len(unfit)} of {len(wanted)} tensors are missing or differ in shape, "
            f"{unfit[0]} first. Expected torchvision's {expected}."
        )
    module.load_state_dict({key: state[key] for key in wanted})


def take_over(network: nn.Module, state: dict[str, torch.Tensor]) -> str:
    """Loads the tensors of another network that fit by name and shape; says which parts were left as they are.

    Raises:
        InputError: none fits.
    """
    wanted = network.state_dict()
    fitting = {key: value for key, value in state.items() if key in wanted and wanted[key].shape == value.shape}
    if not fitting:
        raise InputError("None of the initial weights fits the network. Give those of the same architecture.")
    network.load_state_dict(fitting, strict=False)
    parts = dict.fromkeys(key.partition(".")[0] for key in wanted if key not in fitting)
    return f"took over {len(fitting)} of {len(wanted)} tensors" + (f"; others in {', '.join(parts)}" if parts else "")
