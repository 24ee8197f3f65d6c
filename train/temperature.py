"""Measures whether a model's probabilities should be tempered, and by how much; changes nothing.

    python -m train temperature --model models/fastsegnet --data ROOT

A temperature T divides the log-odds of "not background", so that p = sigmoid(log-odds / T). It is the T under which
the validation pictures are most likely, the border counted as pet. What it is worth is said honestly: fitted on half of
the pictures, measured on the other half, and the other way round.

Where it would go: divided into the logits (the last convolution's weights and biases over T) it costs nothing, but
moves masks a little, since three classes share "not background"; how many pixels, is measured too. Divided into the
log-odds themselves it moves no mask.

Source: Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, arXiv:1706.04599, section
4.2.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.calibration import Reliability
from engine.command import Outcome
from engine.dataset import BACKGROUND
from engine.evaluate import read_annotated
from engine.metrics import confusion_matrix, iou_per_class
from engine.postprocess import object_log_odds, protocol_mask, resize_planes
from engine.progress import track
from engine.segmenter import DEFAULT_BACKEND, Segmenter
from train.data import HashedSample, read_trainval, split

MODEL = Path("models/fastsegnet")
PIXELS = 20_000  # of each picture
COLDEST, HOTTEST = 0.1, 10.0
HALVINGS = 40  # of the range in which 1 / T lies: more digits than a float32 has


@dataclass(frozen=True)
class Odds:
    """Pixels of one picture: the log-odds of "not background", float64 (N,), and whether they are pet, bool (N,)."""

    log_odds: np.ndarray
    is_pet: np.ndarray


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, help="the model's folder")
    parser.add_argument("--backend", help="whose probabilities")
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="folder that holds oxford-iiit-pet/")
    parser.add_argument("--limit", type=int, help="so many validation pictures only (for a trial)")


def run(*, data: Path, model: Path = MODEL, backend: str = DEFAULT_BACKEND, limit: int | None = None) -> Outcome:
    """Measures and tells it; "temperature", "ece" (before, after), "moved" (share of pixels), "binary_iou" likewise."""
    samples = split(read_trainval(data), "validation")[:limit]
    segmenter = Segmenter.open(model, backend)
    pictures = read_odds(segmenter, samples)
    temperature = fit_temperature(pictures)
    before, after = expected_error(pictures, 1.0), crossed_error(pictures)
    print(f"{model} on {backend}, {len(samples)} validation pictures, border counted as pet")
    print(f"temperature {temperature:.3f}: ECE {before:.2%} -> {after:.2%} on pictures that it was not fitted on")
    moved, ious = tempered_masks(segmenter, samples, temperature)
    print(
        f"divided into the logits it moves {moved:.3%} of the pixels of the masks, and binary IoU from {ious[0]:.4f} "
        f'to {ious[1]:.4f}; divided into the log-odds of "not background", none'
    )
    return Outcome(
        {
            "model": str(model),
            "backend": backend,
            "images": len(samples),
            "temperature": temperature,
            "ece": {"before": before, "after": after},
            "moved": moved,
            "binary_iou": dict(zip(("before", "after"), ious, strict=True)),
        }
    )


def read_odds(segmenter: Segmenter, samples: Sequence[HashedSample]) -> list[Odds]:
    """Some pixels of every picture, the same every time."""
    rng = np.random.default_rng(0)
    pictures = []
    for hashed in track(samples, "reading probabilities"):
        picture, trimap = read_annotated(hashed.sample, segmenter.spec.size_hw)
        logits = resize_planes(segmenter.segment(picture).network_logits, picture.size_hw)
        chosen = rng.integers(trimap.size, size=PIXELS)
        log_odds = object_log_odds(logits).ravel()[chosen].astype(np.float64)
        pictures.append(Odds(log_odds, trimap.ravel()[chosen] != BACKGROUND))
    return pictures


def fit_temperature(pictures: Sequence[Odds]) -> float:
    """The temperature under which the pixels are most likely.

    The negative log-likelihood, a sum of log(1 + exp(-y b x)) with x the log-odds, y = 1 for pet and -1 for background,
    is convex in b = 1 / T; its slope, a sum of -y x sigmoid(-y b x), is halved in on.

    Example:
        Log-odds of 2 that are right three times in four: sigmoid(2 / T) = 3 / 4, so T = 2 / log(3) = 1.82.
    """
    signed = np.concatenate([np.where(each.is_pet, each.log_odds, -each.log_odds) for each in pictures])
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        slope = -(signed / (1 + np.exp(np.clip(middle * signed, -500, 500)))).sum()
        low, high = (middle, high) if slope < 0 else (low, middle)
    return 2 / (low + high)


def expected_error(pictures: Sequence[Odds], temperature: float) -> float:
    """Expected calibration error of the tempered probabilities."""
    reliability = Reliability()
    for each in pictures:
        reliability.add(1 / (1 + np.exp(-each.log_odds / temperature)), each.is_pet)
    return reliability.ece


def crossed_error(pictures: Sequence[Odds]) -> float:
    """The same on pictures that the temperature was not fitted on: each half tempered by what fits the other."""
    reliability = Reliability()
    halves = (pictures[::2], pictures[1::2])
    for fitted, measured in (halves, halves[::-1]):
        temperature = fit_temperature(fitted)
        for each in measured:
            reliability.add(1 / (1 + np.exp(-each.log_odds / temperature)), each.is_pet)
    return reliability.ece


def tempered_masks(
    segmenter: Segmenter, samples: Sequence[HashedSample], temperature: float
) -> tuple[float, tuple[float, float]]:
    """What dividing the logits moves: the share of pixels whose class changes, and binary IoU before and after."""
    moved, pixels = 0, 0
    counts = np.zeros((2, 2, 2), np.int64)
    for hashed in track(samples, "tempering masks"):
        picture, trimap = read_annotated(hashed.sample, segmenter.spec.size_hw)
        seen = segmenter.segment(picture)
        masks = [
            protocol_mask(seen.network_logits / by, picture.size_hw, len(seen.spec.objects))
            for by in (1.0, temperature)
        ]
        moved, pixels = moved + int(np.count_nonzero(masks[0] != masks[1])), pixels + masks[0].size
        is_pet = np.where(trimap != BACKGROUND, 1, 0)
        for number, mask in enumerate(masks):
            counts[number] += confusion_matrix(is_pet, mask > 0, 2)
    before, after = iou_per_class(counts)[:, 1]
    return moved / pixels, (float(before), float(after))
