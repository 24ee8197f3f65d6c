"""The options of a training run: what they are, which values they may have, and which make it the same run."""

import argparse
import math
import os
from pathlib import Path

from engine.errors import InputError
from train import checkpoint, networks
from train.networks.normalization import NORMALIZATIONS
from train.scales import parse_scales

PRECISIONS = ("auto", "float32", "bfloat16")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say what is trained, on what and how."""
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="folder that holds oxford-iiit-pet/")
    parser.add_argument("--run", type=Path, default=Path("runs/fastsegnet"), help="folder of this run's files")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"), help="folder of the decoded pictures")
    parser.add_argument("--network", default="fastsegnet-cnn", help=f"one of: {', '.join(networks.NETWORKS)}")
    parser.add_argument("--encoder-weights", default="imagenet", metavar="imagenet|PATH|none")
    parser.add_argument(
        "--initial-weights", default="none", metavar="PATH|none", help="weights.pt or torch.pt2 to go on from"
    )
    parser.add_argument(
        "--normalization", choices=NORMALIZATIONS, default="imagenet", help="how the encoder's weights expect pixels"
    )
    parser.add_argument("--size", type=int, default=256, help="side of a training picture, px; a multiple of 32")
    parser.add_argument(
        "--scales", default="1", help="one is drawn for each batch, whose size is multiplied: 0.75,1,1.25"
    )
    parser.add_argument("--validation-size", type=int, default=None, help="of what is validated, px (--size)")
    parser.add_argument("--scenes", type=float, default=None, metavar="SHARE", help="of composed training pictures")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--passes", type=int, default=1, help="over the pictures to an epoch, each drawn anew")
    parser.add_argument("--batch-size", type=int, default=16, help="of all processes together")
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="of the decoder; the peak of the schedule")
    parser.add_argument("--encoder-rate", type=float, default=0.3, help="the pretrained parts' share of it")
    parser.add_argument("--weight-decay", type=float, default=1e-2)
    parser.add_argument("--warmup-epochs", type=float, default=1.0)
    parser.add_argument("--ema-decay", type=float, default=0.998, help="of the averaged weights, a step; 0: no average")
    parser.add_argument(
        "--freeze", type=int, default=0, metavar="BLOCKS", help="first blocks of the encoder kept as is"
    )
    parser.add_argument("--lovasz", type=float, default=0.5, help="share of the Lovász hinge beside the pixel loss")
    parser.add_argument("--dice", type=float, default=0.0, help="share of soft Dice beside the pixel loss")
    parser.add_argument(
        "--border-species", type=float, default=0.0, metavar="SHARE", help="of the loss of a border's species"
    )
    parser.add_argument("--focal", type=float, default=0.0, metavar="GAMMA", help="0: cross entropy")
    parser.add_argument("--ohem", type=float, default=1.0, metavar="SHARE", help="of a picture's pixels, the hardest")
    parser.add_argument(
        "--class-balance", type=float, default=0.0, metavar="POWER", help="classes weigh frequency ** -POWER; 0: alike"
    )
    parser.add_argument(
        "--teacher", default="none", metavar="MODEL|PATH|none", help="a model, weights.pt, or the .pth of DeepLab"
    )
    parser.add_argument("--teacher-share", type=float, default=0.5, help="what part of the loss the teacher gives")
    parser.add_argument("--teacher-temperature", type=float, default=1.0)
    parser.add_argument("--teacher-size", type=int, default=None, help="side of what the teacher sees, px (its own)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--min-side", type=int, default=0, metavar="PX", help="leaves out training pictures whose long side is shorter"
    )
    parser.add_argument("--limit", type=int, default=None, help="train on so many pictures only (for a trial)")
    parser.add_argument("--precision", choices=PRECISIONS, default="auto", help="of the forward pass")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) // 2), help="loader processes")


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


def settings_of(args: argparse.Namespace) -> dict:
    """The options that make a run the same run, by name."""
    return {name: getattr(args, name) for name in SETTINGS}


def default_settings() -> dict:
    """What an option has that is not given, by name."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return {name: parser.get_default(name) for name in SETTINGS}


def check(args: argparse.Namespace) -> None:
    """Refuses values that no run can have.

    Raises:
        InputError: an option is out of its range; it is named.
    """
    for name in ("size", "validation_size"):
        side = getattr(args, name)
        if side is not None and (side % 32 or side <= 0):
            raise InputError(f"--{name.replace('_', '-')} is {side}; expected a multiple of 32, such as 256.")
    parse_scales(args.scales)
    for name, value in vars(args).items():
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
    recorded = default_settings() | recorded
    for name, value in settings.items():
        if recorded[name] != value:
            raise InputError(
                f"{path} was made with {name} {recorded[name]!r}, not {value!r}. "
                "Give the options of the first start, or name another --run."
            )
