"""How weights change: AdamW, its schedule, what of the encoder stands still, and the average that is kept."""

import math
from collections.abc import Callable

import torch
from torch import nn

from engine.errors import InputError
from train.recipe import Recipe

Tensors = tuple[torch.Tensor, ...] | list[torch.Tensor]
Average = Callable[[Tensors, Tensors, torch.Tensor | int], None]
"""Moves averaged tensors towards the current ones; told how many steps were averaged before."""
MAX_GRADIENT_NORM = 5.0  # of all gradients together; longer ones are shortened
PRETRAINED = ("encoder.", "transformer.")  # parts of a network that start from weights on file


def make_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW; pretrained parts learn slower, biases and batch norms do not decay, what is frozen is left out."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((name.startswith(PRETRAINED), parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": recipe.learning_rate * (recipe.encoder_rate if is_pretrained else 1.0),
                "weight_decay": recipe.weight_decay if decays else 0.0,
            }
            for (is_pretrained, decays), parameters in groups.items()
        ]
    )


def make_scheduler(
    optimizer: torch.optim.Optimizer, steps_per_epoch: int, recipe: Recipe
) -> torch.optim.lr_scheduler.LambdaLR:
    """A linear warm-up, then half a cosine down to a hundredth of the peak; one step a batch."""
    total, warmup = recipe.epochs * steps_per_epoch, recipe.warmup_epochs * steps_per_epoch

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        progress = (step - warmup) / max(1, total - warmup)
        return 0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def moving_average(decay: float) -> Average:
    """Averages weights exponentially; the first steps count more, so that random weights are soon forgotten.

    With a decay of 0 the average is the weights themselves.
    """

    def update(averaged: Tensors, current: Tensors, num_averaged: torch.Tensor | int) -> None:
        n = float(num_averaged)
        share = 1 - min(decay, (1 + n) / (10 + n))
        for mean, value in zip(averaged, current, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, share)
            else:
                mean.copy_(value)

    return update


def frozen_blocks(network: nn.Module, count: int) -> list[nn.Module]:
    """The first blocks of the encoder, from now on without gradients.

    Their batch norms keep the statistics that they have, once they are put in evaluation mode.

    Raises:
        InputError: the encoder has not that many blocks.
    """
    encoder = getattr(network, "encoder", None)
    blocks = list(encoder) if isinstance(encoder, nn.Sequential) else []
    if count > len(blocks):
        raise InputError(f"--freeze is {count}, but the network's encoder has {len(blocks)} blocks. Give fewer.")
    for block in blocks[:count]:
        block.requires_grad_(False)
    return blocks[:count]
