"""The architectures that `python -m train fit --network NAME` knows; one file each."""

from pathlib import Path

import torch
from torch import nn
from torchvision.models import MobileNet_V2_Weights, mobilenet_v2

from engine.errors import InputError, unknown_name
from train.networks.fastsegnet import FastSegNet

NETWORKS: dict[str, type[nn.Module]] = {"fastsegnet": FastSegNet}


def build(name: str, **options: object) -> nn.Module:
    """A network with random weights; `options` are those of its class.

    Raises:
        InputError: there is no network of that name.
    """
    if name not in NETWORKS:
        raise unknown_name("network", name, NETWORKS)
    return NETWORKS[name](**options)


def load_encoder_weights(network: nn.Module, source: str) -> None:
    """Starts the encoder from pretrained weights.

    Args:
        network: one with an `encoder` cut from torchvision's `mobilenet_v2().features`.
        source: `imagenet` (torchvision's download), `none`, or the path of a state dict with keys `features.N...`.

    Raises:
        InputError: the file is missing, is no state dict, or belongs to another architecture.
    """
    if source == "none":
        return
    if source == "imagenet":
        state = mobilenet_v2(weights=MobileNet_V2_Weights.IMAGENET1K_V2).state_dict()
    else:
        if not Path(source).is_file():
            raise InputError(
                f"There are no encoder weights at {source}. Give `imagenet`, `none` or the path of a file."
            )
        try:
            state = torch.load(source, map_location="cpu", weights_only=True)
        except Exception as exc:  # torch.load has no error type of its own
            raise InputError(f"{source} is no file of weights that torch can load ({exc}).") from exc
    prefix = "features."
    state = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    wanted = network.encoder.state_dict()
    unfit = [key for key, value in wanted.items() if key not in state or state[key].shape != value.shape]
    if unfit:
        raise InputError(
            f"{source} does not fit the encoder: {len(unfit)} of {len(wanted)} tensors are missing or differ in shape, "
            f"{unfit[0]} first. Expected torchvision's MobileNetV2 with keys `features.N...`."
        )
    network.encoder.load_state_dict({key: state[key] for key in wanted})


def take_over(network: nn.Module, state: dict[str, torch.Tensor]) -> str:
    """Loads the tensors of another network that fit by name and shape; says what did not.

    Raises:
        InputError: none fits.
    """
    wanted = network.state_dict()
    fitting = {key: value for key, value in state.items() if key in wanted and wanted[key].shape == value.shape}
    if not fitting:
        raise InputError("None of the initial weights fits the network. Give those of the same architecture.")
    network.load_state_dict(fitting, strict=False)
    left = [key for key in wanted if key not in fitting]
    return f"took over {len(fitting)} of {len(wanted)} tensors" + (f"; new: {', '.join(left)}" if left else "")
