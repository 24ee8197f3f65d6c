"""The options of a training run: what they are, which values they may have, and which make it the same run."""

import argparse
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.errors import InputError
from train import checkpoint, networks
from train.networks.normalization import NORMALIZATIONS
from train.scales import parse_scales

PRECISIONS = ("auto", "float32", "bfloat16")
WORKERS = max(1, (os.cpu_count() or 2) // 2)
RUN, CACHE = Path("runs/fastsegnet"), Path("runs/cache")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; `add_arguments` says of each what it is."""

    network: str = "fastsegnet-cnn"
    encoder_weights: str = "imagenet"
    initial_weights: str = "none"
    normalization: str = "imagenet"
    size: int = 256
    scales: str = "1"
    validation_size: int | None = None
    scenes: float | None = None
    epochs: int = 30
    passes: int = 1
    batch_size: int = 16
    learning_rate: float = 1e-3
    encoder_rate: float = 0.3
    weight_decay: float = 1e-2
    warmup_epochs: float = 1.0
    ema_decay: float = 0.998
    freeze: int = 0
    lovasz: float = 0.5
    dice: float = 0.0
    border_species: float = 0.0
    focal: float = 0.0
    ohem: float = 1.0
    class_balance: float = 0.0
    teacher: str = "none"
    teacher_share: float = 0.5
    teacher_temperature: float = 1.0
    teacher_size: int | None = None
    seed: int = 0
    min_side: int = 0
    limit: int | None = None
    precision: str = "auto"
    workers: int = WORKERS

    def check(self) -> None:
        """Refuses values that no run can have.

        Raises:
            InputError: an option is out of its range; it is named.
        """
        for name, side in (("--size", self.size), ("--validation-size", self.validation_size)):
            if side is not None and (side % 32 or side <= 0):
                raise InputError(f"{name} is {side}; expected a multiple of 32, such as 256.")
        parse_scales(self.scales)
        check_numbers(asdict(self))

    def settings(self) -> dict[str, Any]:
        """The options that make a run the same run, by name."""
        return {name: getattr(self, name) for name in SETTINGS}


def add_places(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say where a run reads and writes."""
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="folder that holds oxford-iiit-pet/")
    parser.add_argument("--run", type=Path, help="folder of this run's files")
    parser.add_argument("--cache", type=Path, help="folder of the decoded pictures")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say what is trained and how."""
    parser.add_argument("--network", help=f"one of: {', '.join(networks.NETWORKS)}")
    parser.add_argument("--encoder-weights", metavar="imagenet|PATH|none")
    parser.add_argument("--initial-weights", metavar="PATH|none", help="weights.pt or torch.pt2 to go on from")
    parser.add_argument("--normalization", choices=NORMALIZATIONS, help="how the encoder's weights expect pixels")
    parser.add_argument("--size", type=int, help="side of a training picture, px; a multiple of 32")
    parser.add_argument("--scales", help="one is drawn for each batch, whose size is multiplied: 0.75,1,1.25")
    parser.add_argument("--validation-size", type=int, help="of what is validated, px (--size)")
    parser.add_argument("--scenes", type=float, metavar="SHARE", help="of composed training pictures")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--passes", type=int, help="over the pictures to an epoch, each drawn anew")
    parser.add_argument("--batch-size", type=int, help="of all processes together")
    parser.add_argument("--learning-rate", type=float, help="of the decoder; the peak of the schedule")
    parser.add_argument("--encoder-rate", type=float, help="the pretrained parts' share of it")
    parser.add_argument("--weight-decay", type=float)
    parser.add_argument("--warmup-epochs", type=float)
    parser.add_argument("--ema-decay", type=float, help="of the averaged weights, a step; 0: no average")
    parser.add_argument("--freeze", type=int, metavar="BLOCKS", help="first blocks of the encoder kept as is")
    parser.add_argument("--lovasz", type=float, help="share of the Lovász hinge beside the pixel loss")
    parser.add_argument("--dice", type=float, help="share of soft Dice beside the pixel loss")
    parser.add_argument("--border-species", type=float, metavar="SHARE", help="of the loss of a border's species")
    parser.add_argument("--focal", type=float, metavar="GAMMA", help="0: cross entropy")
    parser.add_argument("--ohem", type=float, metavar="SHARE", help="of a picture's pixels, the hardest")
    parser.add_argument(
        "--class-balance", type=float, metavar="POWER", help="classes weigh frequency ** -POWER; 0: alike"
    )
    parser.add_argument("--teacher", metavar="MODEL|PATH|none", help="a model, weights.pt, or the .pth of DeepLab")
    parser.add_argument("--teacher-share", type=float, help="what part of the loss the teacher gives")
    parser.add_argument("--teacher-temperature", type=float)
    parser.add_argument("--teacher-size", type=int, help="side of what the teacher sees, px (its own)")
    parser.add_argument("--seed", type=int)
    parser.add_argument(
        "--min-side", type=int, metavar="PX", help="leaves out training pictures whose long side is shorter"
    )
    parser.add_argument("--limit", type=int, help="train on so many pictures only (for a trial)")
    parser.add_argument("--precision", choices=PRECISIONS, help="of the forward pass")
    parser.add_argument("--workers", type=int, help="loader processes")
    parser.set_defaults(**asdict(Recipe()))


# What must be the same for a resumed run to be the same run.
SETTINGS = (
    "network", "encoder_weights", "initial_weights", "normalization", "size", "scales", "scenes", "epochs",
    "passes", "batch_size", "learning_rate", "encoder_rate", "weight_decay", "warmup_epochs", "ema_decay", "freeze",
    "lovasz", "dice", "border_species", "focal", "ohem", "class_balance", "teacher", "teacher_share",
    "teacher_temperature", "teacher_size", "seed", "min_side", "limit", "precision",
)  # fmt: skip
ABOVE_ZERO = (
    "epochs", "passes", "batch_size", "learning_rate", "limit", "teacher_temperature", "teacher_size", "ohem",
    "stop_after", "validate_every", "keep_every",
)  # fmt: skip
ZERO_OR_MORE = (
    "encoder_rate", "weight_decay", "warmup_epochs", "ema_decay", "freeze", "lovasz", "dice", "border_species", "focal",
    "class_balance", "scenes", "teacher_share", "seed", "min_side", "workers",
)  # fmt: skip
AT_MOST_ONE = ("ohem", "scenes", "teacher_share")


def check_numbers(options: Mapping[str, object]) -> None:
    """Refuses numbers that are out of the range of the option of their name; the others it leaves alone.

    Raises:
        InputError: names the option, and says what is expected.
    """
    for name, value in options.items():
        if not isinstance(value, int | float):
            continue
        expected = None
        if name in ABOVE_ZERO and not 0 < value < math.inf:
            expected = "more than 0"
        elif name in ZERO_OR_MORE and not 0 <= value < math.inf:
            expected = "0 or more"
        elif name in AT_MOST_ONE and value > 1:
            expected = "1 at most"
        elif name == "ema_decay" and value >= 1:
            expected = "less than 1, such as 0.998"
        if expected:
            raise InputError(f"--{name.replace('_', '-')} is {value}; expected {expected}.")


def resumable_state(path: Path, settings: dict, resume: bool) -> dict | None:
    """The checkpoint to go on from, or None for a new run.

    Raises:
        InputError: there is one and `resume` is false, there is none and it is true, or it is of another run.
    """
    if not resume:
        if path.is_file():
            raise InputError(f"{path} is there already. Add --resume to go on, or name another --run.")
        return None
    state = checkpoint.load(path)
    check_same_run(path, state["settings"], settings)
    return state


def check_same_run(path: Path, recorded: dict, settings: dict) -> None:
    """Compares the settings in a file with those wanted; one that the file does not have was at its default.

    Raises:
        InputError: one differs; it is named.
    """
    recorded = Recipe().settings() | recorded
    for name, value in settings.items():
        if recorded[name] != value:
            raise InputError(
                f"{path} was made with {name} {recorded[name]!r}, not {value!r}. "
                "Give the options of the first start, or name another --run."
            )
