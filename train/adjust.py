"""Adds a constant to a network's logits of the background and of the border, so that masks overlap better.

    python -m train adjust --run runs/fastsegnet --data ROOT

Training makes probabilities right, and the likeliest class is then right most often. An IoU asks for something else:
what is rare and thin, as the border is, should be named before it is the likeliest. The constants are those under which
validation scores best in the sum of the three IoUs that the border is a part of: binary, mean image and trimap. They go
into the last bias and cost nothing at run time. Species IoU leaves the border out and so prefers tighter masks: it
usually pays, and is told beside.

The constants are searched in steps of `STEP`, from none, always to the best neighbour. The new weights.pt, in --into,
is validated, and `export` takes it as any other.

Source: Menon et al., "Long-tail learning via logit adjustment", ICLR 2021 (arXiv:2007.07314), with constants that are
searched for; Lipton, Elkan, Narayanaswamy, "Optimal Thresholding of Classifiers to Maximize F1 Measure", ECML 2014
(arXiv:1402.1892), for why the likeliest is not the best.
"""

import argparse
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine.command import Outcome
from engine.dataset import CLASSES
from engine.files import Outputs
from engine.metrics import confusion_matrix, iou_per_class, mean_iou
from engine.postprocess import resize_planes
from engine.progress import track
from engine.segmenter import preprocess
from train import revision
from train.augment import BACKGROUND, BORDER
from train.data import CACHE_SIZE, PetCache, open_cache, split
from train.export import load_network
from train.networks import channels_last
from train.recipe import CACHE, RUN

STEP = 0.1  # of a logit
FARTHEST = 10  # steps
STRIDE = 2  # every second pixel of every second row of the cache's
TRIMAP_OF_CLASSES = np.array([0, 1, 1, 2], np.uint8)  # background, pet (cat or dog), border
NEIGHBOURS = sorted(product((-1, 0, 1), repeat=2), key=lambda step: abs(step[0]) + abs(step[1]))  # staying comes first


@dataclass(frozen=True)
class Pixels:
    """Some pixels of one picture.

    Attributes:
        powers: float32 (3, N), of background, pet (cat and dog together) and border: probabilities but for a factor.
        target: uint8 (N,), which of the three is annotated.
    """

    powers: np.ndarray
    target: np.ndarray


def add_arguments(parser: argparse.ArgumentParser) -> None:
    revision.add_arguments(parser, "adjustment")


def run(
    *, data: Path, run: Path = RUN, into: Path | None = None, cache: Path = CACHE, outputs: Outputs | None = None
) -> Outcome:
    """Adjusts a run's weights and validates them; see `train.revision`."""
    weights, path = revision.begin(run, into, "adjustment", outputs or Outputs())
    network = channels_last(load_network(weights))
    pictures = open_cache(data, cache)
    background, border = best_adjustment(read_pixels(network, pictures, weights["settings"]["size"]))
    print(f"the background's logit {background:+.1f}, the border's {border:+.1f}")
    adjust(network, background, border)
    return revision.finish(weights, network, pictures, "adjustment", {"background": background, "border": border}, path)


@torch.inference_mode()
def read_pixels(network: nn.Module, cache: PetCache, size: int) -> list[Pixels]:
    """Some pixels of every validation picture, the same every time."""
    pictures = []
    for hashed in track(split(cache.samples, "validation"), "reading logits"):
        pixels = cache.pixels[hashed.row]
        batch = torch.from_numpy(preprocess(pixels[:, :, :3], (size, size)))
        logits = resize_planes(network(batch)[0].numpy(), (CACHE_SIZE, CACHE_SIZE))[:, ::STRIDE, ::STRIDE]
        background, cat, dog, border = np.exp(logits - logits.max(axis=0)).reshape(len(logits), -1)
        target = TRIMAP_OF_CLASSES[pixels[::STRIDE, ::STRIDE, 3]]
        pictures.append(Pixels(np.stack([background, cat + dog, border]), target.ravel()))
    return pictures


def best_adjustment(pictures: Sequence[Pixels]) -> tuple[float, float]:
    """What is added to the logits of background and border, from none by the best neighbour."""

    @functools.cache
    def score(place: tuple[int, int]) -> float:
        return -np.inf if max(map(abs, place)) > FARTHEST else sum(overlaps(pictures, STEP * place[0], STEP * place[1]))

    place, last = (0, 0), None
    while place != last:
        last = place
        place = max(((last[0] + down, last[1] + right) for down, right in NEIGHBOURS), key=score)
    return round(STEP * place[0], 1), round(STEP * place[1], 1)


def overlaps(pictures: Sequence[Pixels], background: float, border: float) -> tuple[float, float, float]:
    """Binary, mean image and trimap IoU (as in `engine.metrics`) with these constants on the logits."""
    factors = np.exp(np.array([background, 0, border], np.float32))[:, None]
    trimap, binary = np.zeros((3, 3), np.int64), np.zeros((2, 2), np.int64)
    of_pictures = []
    for picture in pictures:
        powers = picture.powers * factors
        trimap += confusion_matrix(picture.target, powers.argmax(axis=0), 3)
        is_pet = powers[1] + powers[2] > powers[0]
        counts = confusion_matrix((picture.target > 0).astype(np.uint8), is_pet, 2)
        of_pictures.append(iou_per_class(counts)[1])
        binary += counts
    return float(iou_per_class(binary)[1]), float(np.mean(of_pictures)), mean_iou(trimap)


def adjust(network: nn.Module, background: float, border: float) -> None:
    """Adds constants to the logits of two classes, in the last bias of the network."""
    head = network.get_submodule("segmentation_head")
    *_, last = (module for module in head.children() if isinstance(module, nn.Conv2d))
    assert last.bias is not None
    # A class's channels lie beside each other (`train.networks.fastsegnet_cnn.PixelShuffle`).
    bias = last.bias.detach().view(len(CLASSES), -1)
    bias[BACKGROUND] += background
    bias[BORDER] += border
