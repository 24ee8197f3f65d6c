"""Weights on disk, written aside and renamed."""

import warnings
from pathlib import Path

import torch

from engine.errors import InputError, OutputError
from engine.files import write_aside
from train.half import widened


def save(state: dict, path: Path) -> None:
    """Writes `state`; an older file survives a full disk or a killed process.

    Raises:
        OutputError: it could not be written.
    """
    try:
        with write_aside(path) as partial:
            torch.save(state, partial)
    except (OutputError, OSError, RuntimeError) as exc:  # torch reports a full disk as RuntimeError
        raise OutputError(
            f"{path} could not be written ({exc}); the one before is kept. Make room and resume."
        ) from exc


def load(path: Path) -> dict:
    """What `save` wrote.

    Raises:
        InputError: the file is missing or cannot be read.
    """
    if not path.is_file():
        raise InputError(f"There is no {path}. Run `python -m train fit` first, or name the right --run.")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as exc:  # torch.load has no error type of its own
        raise InputError(f"{path} cannot be read ({exc}). It may be cut short: remove it and train again.") from exc


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a run's `weights.pt`, or of a model's `torch.pt2`, under the names that the network gives them.

    Raises:
        InputError: the file is missing or cannot be read.
    """
    if path.suffix != ".pt2":
        return load(path).get("state_dict", {})  # a checkpoint.pt has none, which fits no network
    if not path.is_file():
        raise InputError(f"There is no {path}. Name the torch.pt2 of a model.")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The given buffer is not writable")
            return widened(torch.export.load(path).state_dict)
    except Exception as exc:  # torch.export has no error type of its own
        raise InputError(f"{path} cannot be read ({exc}). It may be cut short: restore it.") from exc
