"""A short training at the end, with what NNCF has put into the network in place: fake quantization or pruning masks."""

import math
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler

from engine.errors import InferenceError, InputError
from engine.progress import track
from engine.spec import Model
from train import checkpoint, networks
from train.data import PetPictures
from train.losses import SegmentationLoss
from train.optimization import MAX_GRADIENT_NORM

NOT_OPTIONS = ("architecture", "parameters", "gmacs")  # of `ModelSpec.network`


def load_network(model: Model) -> nn.Module:
    """The network of a model with its weights, in evaluation mode.

    Raises:
        ArtefactError: torch.pt2 is missing or changed.
        InputError: its weights do not fit the network of that name.
    """
    options = {name: value for name, value in model.spec.network.items() if name not in NOT_OPTIONS}
    network = networks.build(model.spec.network["architecture"], **options)
    load_exactly(network, model.artefact("torch.pt2"), model.spec.network["architecture"])
    return network.eval()


def load_exactly(network: nn.Module, path: Path, name: str) -> None:
    """Loads weights.pt or torch.pt2 into the network it is of.

    Raises:
        InputError: the file cannot be read, or a tensor is missing, of another shape or too many.
    """
    state, wanted = checkpoint.load_weights(path), network.state_dict()
    unfit = [key for key in wanted.keys() | state.keys() if not same_shape(wanted.get(key), state.get(key))]
    if unfit:
        raise InputError(
            f"{path} does not fit {name}: {len(unfit)} tensors differ, {min(unfit)} first. Name weights of that "
            "network, or export the model again."
        )
    network.load_state_dict(state)


def same_shape(tensor: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    return tensor is not None and other is not None and tensor.shape == other.shape


def finish(
    network: nn.Module,
    pictures: PetPictures,
    steps: int,
    batch_size: int,
    learning_rate: float,
    lovasz: float,
    seed: int,
) -> float:
    """Trains a network as `fit` does, for some steps, and leaves it in evaluation mode.

    Batch norms keep their statistics and nothing is dropped: a short run would only blur them.

    Args:
        network: changed in place; parameters that require no gradient stay.
        pictures: drawn as in training.
        steps: batches.
        batch_size: pictures a step.
        learning_rate: at the first step; it falls to nothing along half a cosine.
        lovasz: share of the Lovász hinge.
        seed: of the order of the pictures.

    Returns:
        The mean loss of the last tenth of the steps.

    Raises:
        InferenceError: the loss is no number any more.
    """
    network.eval()
    loss = SegmentationLoss(lovasz=lovasz)
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (1 + math.cos(math.pi * step / steps)) / 2)
    generator = torch.Generator().manual_seed(seed)
    order = RandomSampler(pictures, replacement=True, num_samples=steps * batch_size, generator=generator)
    losses: list[float] = []
    for batch, mask in track(DataLoader(pictures, batch_size, sampler=order), "finishing"):
        value = loss(network(batch), mask.long())
        if not torch.isfinite(value):
            raise InferenceError(
                f"The loss is {value.item()} after {len(losses)} steps. Take a smaller --learning-rate."
            )
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT_NORM)
        optimizer.step()
        schedule.step()
        losses.append(value.item())
    return float(np.mean(losses[-max(1, steps // 10) :]))


def save_weights(network: nn.Module, model: Model, row: dict, path: Path) -> None:
    """Writes weights.pt as `fit` does, without what NNCF has put into the network.

    Args:
        network: wrapped by NNCF or not.
        model: the one it came from, whose settings it keeps.
        row: the last of the history: what was done, and scores.
        path: of the file.
    """
    state = {name: value for name, value in network.state_dict().items() if "__nncf_hooks" not in name}
    options = {name: value for name, value in model.spec.network.items() if name not in NOT_OPTIONS}
    settings = model.spec.training["settings"]
    checkpoint.save({"settings": settings, "options": options, "state_dict": state, "history": [row]}, path)
