"""Takes weights between those of a run and those that it started from; no training.

    python -m train interpolate --run runs/fastsegnet --other before.pt2 --share 0.35 --data ROOT

A run gains on what it was trained for and loses a little of what its start could do. Weights on the line between the
two often keep both, and cost nothing. The new weights.pt, in --into, is validated, and `export` takes it as any other;
try a few shares and take the one that validates best.

Source: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022 (arXiv:2109.01903), section 3.
"""

import argparse
from pathlib import Path

import torch

from engine.command import Outcome
from engine.errors import InputError
from engine.files import Outputs
from train import revision
from train.compression.finishing import load_exactly
from train.data import open_cache
from train.export import load_network, public_name
from train.networks import channels_last
from train.recipe import CACHE, RUN


def add_arguments(parser: argparse.ArgumentParser) -> None:
    revision.add_arguments(parser, "interpolation")
    parser.add_argument("--other", type=Path, required=True, metavar="PATH", help="weights.pt or torch.pt2")
    parser.add_argument("--share", type=float, help="of the other weights; 0 is the run's own")


def run(
    *,
    data: Path,
    other: Path,
    share: float = 0.35,
    run: Path = RUN,
    into: Path | None = None,
    cache: Path = CACHE,
    outputs: Outputs | None = None,
) -> Outcome:
    """Takes weights between two and validates them; see `train.revision`.

    Raises:
        InputError: the share is no share, or the other weights are of another network.
    """
    if not 0 <= share <= 1:
        raise InputError(f"--share is {share:g}; expected 0 to 1.")
    weights, path = revision.begin(run, into, "interpolation", outputs or Outputs())
    network = load_network(weights)
    load_exactly(network, other, weights["settings"]["network"])
    network.load_state_dict(interpolated(weights["state_dict"], network.state_dict(), share))
    network = channels_last(network)
    record = {"other": public_name(str(other)), "share": share}
    return revision.finish(weights, network, open_cache(data, cache), "interpolation", record, path)


def interpolated(
    weights: dict[str, torch.Tensor], other: dict[str, torch.Tensor], share: float
) -> dict[str, torch.Tensor]:
    """`share` of the other tensors and the rest of these, by name; what counts (integers) is taken from these.

    Example:
        1 and 3 with a share of 0.25: 1.5.
    """
    return {
        name: torch.lerp(value, other[name].to(value.dtype), share) if value.is_floating_point() else value
        for name, value in weights.items()
    }
