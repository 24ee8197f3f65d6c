"""What a network is made of: parameters and multiply-adds of each of its parts.

    python -m train profile --network fastsegnet --size 320

Parts are the blocks of the encoder and the rest of the network's own layers. Multiply-adds are those of convolutions
and matrix products, as torch counts them (`torch.utils.flop_counter`, which calls each of them two operations);
normalisation, activations and resizing are not counted.
"""

import argparse
from dataclasses import asdict, dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from engine import dataset
from engine.command import Outcome
from engine.errors import InputError
from train import networks


@dataclass(frozen=True)
class Part:
    """A part of a network.

    Attributes:
        name: as the network calls it, "encoder.3".
        output: shape of what it gives, without the batch: (channels, height, width) for features.
        parameters: numbers that are learnt.
        multiply_adds: of the whole batch.
    """

    name: str
    output: tuple[int, ...]
    parameters: int
    multiply_adds: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--network", help=f"one of: {', '.join(networks.NETWORKS)}")
    parser.add_argument("--size", type=int, help="side of a picture, px; a multiple of 32")
    parser.add_argument("--batch", type=int, help="pictures")


def run(*, network: str = "fastsegnet", size: int = 320, batch: int = 1) -> Outcome:
    """Counts and tells it; "network", "size", "batch", "parameters", "multiply_adds" and "parts", see `Part`.

    Raises:
        InputError: there is no such network, or a number is out of its range.
    """
    if size % 32 or size <= 0:
        raise InputError(f"--size is {size}; expected a multiple of 32, such as 320.")
    if batch <= 0:
        raise InputError(f"--batch is {batch}; expected more than 0.")
    parts = profile(networks.build(network, num_classes=len(dataset.CLASSES)).eval(), size, batch)
    print(table(parts))
    figures = {
        "network": network,
        "size": size,
        "batch": batch,
        "parameters": sum(part.parameters for part in parts),
        "multiply_adds": sum(part.multiply_adds for part in parts),
        "parts": [asdict(part) for part in parts],
    }
    return Outcome(figures)


def profile(network: nn.Module, size: int, batch: int = 1) -> list[Part]:
    """The parts of a network as its class lists them, and what a forward pass costs in each.

    Args:
        network: from uint8 (N, H, W, 3) to logits.
        size: side of a picture, px.
        batch: pictures.
    """
    parts: dict[str, nn.Module] = {}
    for name, layer in network.named_children():
        if name == "encoder":
            parts |= {f"encoder.{number}": block for number, block in layer.named_children()}
        else:
            parts[name] = layer
    outputs: dict[str, tuple[int, ...]] = {}
    hooks = [
        part.register_forward_hook(lambda _part, _inputs, output, name=name: outputs.update({name: output.shape[1:]}))
        for name, part in parts.items()
    ]
    counts = count(network, size, batch)
    for hook in hooks:
        hook.remove()
    prefix = type(network).__name__
    return [
        Part(
            name,
            tuple(outputs[name]),
            sum(parameter.numel() for parameter in part.parameters()),
            sum(counts.get(f"{prefix}.{name}", {}).values()) // 2,
        )
        for name, part in parts.items()
    ]


def multiply_adds(network: nn.Module, size: int) -> int:
    """Multiply-adds of a network for one picture of `size` x `size` px.

    Example:
        A 3x3 convolution from 2 to 4 channels over 8 x 8 px: 8 * 8 * 4 * 3 * 3 * 2 = 4608.
    """
    return sum(count(network, size)["Global"].values()) // 2


@torch.no_grad()
def count(network: nn.Module, size: int, batch: int = 1) -> dict:
    """Operations by the name of the module, "Global" for all, and by kind; two for a multiply-add."""
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros((batch, size, size, 3), dtype=torch.uint8))
    return counter.get_flop_counts()


def table(parts: list[Part]) -> str:
    """Markdown, a row a part and one for the sum."""
    total = sum(part.multiply_adds for part in parts)
    rows = ["| part | output | parameters | multiply-adds | share |", "|---|---|---|---|---|"]
    rows += [
        f"| {part.name} | {' x '.join(map(str, part.output))} | {part.parameters:,} | "
        f"{part.multiply_adds / 1e6:.2f} M | {part.multiply_adds / total:.1%} |"
        for part in parts
    ]
    rows.append(f"| all | | {sum(part.parameters for part in parts):,} | {total / 1e6:.2f} M | |")
    return "\n".join(rows)
