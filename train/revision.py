"""What the commands share that change a run's weights after `fit` and train nothing."""

import argparse
from pathlib import Path

import torch
from torch import nn

from engine.command import Outcome
from engine.errors import InputError
from engine.files import Outputs
from train import checkpoint
from train.data import PetCache
from train.recipe import add_places
from train.validation import validate

# How weights.pt records them, and how the folder is called that they are written to: the run's name with this after it.
# A card tells them in this order, each once.
STEPS = {"interpolation": "between", "adjustment": "adjusted"}


def add_arguments(parser: argparse.ArgumentParser, step: str) -> None:
    add_places(parser)
    parser.add_argument("--into", type=Path, help=f"folder to write weights.pt to (--run, with -{STEPS[step]})")


def begin(run: Path, into: Path | None, step: str, outputs: Outputs) -> tuple[dict, Path]:
    """What `fit` wrote, or an earlier step, and where this one writes.

    Args:
        run: folder of the run.
        into: folder to write to; None for one beside it.
        step: a name in `STEPS`.
        outputs: keeps what is there.

    Raises:
        InputError: the step or a later one was taken already, the file to write is there, or the one to read is
            missing or cannot be read.
    """
    path = outputs.check((into or run.with_name(f"{run.name}-{STEPS[step]}")) / "weights.pt")
    weights = checkpoint.load(run / "weights.pt")
    names = list(STEPS)
    if taken := [name for name in names[names.index(step) :] if name in weights]:
        raise InputError(f"{run / 'weights.pt'} is of a run after its {taken[0]}. Name the --run before it.")
    return weights, path


def finish(weights: dict, network: nn.Module, cache: PetCache, step: str, record: dict, path: Path) -> Outcome:
    """Validates the changed network, says what became of the scores, and writes it with them.

    Args:
        weights: from `begin`.
        network: with the new tensors.
        cache: whose validation pictures it is scored on.
        step: a name in `STEPS`.
        record: what was done.
        path: from `begin`.

    Returns:
        "weights", the path, the step's record by its name, and "scores".
    """
    scores = validate(network, cache, weights["settings"]["size"], torch.device("cpu"))
    before = weights["history"][-1]
    for name, value in scores.items():
        was = f"{before[name]:.4f} -> " if name in before else ""  # `prune` has scores of its own
        print(f"{name:<14} {was}{value:.4f}")
    history = [*weights["history"], scores]
    checkpoint.save(weights | {"state_dict": network.state_dict(), "history": history, step: record}, path)
    print(f"wrote {path}; next: python -m train export --run {path.parent}")
    return Outcome({"weights": str(path), step: record, "scores": scores})
