"""Chooses when a pet counts as found, as perhaps and as none, and writes it into model.json and the card.

    python -m train threshold --model models/fastsegnet --data EVERYDAY --without FOLDER

What the thresholds apply to is the confidence of the INT8 model in a photo (`engine.segmenter.confidence_of`). They are
chosen by how many photos with a pet may fall below them, on the trainval split of EVERYDAY: to call a photo of a pet
"nothing" is the worse mistake. What that costs on photos without a pet is told beside it, and the whole curve is kept.
"""

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.command import Outcome
from engine.dataset import read_split
from engine.errors import InputError
from engine.images import photos_in
from engine.progress import track
from engine.segmenter import DEFAULT_BACKEND, Segmenter
from engine.spec import Finding, Model
from train.cards.card import write_card

CURVE = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
DIGITS = 3
LEAST = 0.5  # a confidence is more than that, or there is none


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, help="the model's folder")
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="everyday photos with a pet")
    parser.add_argument("--without", type=Path, required=True, metavar="FOLDER", help="photos without a pet")
    parser.add_argument("--nothing", type=float, metavar="SHARE", help="of the photos with a pet that may be called so")
    parser.add_argument("--unsure", type=float, metavar="SHARE", help="of them that may be called unsure or nothing")


def run(
    *,
    data: Path,
    without: Path,
    model: Path = Path("models/fastsegnet"),
    nothing: float = 0.02,
    unsure: float = 0.15,
) -> Outcome:
    """Chooses both thresholds and writes them.

    Args:
        data: root of a dataset of everyday photos with a pet; its trainval split is used.
        without: a folder of photos without one.
        model: the model's folder.
        nothing: the share of the photos with a pet that may be called nothing.
        unsure: the share of them that may be called unsure or nothing.

    Returns:
        "found" and "unsure", the thresholds; "photos", "photos_without", "called_nothing" and "not_found", what they
        were chosen on and by; "curve", what other thresholds would do.

    Raises:
        InputError: the data cannot be read, or the shares are none.
        ArtefactError, BackendUnavailableError: the INT8 model does not open.
    """
    if not 0 < nothing < unsure < 1:
        raise InputError(f"--nothing is {nothing:g} and --unsure {unsure:g}; expected 0 < nothing < unsure < 1.")
    opened = Model.open(model)
    photos, others = [sample.photo for sample in read_split(data, "trainval")], photos_in(without)
    segmenter = Segmenter.open(opened.folder, DEFAULT_BACKEND)
    with_pet, without_pet = (
        np.array([segmenter.predict(photo).confidence or 0.0 for photo in track(some, what)])
        for some, what in ((photos, "photos with a pet"), (others, "photos without one"))
    )
    finding = Finding(found=threshold(with_pet, unsure), unsure=threshold(with_pet, nothing))
    told = {
        "photos": len(with_pet),
        "photos_without": len(without_pet),
        "called_nothing": nothing,
        "not_found": unsure,
        "curve": curve(with_pet, without_pet),
    }
    spec = replace(opened.spec, finding=finding, evaluation=opened.spec.evaluation | {"finding": told})
    spec.save(opened.folder)
    write_card(spec, opened.folder)
    for name, value in asdict(finding).items():
        counted = point(with_pet, without_pet, value)
        print(
            f"{name:<7} from {value:.3f} on: {counted['below']:.1%} of {len(with_pet):,} photos with a pet are below, "
            f"{counted['false_alarms']:.1%} of {len(without_pet):,} without one are not"
        )
    return Outcome({**asdict(finding), **told})


def threshold(confidences: np.ndarray, share: float) -> float:
    """The confidence below which at most a share of the photos lie, rounded down to `DIGITS`; `LEAST` or more.

    A photo of which nothing is called a pet counts as 0, and no threshold finds one in it.

    Example:
        Of confidences 0.55, 0.60, .. 1.00 and a share of 0.2: 0.65, below which are two of ten.
    """
    value = np.sort(confidences)[int(share * len(confidences))]
    return max(LEAST, float(np.floor(value * 10**DIGITS + 1e-6) / 10**DIGITS))


def curve(with_pet: np.ndarray, without_pet: np.ndarray) -> list[dict[str, Any]]:
    """What each threshold would do, from the lowest that parts photos on."""
    values = sorted({threshold(with_pet, share) for share in CURVE} - {LEAST})
    return [point(with_pet, without_pet, value) for value in values]


def point(with_pet: np.ndarray, without_pet: np.ndarray, value: float) -> dict[str, Any]:
    """A point of the curve: the share of photos with a pet below a threshold, and of those without one that are not."""
    return {
        "threshold": value,
        "below": float((with_pet < value).mean()),
        "false_alarms": float((without_pet >= value).mean()),
    }
